//! `jeton init`: what it makes starts, and has an administrator.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{jeton::Jeton, terminal::Terminal};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[test]
fn what_is_made_starts_and_its_administrator_is_known_by_a_profile() {
    let home = tempfile::tempdir().expect("a directory");
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let service = home.path().join("service");
    let jeton = |line: &str| Jeton::new(line).with("HOME", text(home.path()));
    let ports = "--grpc-listen 127.0.0.1:0 --http-listen 127.0.0.1:0 --ops-listen 127.0.0.1:0";
    let init = || jeton("init").and(&text(&service));
    init().run().failed(2, &["no terminal to ask on", "--yes"]);
    let made = Jeton::new(&format!("init {} --yes {ports}", text(&service)));
    let made = made.with("HOME", text(home.path())).json();
    assert_eq!((&made["administrator"], &made["profile"]), (&"admin".into(), &"local".into()));

    let profiles = home.path().join(".config/jeton/profiles.toml");
    let settings = service.join("jeton.toml");
    assert_eq!((mode(&profiles), mode(&settings)), (0o600, 0o600));
    let secret = fs::read_to_string(&profiles).expect("the profiles");
    let (_, secret) = secret.split_once("client_secret = \"").expect("a secret");
    let secret = secret.split('"').next().expect("its end");
    assert!(!fs::read_to_string(&settings).expect("the settings").contains(secret));
    jeton("check --config").and(&text(&settings)).text();

    let mut serve = Command::new(env!("CARGO_BIN_EXE_jeton"));
    serve.args(["serve", "--config"]).arg(&settings).env_clear().env("JETON_LOG_FORMAT", "json");
    serve.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = serve.spawn().expect("jeton starts");
    let stderr = child.stderr.take().expect("its standard error is piped");
    let lines = BufReader::new(stderr).lines().map_while(Result::ok);
    let mut lines = lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok());
    let serving = lines.find(|line| line["message"] == "serving").expect("it serves");
    let url = format!("http://{}", serving["grpc"].as_str().expect("an address"));
    let status = jeton("status --profile local").with("JETON_SERVER", url).run();
    child.kill().expect("it served");
    child.wait().expect("it ends");
    status.succeeded();

    let again = Jeton::new(&format!("init {} --yes --profile other", text(&service)));
    again.with("HOME", text(home.path())).run().failed(1, &["jeton.toml", "exists"]);
    let other = Jeton::new(&format!("init {} --yes", text(&home.path().join("other"))));
    other.with("HOME", text(home.path())).run().failed(1, &["a profile [local] already"]);
}

#[test]
fn questions_are_asked_on_a_terminal_and_an_empty_line_takes_what_is_shown() {
    let home = tempfile::tempdir().expect("a directory");
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let init = |name: &str| {
        let directory = text(&home.path().join(name));
        Jeton::new(&format!("init --profile {name}"))
            .and(&directory)
            .with("HOME", text(home.path()))
    };
    let asked = ["Where gRPC listens [127.0.0.1:50051]: ", "Where the OAuth 2.0 endpoints listen"];
    let answers = "127.0.0.1:50061\n\n\n\nhttps://tokens.example.internal\n";
    let made = Terminal::new().answer(answers, &init("first"));
    assert_eq!(made.code, Some(0), "{}", made.err);
    for question in asked {
        assert!(made.err.contains(question), "{}", made.err);
    }
    assert!(made.err.contains("Start it: jeton serve --config"), "{}", made.err);
    let settings = fs::read_to_string(home.path().join("first/jeton.toml")).expect("settings");
    for line in [
        "listen = \"127.0.0.1:50061\"",
        "listen = \"127.0.0.1:8080\"",
        "issuer = \"https://tokens.example.internal\"",
    ] {
        assert!(settings.contains(line), "{settings}");
    }
    assert!(!settings.contains("[tls]"), "{settings}");

    // An address that other machines reach asks for a certificate, and text that is no address is
    // refused.
    let refused = Terminal::new().answer("0.0.0.0:50051\n\n\n\n", &init("second"));
    refused.failed(2, &["other machines reach that address"]);
    Terminal::new().answer("here\n", &init("third")).failed(2, &["an address is written"]);
    assert!(!home.path().join("second/jeton.toml").exists());
}

#[test]
fn what_other_machines_reach_has_tls_or_is_not_made() {
    let home = tempfile::tempdir().expect("a directory");
    let service = home.path().join("service");
    let init = format!("init {} --yes --grpc-listen 0.0.0.0:50051", service.display());
    let init = Jeton::new(&init).with("HOME", home.path().to_str().expect("UTF-8"));
    init.run().failed(2, &["--tls-cert"]);
    assert!(!service.join("jeton.toml").exists());
}
