//! The command line with the token of an account in place of a secret.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

use crate::{
    common::home::Home,
    scene::{Projected, World, token},
};

fn jeton(world: &World, home: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jeton"));
    command.args(line.split_whitespace()).env_clear().stdin(Stdio::null());
    command.env("JETON_SERVER", world.server.url()).env("HOME", home);
    command
}

fn text(mut command: Command) -> String {
    let Output { status, stdout, stderr } = command.output().expect("it runs");
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).expect("UTF-8").trim().to_owned()
}

fn refusal(mut command: Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.output().expect("it runs");
    assert!(!status.success(), "{}", String::from_utf8_lossy(&stdout));
    (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

#[tokio::test]
async fn every_command_takes_a_token_of_an_account_in_place_of_a_secret() {
    let world = World::start().await;
    let place = Home::new();
    let mut file = Projected::at(place.path());
    file.put(&token(&world, "operator"));
    let path = file.path();
    let as_operator = |line: &str| {
        let mut command = jeton(&world, place.path(), line);
        command.args(["--client-id", "operator", "--assertion-file", &path]);
        command
    };
    assert!(text(as_operator("client list")).contains("orders"));
    assert!(text(as_operator("status --field version")).contains('.'));
    let mut by_variable = jeton(&world, place.path(), "user list");
    by_variable.env("JETON_CLIENT_ID", "operator").env("JETON_ASSERTION_FILE", &path);
    assert!(text(by_variable).contains("alice"));
    let issued = text(as_operator("token issue --audience jeton --field access_token"));
    let with_input = |line: &str, input: &str| {
        let given = place.path().join("input");
        fs::write(&given, input).expect("a file");
        let mut command = as_operator(line);
        command.stdin(fs::File::open(given).expect("a file"));
        command
    };
    assert_eq!(text(with_input("token introspect --field active", &issued)), "true");
    assert_eq!(text(with_input("token revoke --field revoked", &issued)), "true");
    assert_eq!(text(with_input("token introspect --field active", &issued)), "false");
    world.server.stop().await;
}

#[tokio::test]
async fn a_load_is_made_with_a_token_of_an_account_in_place_of_a_secret() {
    let world = World::start().await;
    let place = Home::new();
    let mut file = Projected::at(place.path());
    file.put(&token(&world, "edge"));
    let path = file.path();
    let bench = || {
        let line =
            "bench --mix introspect,batch-introspect,issue,revoke --connections 2 --streams 2";
        let mut command = jeton(&world, place.path(), line);
        command.args([
            "--tokens",
            "20",
            "--warm-up",
            "0s",
            "--duration",
            "500ms",
            "--output",
            "json",
        ]);
        command.args(["--client-id", "edge", "--assertion-file", &path]);
        command
    };
    let report: Value = serde_json::from_str(&text(bench())).expect("JSON");
    for call in ["introspect", "batch-introspect", "issue", "revoke"] {
        let seen = &report["calls"][call];
        assert!(seen["answered"].as_u64() > Some(0), "{call}: {report}");
        assert_eq!(seen["refused"], json!({}), "{call}: {report}");
    }
    file.remove();
    let (code, told) = refusal(bench());
    assert!(code == Some(1) && told.contains("projected/token: No such file"), "{told}");
    world.server.stop().await;
}

#[tokio::test]
async fn a_login_keeps_the_place_of_the_token_and_every_later_command_reads_it() {
    let world = World::start().await;
    let place = Home::new();
    let mut file = Projected::at(place.path());
    file.put(&token(&world, "stranger"));
    let path = file.path();
    let login = || {
        let mut command = jeton(&world, place.path(), "login prod --client-id operator");
        command.args(["--assertion-file", &path]);
        command
    };
    let profiles = place.path().join(".config/jeton/profiles.toml");
    let (code, told) = refusal(login());
    assert!(code == Some(1) && told.contains("INVALID_CLIENT") && !profiles.exists(), "{told}");
    let first = token(&world, "operator");
    file.put(&first);
    text(login());
    let kept = fs::read_to_string(&profiles).expect("a file");
    assert!(kept.contains(&format!("assertion_file = {path:?}")), "{kept}");
    assert!(!kept.contains("client_secret") && !kept.contains(&first[..40]), "{kept}");
    let list = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jeton"));
        command.args(["client", "list", "--profile", "prod"]).env_clear();
        command.env("HOME", place.path()).stdin(Stdio::null());
        command
    };
    assert!(text(list()).contains("orders"));
    file.put(&token(&world, "orders"));
    let (code, told) = refusal(list());
    assert!(code == Some(1) && told.contains("INVALID_CLIENT"), "{told}");
    file.put(&token(&world, "operator"));
    assert!(text(list()).contains("orders"));
    // It is shown for the profile's own client only.
    let mut other = list();
    let (code, told) = refusal({
        other.args(["--client-id", "shop"]);
        other
    });
    assert!(code == Some(2) && told.contains("JETON_CLIENT_SECRET"), "{told}");
    world.server.stop().await;
}

#[tokio::test]
async fn what_is_no_token_is_refused_before_it_is_sent_and_never_printed() {
    let world = World::start().await;
    let place = Home::new();
    let mut file = Projected::at(place.path());
    let path = file.path();
    let list = |path: &str| {
        let mut command = jeton(&world, place.path(), "client list --client-id operator");
        command.args(["--assertion-file", path]);
        command
    };
    let (code, told) = refusal(list(&path));
    assert!(code == Some(1) && told.contains("projected/token: No such file"), "{told}");
    file.put("hidden-secret");
    let (code, told) = refusal(list(&path));
    assert!(
        code == Some(1) && told.contains("no signed JWT") && !told.contains("hidden"),
        "{told}"
    );
    let good = token(&world, "operator");
    let (code, told) = refusal(list(&good));
    assert!(code == Some(2) && !told.contains(&good[..20]), "{told}");
    file.put(&good);
    let mut both = list(&path);
    both.env("JETON_CLIENT_SECRET", "hidden-secret");
    let (code, told) = refusal(both);
    assert!(code == Some(2) && told.contains("both prove") && !told.contains("hidden"), "{told}");
    world.server.stop().await;
}
