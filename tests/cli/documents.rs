//! `jeton completions` and `jeton man`.

use std::{
    fs,
    io::Write as _,
    process::{Command, Output, Stdio},
};

use crate::jeton::Jeton;

const COMMANDS: [&str; 10] = [
    "serve",
    "token",
    "client",
    "user",
    "grant",
    "status",
    "health",
    "check",
    "completions",
    "man",
];

#[test]
fn bash_takes_the_completions() {
    let script = Jeton::new("completions bash").text();
    for command in COMMANDS {
        assert!(script.contains(&format!("jeton__subcmd__{command}")), "{command}");
    }
    assert!(bash(&["-n"], &script).status.success());
}

/// Runs bash on a script that is too long for its command line.
fn bash(arguments: &[&str], script: &str) -> Output {
    let bash =
        Command::new("bash").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut bash = bash.expect("bash runs");
    let mut stdin = bash.stdin.take().expect("a pipe");
    stdin.write_all(script.as_bytes()).expect("bash reads");
    drop(stdin);
    bash.wait_with_output().expect("bash ends")
}

/// Completing the way bash does it: the function is called with the words typed so far.
#[test]
fn bash_completes_commands_flags_and_words() {
    let script = Jeton::new("completions bash").text();
    let complete = |words: &[&str]| {
        let typed = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
        let last = words.len() - 1;
        let (current, previous) = (words[last], words[last - 1]);
        let ask = format!(
            "{script}\nCOMP_WORDS=({typed}); COMP_CWORD={last}\n\
             _jeton jeton '{current}' '{previous}'\necho \"${{COMPREPLY[@]}}\""
        );
        String::from_utf8(bash(&[], &ask).stdout).expect("UTF-8").trim().to_owned()
    };
    assert_eq!(complete(&["jeton", "cl"]), "client");
    assert_eq!(complete(&["jeton", "client", "rot"]), "rotate-secret");
    assert_eq!(complete(&["jeton", "grant", "revoke-all", "--dry"]), "--dry-run");
    let words = complete(&["jeton", "client", "create", "--introspect", ""]);
    assert_eq!(words, "own audience any");
}

#[test]
fn other_shells_have_completions_too() {
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        let script = Jeton::new("completions").and(shell).text();
        assert!(script.contains("revoke-all"), "{shell}");
    }
}

#[test]
fn the_manual_page_names_every_command() {
    let page = Jeton::new("man").text();
    assert!(page.contains(".TH jeton 1"), "{page}");
    for command in COMMANDS {
        assert!(page.contains(&format!("jeton\\-{command}(1)")), "{command}: {page}");
    }
    assert!(page.contains("JETON_PROFILE"), "{page}");
}

#[test]
fn the_manual_has_a_page_for_every_command() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().to_str().expect("UTF-8");
    assert_eq!(Jeton::new("man --dir").and(path).text(), "");
    for page in ["jeton.1", "jeton-client.1", "jeton-client-create.1", "jeton-grant-revoke-all.1"] {
        let text = fs::read_to_string(directory.path().join(page)).expect("a page");
        assert!(text.contains(".SH OPTIONS"), "{page}");
    }
    let gone = directory.path().join("gone");
    Jeton::new("man --dir").and(gone.to_str().expect("UTF-8")).run().failed(1, &["directory"]);
}
