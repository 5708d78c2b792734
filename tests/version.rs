//! `jeton --version` names the commit that it was built from, or none where nobody knows it.

#[path = "../build/commit.rs"]
mod commit;
#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::{fs, path::Path, process::Command};

use jeton::app::VERSION;
use tempfile::TempDir;

use crate::common::{command::run, home::Home};

/// git, of nobody's settings.
fn git(directory: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(directory).args(["-c", "user.name=a", "-c", "user.email=a@example.com"]);
    let output = command.args(arguments).output().expect("git runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}

/// A directory with everything that goes into the program, and a page that does not.
fn sources() -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for input in commit::INPUTS {
        fs::write(directory.path().join(input), "as it was").expect("a file");
    }
    fs::write(directory.path().join("README.md"), "as it was").expect("a file");
    directory
}

fn commit_all(directory: &Path) {
    git(directory, &["add", "."]);
    git(directory, &["commit", "--quiet", "--message", "all of it"]);
}

#[test]
fn a_clone_is_its_commit_and_a_changed_one_says_so() {
    let clone = sources();
    let path = clone.path();
    git(path, &["init", "--quiet"]);
    assert_eq!(commit::of(path), None, "there is no commit yet");
    commit_all(path);
    let head = git(path, &["rev-parse", "--short=12", "HEAD"]);
    assert_eq!(commit::of(path), Some(head.clone()));
    fs::write(path.join("README.md"), "another").expect("a file");
    assert_eq!(commit::of(path), Some(head.clone()), "it is the same program");
    for input in commit::INPUTS {
        fs::write(path.join(input), "another").expect("a file");
        assert_eq!(commit::of(path), Some(format!("{head}+changes")), "{input}");
        git(path, &["checkout", "--quiet", "--", input]);
    }
    // The files that show that there is another commit to ask for.
    let log = commit::log(path).expect("a log");
    let before = fs::read(&log).expect("the log");
    commit_all(path);
    assert_ne!(fs::read(&log).expect("the log"), before);
}

#[test]
fn what_is_no_clone_is_no_commit() {
    let archive = sources();
    assert_eq!(commit::of(archive.path()), None);
    // Unpacked within the repository of something else.
    let other = sources();
    git(other.path(), &["init", "--quiet"]);
    commit_all(other.path());
    let within = other.path().join("unpacked");
    fs::create_dir(&within).expect("a directory");
    assert_eq!(commit::of(&within), None);
}

#[test]
fn the_command_says_the_release_and_the_commit_where_there_is_one() {
    assert_eq!(commit::version("1.2.3", ""), "1.2.3");
    assert_eq!(commit::version("1.2.3", "0123456789ab"), "1.2.3 (0123456789ab)");
    assert!(VERSION.starts_with(env!("CARGO_PKG_VERSION")));
    let output = run(&Home::new(), &["--version"]);
    assert_eq!(output.stdout, format!("jeton {VERSION}\n").into_bytes());
}
