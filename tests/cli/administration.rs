//! The session of docs/administration.md works as it stands.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use serde_json::Value;
use tempfile::TempDir;

/// `jeton serve --dev` in a directory of its own.
struct Dev {
    child: Child,
    url: String,
    directory: TempDir,
}

impl Dev {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let free = ["--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_jeton"));
        command.args(["serve", "--dev"]).args(free).env_clear().env("JETON_LOG_FORMAT", "json");
        command.current_dir(&directory).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("jeton starts");
        let stderr = child.stderr.take().expect("its standard error is piped");
        let lines = BufReader::new(stderr).lines().map_while(Result::ok);
        let mut lines = lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        let serving = lines.find(|line| line["message"] == "serving").expect("it serves");
        let url = format!("http://{}", serving["grpc"].as_str().expect("an address"));
        // A log that nobody reads would fill its pipe.
        thread::spawn(move || lines.for_each(drop));
        Self { child, url, directory }
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // Fails when it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The first block of shell commands in the page.
fn session() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands.md");
    let page = fs::read_to_string(page).expect("the page");
    let (_, block) = page.split_once("```sh\n").expect("a block");
    block.split_once("```").expect("its end").0.to_owned()
}

#[test]
fn every_command_of_the_session_works_against_the_dev_server() {
    let dev = Dev::start();
    let commands = session();
    let binary = Path::new(env!("CARGO_BIN_EXE_jeton")).parent().expect("a directory");
    let path = format!("{}:/usr/bin:/bin", binary.display());
    let mut bash = Command::new("bash");
    bash.args(["-e", "-o", "pipefail", "-c", &commands]).env_clear().env("PATH", path);
    bash.env("JETON_SERVER", &dev.url).current_dir(&dev.directory).stdin(Stdio::null());
    let output = bash.output().expect("bash runs");
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{commands}\n{out}\n{err}");
    assert_eq!(out.matches("jcs_").count(), 2, "{out}");
    assert!(out.contains("carol"), "{out}");
    let status = out.lines().last().map(serde_json::from_str::<Value>);
    assert!(status.is_some_and(|status| status.is_ok()), "{out}");
}
