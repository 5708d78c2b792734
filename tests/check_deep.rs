//! `jeton check --deep` tells what a server with the same settings would find on this machine.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::{
    fs::{self, File, Permissions},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Output,
    time::{Duration, SystemTime},
};

use serde_json::Value;

use crate::common::{
    command::{jeton, text},
    home::Home,
    server::Server,
    settings::Settings,
};

/// What is wrong with nothing but the home's own settings changed by variables.
struct Checked {
    code: Option<i32>,
    findings: Vec<Value>,
    said: String,
}

impl Checked {
    /// Checks the settings file of a home.
    fn run(home: &Home, environment: &[(&str, &str)]) -> Self {
        let file = home.path().join("jeton.toml");
        let output = check(home, &file, &["--output", "json"], environment);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let findings: Value = serde_json::from_slice(&output.stdout).expect(&said);
        let findings = findings.as_array().expect("a list").clone();
        Self { code: output.status.code(), findings, said }
    }

    /// Insists on one finding with that level and subject that says this, with something to do.
    #[track_caller]
    fn says(&self, level: &str, subject: &str, part: &str) {
        let found = self.findings.iter().any(|finding| {
            let remedy = finding["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty());
            let found = finding["found"].as_str().is_some_and(|found| found.contains(part));
            finding["level"] == level
                && finding["subject"] == subject
                && found
                && remedy == (level != "good")
        });
        assert!(found, "{level} {subject} {part}: {:#?}", self.findings);
        let errors = self.findings.iter().any(|finding| finding["level"] == "error");
        assert_eq!(self.code, Some(i32::from(errors)), "{}", self.said);
    }

    #[track_caller]
    fn has_no_errors(&self) {
        assert_eq!(self.code, Some(0), "{:#?}", self.findings);
    }
}

/// Free ports, unless a test names others.
fn check(home: &Home, file: &Path, more: &[&str], environment: &[(&str, &str)]) -> Output {
    let arguments = [&["check", "--deep", "--config", text(file)], more].concat();
    let free = ["JETON_GRPC_LISTEN", "JETON_HTTP_LISTEN", "JETON_OPS_LISTEN"];
    let mut command = jeton(home, &arguments);
    command.envs(free.map(|name| (name, "127.0.0.1:0"))).envs(environment.iter().copied());
    command.output().expect("jeton runs")
}

/// A home with a store, keys and settings that a server has left in order.
async fn left(settings: &Settings) -> Home {
    Server::start(settings).await.stop().await
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("chmod");
}

#[tokio::test]
async fn a_home_in_order_has_no_errors_before_beside_and_after_a_server() {
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    let taken = [("JETON_GRPC_LISTEN", server.address())];
    let beside = Checked::run(server.home(), &taken);
    beside.has_no_errors();
    beside.says("good", "store", "in use by a server");
    beside.says("good", "ports", "in use while a server runs");
    beside.says("warning", "password grant", "shop");
    let home = server.stop().await;
    let after = Checked::run(&home, &[]);
    after.has_no_errors();
    after.says("good", "store", "in use by nobody");
    after.says("good", "keys", "is active");
    after.says("good", "clock", "it says 20");
    after.says("good", "credentials", "none of those");
    // Whatever it looked at is as it was: a server starts.
    Server::start_at(home, &settings).await.stop().await;

    let fresh = left(&settings).await;
    fs::remove_dir_all(fresh.data()).expect("the store");
    fs::remove_dir_all(fresh.keys()).expect("the keys");
    let before = Checked::run(&fresh, &[]);
    before.has_no_errors();
    before.says("good", "store", "a start makes it");
    before.says("good", "keys", "a start makes it");
    assert!(!fresh.data().exists() && !fresh.keys().exists(), "nothing is made");
}

#[tokio::test]
async fn one_line_a_finding_says_what_to_do() {
    let home = left(&Settings::standard()).await;
    chmod(&home.data(), 0o755);
    let output = check(&home, &home.path().join("jeton.toml"), &[], &[]);
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let data = home.data();
    let line = format!(
        "warning access: the data directory {0} is open to others (mode 755): chmod 700 {0}",
        text(&data)
    );
    assert!(said.lines().any(|said| said == line), "{said}");
    let level = |line: &str| ["good ", "warning ", "error "].iter().any(|l| line.starts_with(l));
    assert!(said.lines().all(level), "{said}");
}

#[tokio::test]
async fn what_others_can_reach_is_warned_of_and_what_everybody_can_replace_is_refused() {
    let home = left(&Settings::standard()).await;
    for directory in [home.data(), home.keys()] {
        chmod(&directory, 0o777);
        Checked::run(&home, &[]).says("error", "access", "can be replaced by everybody here");
        let said = Server::fail_to_start(&home, &Settings::standard()).await;
        assert!(said.contains("can be replaced by everybody here (mode 777): chmod 700"), "{said}");
        chmod(&directory, 0o750);
    }
    let key = home.path().join("server.key");
    fs::write(&key, "").expect("a file");
    chmod(&key, 0o644);
    let tls = [("JETON_TLS_CERT", text(&key)), ("JETON_TLS_KEY", text(&key))];
    let found = "the private key of TLS";
    Checked::run(&home, &tls).says("warning", "access", found);
    let server = Server::start_at(home, &Settings::standard()).await;
    for words in ["the data directory", "the key ring"] {
        let warned = |line: &str| {
            line.contains("WARN") && line.contains(words) && line.contains("is open to others")
        };
        assert!(server.log().lines().any(warned), "{}", server.log());
    }
    server.stop().await;
}

#[tokio::test]
async fn what_others_can_read_is_told() {
    let home = left(&Settings::standard()).await;
    chmod(&home.path().join("jeton.toml"), 0o644);
    chmod(&home.keys(), 0o750);
    let checked = Checked::run(&home, &[]);
    checked.says("warning", "settings", "others can read it");
    checked.says("warning", "access", "open to others (mode 750)");
    for entry in fs::read_dir(home.keys()).expect("the keys") {
        chmod(&entry.expect("an entry").path(), 0o644);
    }
    Checked::run(&home, &[]).says("error", "keys", "must not be readable by group or others");
}

#[tokio::test]
async fn keys_that_are_gone_or_lie_beside_the_data_are_told() {
    let home = left(&Settings::standard()).await;
    let inside = home.data().join("keys");
    fs::rename(home.keys(), &inside).expect("moved");
    Checked::run(&home, &[]).says("error", "keys", "holds none, and there is a store");
    let checked = Checked::run(&home, &[("JETON_KEYS_PATH", text(&inside))]);
    checked.says("warning", "keys", "lies in the data directory");
    checked.has_no_errors();
}

#[tokio::test]
async fn a_clock_behind_the_last_write_is_an_error() {
    let home = left(&Settings::standard()).await;
    #[expect(clippy::disallowed_methods, reason = "a file is to be from the future")]
    let tomorrow = SystemTime::now() + Duration::from_secs(86_400);
    let floor = File::options().write(true).open(home.data().join("floor")).expect("the floor");
    floor.set_modified(tomorrow).expect("a time");
    Checked::run(&home, &[]).says("error", "clock", "behind the last write of");
}

#[tokio::test]
async fn a_disk_that_is_too_full_is_an_error() {
    let home = left(&Settings::standard()).await;
    let checked = Checked::run(&home, &[("JETON_MIN_FREE_SPACE", "1TiB")]);
    checked.says("error", "space", "nothing would be issued");
    let checked = Checked::run(&home, &[("JETON_MIN_FREE_SPACE", "0")]);
    checked.says("warning", "space", "nothing keeps the store from filling the disk");
}

#[tokio::test]
async fn a_port_that_another_has_or_two_listeners_share_is_an_error() {
    let home = left(&Settings::standard()).await;
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = other.local_addr().expect("its address").to_string();
    let checked = Checked::run(&home, &[("JETON_HTTP_LISTEN", &address)]);
    checked.says("error", "ports", &format!("http cannot listen on {address}"));
    drop(other);
    let both = [("JETON_HTTP_LISTEN", &*address), ("JETON_OPS_LISTEN", &address)];
    Checked::run(&home, &both).says("error", "ports", &format!("ops cannot listen on {address}"));
    // An address of documentation (RFC 5737): nobody has it.
    let foreign = [("JETON_OPS_LISTEN", "192.0.2.1:9090")];
    Checked::run(&home, &foreign).says("error", "ports", "ops cannot listen on 192.0.2.1:9090");
}

#[tokio::test]
async fn plaintext_beyond_this_machine_is_told() {
    let home = left(&Settings::standard()).await;
    let open = [
        ("JETON_ALLOW_PLAINTEXT", "true"),
        ("JETON_GRPC_LISTEN", "0.0.0.0:0"),
        ("JETON_OPS_LISTEN", "0.0.0.0:0"),
        ("JETON_HTTP_ISSUER", "http://tokens.example.internal"),
    ];
    let checked = Checked::run(&home, &open);
    checked.says("warning", "plaintext", "grpc listens on 0.0.0.0:0 without TLS");
    checked.says("warning", "plaintext", "ops on 0.0.0.0:0");
    checked.says("warning", "plaintext", "http.issuer is http://");
    Checked::run(&home, &[]).says("good", "plaintext", "unencrypted");
}

#[tokio::test]
async fn credentials_that_everybody_knows_are_an_error() {
    let settings = Settings::standard().declare("shop", "secret", "'demo-secret'").declare(
        "bob",
        "password",
        "'demo-password'",
    );
    let home = left(&settings).await;
    let checked = Checked::run(&home, &[]);
    checked.says("error", "credentials", "client shop, user bob");
    assert!(checked.said.contains("not fit to serve: errors: 1"), "{}", checked.said);
    let printed = format!("{:?}{}", checked.findings, checked.said);
    assert!(!printed.contains("demo-"), "no secret is printed: {printed}");
}

#[test]
fn the_settings_of_the_first_look_are_not_fit_to_serve() {
    let home = Home::new();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/dev.toml");
    let output = check(&home, &file, &["--output", "json"], &[]);
    assert_eq!(output.status.code(), Some(1));
    let findings = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(findings.contains("client demo, client admin, user alice"), "{findings}");
}

#[test]
fn it_needs_settings_and_no_store() {
    let home = Home::new();
    let nothing = jeton(&home, &["check", "--deep"]).output().expect("jeton runs");
    assert_eq!(nothing.status.code(), Some(2));
    let both = jeton(&home, &["check", "--deep", "--store", "a"]).output().expect("jeton runs");
    assert_eq!(both.status.code(), Some(2));
}
