//! What `jeton serve --dev` is for, and what it is not.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
};

const LISTENERS: [&str; 6] =
    ["--grpc-listen", "0.0.0.0:0", "--http-listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"];
const WARNING: &str = "everybody knows the credentials of --dev";

fn first_look(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jeton"));
    command.args(["serve", "--dev"]).args(LISTENERS).args(arguments).env_clear();
    command.env("JETON_LOG_FORMAT", "json").current_dir(directory);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

#[test]
fn what_is_for_a_first_look_is_not_for_other_machines() {
    let directory = tempfile::tempdir().expect("a directory");
    let encrypted = ["--tls-cert", "server.pem", "--tls-key", "server.key"];
    let output = first_look(directory.path(), &encrypted).output().expect("jeton runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains(WARNING), "{said}");
    assert!(said.contains("0.0.0.0:0"), "{said}");
    assert!(!directory.path().join("jeton-dev").exists(), "nothing was begun");

    let mut child =
        first_look(directory.path(), &["--allow-plaintext"]).spawn().expect("it starts");
    let stderr = child.stderr.take().expect("its standard error is piped");
    let lines = BufReader::new(stderr).lines().map_while(Result::ok);
    let said: Vec<_> = lines.take_while(|line| !line.contains("\"serving\"")).collect();
    child.kill().expect("it served");
    child.wait().expect("it ends");
    let warned = said.iter().any(|line| line.contains("WARN") && line.contains(WARNING));
    assert!(warned, "{said:?}");
}

/// Whatever reads the log reads why it ends.
#[test]
fn why_a_server_ends_is_said_in_the_form_of_its_log() {
    let directory = tempfile::tempdir().expect("a directory");
    let held = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = held.local_addr().expect("its address").to_string();
    for (format, json) in [("json", true), ("human", false)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jeton"));
        let ports = ["--grpc-listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"];
        command.args(["serve", "--dev"]).args(ports).args(["--http-listen", &taken]).env_clear();
        command.env("JETON_LOG_FORMAT", format).current_dir(&directory);
        let output = command.output().expect("jeton runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        let last = said.lines().last().expect("a line");
        assert!(last.contains("Address already in use"), "{said}");
        let read = serde_json::from_str::<serde_json::Value>(last);
        assert_eq!(read.is_ok_and(|line| line["level"] == "ERROR"), json, "{said}");
    }
}
