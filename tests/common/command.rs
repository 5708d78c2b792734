//! `jeton`'s other commands, run to their end beside a server.

use std::{
    ffi::OsString,
    path::Path,
    process::{Command, Output},
};

use super::home::Home;

/// The program under test: the one that cargo built with the tests, unless `JETON_BINARY` names another.
pub(crate) fn binary() -> OsString {
    named().unwrap_or_else(|| env!("CARGO_BIN_EXE_jeton").into())
}

/// Returns whether `JETON_BINARY` names the program under test.
pub(crate) fn is_named() -> bool {
    named().is_some()
}

#[expect(clippy::disallowed_methods, reason = "what a person asks of a test run")]
fn named() -> Option<OsString> {
    std::env::var_os("JETON_BINARY")
}

/// A command about to be run in a home directory, with nothing in its environment.
pub(crate) fn jeton(home: &Home, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).current_dir(home.path()).env_clear();
    command
}

/// Runs a command in a home directory.
pub(crate) fn run(home: &Home, arguments: &[&str]) -> Output {
    jeton(home, arguments).output().expect("jeton runs")
}

/// Runs a command that must succeed, and reads the JSON it prints.
#[track_caller]
pub(crate) fn succeed(home: &Home, arguments: &[&str]) -> serde_json::Value {
    let output = run(home, &[arguments, &["--output", "json"]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Runs a command that must fail with exit code 1, and returns its messages.
#[track_caller]
pub(crate) fn fail(home: &Home, arguments: &[&str]) -> String {
    let output = run(home, arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}
