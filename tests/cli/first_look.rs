//! Uses of `jeton serve --dev`, and its limits.

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

/// A reader of the log finds the reason for the end there.
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

/// The log of a first server must not read like a list of faults.
#[test]
fn a_first_look_has_a_demo_client_and_no_warnings_of_it_and_the_seeds_only_when_asked() {
    for (arguments, seeds) in [(&[][..], false), (&["--seeds"][..], true)] {
        let directory = tempfile::tempdir().expect("a directory");
        let mut command = Command::new(env!("CARGO_BIN_EXE_jeton"));
        let ports = ["--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"];
        command.args(["serve", "--dev"]).args(ports).args(arguments).env_clear();
        command.env("JETON_LOG_FORMAT", "json").env("JETON_OPS_LISTEN", "off");
        command.current_dir(&directory).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let stderr = child.stderr.take().expect("its standard error is piped");
        let lines = BufReader::new(stderr).lines().map_while(Result::ok);
        let mut said = Vec::new();
        let mut address = None;
        for line in lines {
            let read: serde_json::Value = serde_json::from_str(&line).expect("JSON");
            if read["message"] == "serving" {
                address = read["grpc"].as_str().map(str::to_owned);
                break;
            }
            said.push(line);
        }
        let url = format!("http://{}", address.expect("it serves"));
        let list = crate::jeton::Jeton::new("client list --field client_id");
        let list = list.with("JETON_SERVER", url).with("JETON_CLIENT_ID", "admin");
        let clients = list.with("JETON_CLIENT_SECRET", "admin-secret").text();
        child.kill().expect("it served");
        child.wait().expect("it ends");
        assert_eq!(clients == "admin\ndemo\n", !seeds, "{clients}");
        assert_eq!(clients.contains("test_client_id"), seeds, "{clients}");
        assert!(!said.iter().any(|line| line.contains("RFC 9700")), "{said:?}");
    }
}
