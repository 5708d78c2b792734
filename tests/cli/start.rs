//! `jeton serve` that does not come to a log of its own says why in the form that the log would have.

use std::{fs, path::Path};

use serde_json::Value;
use tempfile::TempDir;

use crate::jeton::{Jeton, Ran};

/// A settings file of this text.
fn file(directory: &TempDir, text: &str) -> String {
    let path = directory.path().join("jeton.toml");
    fs::write(&path, text).expect("a file");
    path.to_str().expect("UTF-8").to_owned()
}

/// The messages of what was said, which is JSON, a line each.
#[track_caller]
fn messages(ran: &Ran) -> Vec<String> {
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{ran:?}");
    let lines = ran.err.lines().map(serde_json::from_str::<Value>);
    let lines = lines.map(|line| line.unwrap_or_else(|error| panic!("{error}: {ran:?}")));
    lines.map(|line| line["message"].as_str().expect("a message").to_owned()).collect()
}

#[test]
fn faults_of_the_settings_are_json_where_a_flag_a_variable_or_the_file_says_so() {
    const FAULTY: &str = "[grpc]\nlisten = 1\n[tokens]\nretry_window = \"1y\"\n";
    let directory = tempfile::tempdir().expect("a directory");
    let serve = |text: &str| Jeton::new("serve --config").and(&file(&directory, text));
    let in_json = [
        serve(FAULTY).and("--log-format").and("json"),
        serve(FAULTY).with("JETON_LOG_FORMAT", "json"),
        serve(&format!("{FAULTY}[log]\nformat = \"json\"\n")),
    ];
    for serve in in_json {
        let said = messages(&serve.run());
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].contains("2:1: grpc.listen: ") && said[1].contains("tokens."), "{said:?}");
    }
    serve(FAULTY).run().failed(1, &["grpc.listen: ", "tokens.retry_window: "]);
    let human = format!("{FAULTY}[log]\nformat = \"json\"\n");
    serve(&human).and("--log-format").and("human").run().failed(1, &["grpc.listen: "]);
}

#[test]
fn so_is_what_keeps_the_log_from_its_start_or_the_file_from_being_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let text = format!(
        "[log]\nformat = \"json\"\n[audit]\ntarget = \"file:{}\"\n",
        directory.path().display()
    );
    let said = messages(&Jeton::new("serve --config").and(&file(&directory, &text)).run());
    assert!(said.len() == 1 && said[0].contains("the audit file"), "{said:?}");
    let absent = Path::new("/nowhere/jeton.toml").to_str().expect("UTF-8");
    let serve = Jeton::new("serve --config").and(absent).with("JETON_LOG_FORMAT", "json");
    let said = messages(&serve.run());
    assert!(said.len() == 1 && said[0].contains("cannot be read"), "{said:?}");
}
