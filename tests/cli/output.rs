//! Formats of answers: one field, YAML, tables that fit, and what happens where nothing can be
//! printed.

use std::{fs::File, process::Stdio};

use crate::jeton::{Administered, Jeton};

/// The columns of the longest line.
fn width(text: &str) -> usize {
    text.lines().map(|line| line.chars().count()).max().unwrap_or_default()
}

#[tokio::test]
async fn one_field_is_printed_alone() {
    let server = Administered::start().await;
    let get = |field: &str| server.jeton("client get shop --field").and(field);
    assert_eq!(get("client_id").text(), "shop\n");
    assert_eq!(get("grant_types").text(), "password\nclient_credentials\nrefresh_token\n");
    assert_eq!(get("client_id,scopes").text(), "shop\tread,write\n");
    let ids = server.jeton("client list --prefix r --field client_id").text();
    assert_eq!(ids, "rival\nroot\n");
    assert_eq!(server.jeton("client list --prefix zz --field client_id").text(), "");
    assert_eq!(server.jeton("status --field store.engine").text(), "sled\n");
    get("nothing").run().failed(1, &["no field nothing", "client_id, client_type"]);
    let token = server.as_client("shop", "token issue --field access_token").text();
    let shown = server.as_client("shop", "token introspect --field active").input(&token);
    assert_eq!(shown.text(), "true\n");
    server.stop().await;
}

#[tokio::test]
async fn a_secret_that_is_shown_once_is_not_passed_over() {
    let server = Administered::start().await;
    let create = || server.jeton("client create mint --grant client_credentials --scope read");
    create().and("--field").and("client_id").run().failed(2, &["--field client_secret"]);
    let secret = create().and("--field").and("client_secret").text();
    assert!(secret.starts_with("jcs_") && secret.lines().count() == 1);
    let jeton = Jeton::new("token issue").with("JETON_SERVER", server.server.url());
    let jeton = jeton.with("JETON_CLIENT_ID", "mint").with("JETON_CLIENT_SECRET", secret);
    jeton.text();
    server.stop().await;
}

#[tokio::test]
async fn an_answer_is_a_yaml_document() {
    let server = Administered::start().await;
    let text = server.jeton("client get shop --output yaml").text();
    assert!(text.starts_with("---\n") && text.contains("\nclient_id: shop\n"), "{text}");
    let text = server.jeton("client list --output yaml --prefix r").text();
    assert!(text.contains("client_id: rival\n") && text.contains("client_id: root\n"), "{text}");
    let text = server.jeton("client rotate-secret shop --output yaml").text();
    assert_eq!(text.matches("---\n").count(), 1, "{text}");
    assert!(text.contains("client_secret: jcs_") && text.contains("client_id: shop"), "{text}");
    server.stop().await;
}

#[tokio::test]
async fn tables_fit_80_columns_unless_they_are_to_be_wide() {
    let server = Administered::start().await;
    let long = "a".repeat(70);
    server.jeton("client create").and(&long).and("--scope").and("read").text();
    let shop = server.server.caller("shop").await;
    shop.log_in().await;
    let lists =
        ["client list", "user list", "grant list --user alice", "status", "client get shop"];
    for line in lists {
        let text = server.jeton(line).text();
        assert!(width(&text) <= 80, "{line}: {}\n{text}", width(&text));
    }
    let wide = server.jeton("grant list --user alice --wide").text();
    assert!(width(&wide) > 80 && wide.contains("SUBJECT"), "{wide}");
    let usual = server.jeton("grant list --user alice").text();
    assert!(usual.contains(" ago") || usual.contains("now"), "{usual}");
    for id in server.jeton("grant list --user alice --field grant_id").text().lines() {
        assert!(usual.lines().any(|line| line.starts_with(id)), "an id is in one piece: {usual}");
    }
    for _ in 0..5 {
        let wrong = server.as_client("shop", "token issue --user bob");
        wrong.with("JETON_PASSWORD", "wrong").run().failed(1, &["INVALID_GRANT"]);
    }
    let lockouts = server.jeton("lockout list").text();
    assert!(width(&lockouts) <= 80, "{lockouts}");
    let id = server.jeton("lockout list --field lockout_id").text();
    assert!(
        lockouts.lines().any(|line| line.contains(id.trim())),
        "an id is in one piece: {lockouts}"
    );
    assert!(server.jeton("client list").text().contains(&long), "as is that of a client");
    let status = server.jeton("status").text();
    assert!(status.contains("free_bytes=") && status.contains("iB"), "{status}");
    server.stop().await;
}

#[tokio::test]
async fn a_standard_output_that_takes_nothing_is_no_panic() {
    let server = Administered::start().await;
    let lines = ["client list", "status", "completions bash", "man", "--help", "--version"];
    for line in lines {
        let full = File::options().write(true).open("/dev/full").expect("/dev/full");
        let jeton = if line.starts_with("--") { Jeton::new(line) } else { server.jeton(line) };
        let ran = jeton.command().stdout(Stdio::from(full)).output().expect("jeton runs");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(!said.contains("panicked") && ran.status.code().is_some(), "{line}: {said}");
        let mut closed = std::process::Command::new("sh");
        closed.args(["-c", "exec \"$0\" \"$@\" >&-"]).arg(env!("CARGO_BIN_EXE_jeton"));
        closed.args(line.split(' ')).env_clear();
        let ran = closed.output().expect("sh runs");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(!said.contains("panicked") && ran.status.code().is_some(), "{line}: {said}");
    }
    server.stop().await;
}

#[test]
fn every_help_and_manual_page_shows_examples() {
    for line in ["token issue --help", "client rotate-secret -h", "backup --help"] {
        let help = Jeton::new(line).text();
        assert!(help.contains("Examples:\n  jeton "), "{help}");
    }
    let directory = tempfile::tempdir().expect("a directory");
    Jeton::new("man --dir").and(directory.path().to_str().expect("UTF-8")).text();
    let page = directory.path().join("jeton-token-issue.1");
    let page = std::fs::read_to_string(page).expect("a page");
    assert!(page.contains("Examples:") && page.contains("jeton token issue"), "{page}");
}
