//! An administrator who has lost the secret gets a new one on the machine of the store: beside a running
//! server, and while none runs.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use jeton::proto::v1::{Client, GetStatusRequest, UpdateClientRequest};
use serde_json::Value;
use tonic::{Code, Status};

use crate::common::{
    admin::{Admin, mask, with_admin},
    command::{fail, succeed, text},
    home::Home,
    refusal::assert_refused,
    server::Server,
    settings::Settings,
};

async fn status(admin: &Admin) -> Result<(), Status> {
    admin.stub.clone().get_status(admin.signed(GetStatusRequest {})).await.map(drop)
}

async fn with_secret(server: &Server, id: &str, secret: &str) -> Admin {
    Admin { id: id.to_owned(), secret: secret.to_owned(), ..Admin::of(server).await }
}

/// The secret that the command has printed for a client.
fn secret(home: &Home, id: &str) -> String {
    let data = home.data();
    let printed = succeed(home, &["admin", "reset", id, "--store", text(&data)]);
    assert_eq!(printed["client_id"], id);
    printed["client_secret"].as_str().expect("a secret").to_owned()
}

fn resets(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("the audit");
    let lines = text.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    lines.filter(|line: &Value| line["action"] == "reset administrator").collect()
}

#[tokio::test]
async fn beside_a_running_server_the_new_secret_counts_at_once_and_the_old_one_does_not() {
    let home = Home::new();
    let path = home.path().join("audit.jsonl");
    let settings = with_admin().set("audit", "target", &format!("file:{}", path.display()));
    let server = Server::start_at(home, &settings).await;
    let before = Admin::of(&server).await;
    status(&before).await.expect("let in");
    let new = secret(server.home(), "root");
    status(&with_secret(&server, "root", &new).await).await.expect("let in");
    assert_refused(status(&before).await, Code::Unauthenticated, "INVALID_CLIENT");
    let left: Vec<_> = fs::read_dir(server.home().data())
        .expect("the directory")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .filter(|name| name.starts_with("admin-reset"))
        .collect();
    assert_eq!(left, [""; 0]);
    let home = server.stop().await;
    let lines = resets(&path);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!((&lines[0]["record"], &lines[0]["outcome"]), (&"root".into(), &"done".into()));
    assert!(!fs::read_to_string(&path).expect("the audit").contains(&new[..20]));
    drop(home);
}

#[tokio::test]
async fn while_no_server_runs_a_client_that_is_out_is_let_in_again_and_the_audit_has_it() {
    let home = Home::new();
    let path = home.path().join("audit.jsonl");
    let settings = with_admin().set("audit", "target", &format!("file:{}", path.display()));
    let server = Server::start_at(home, &settings).await;
    let admin = Admin::of(&server).await;
    let request = UpdateClientRequest {
        client: Some(Client { client_id: "root".to_owned(), disabled: true, ..Client::default() }),
        update_mask: Some(mask(&["disabled"])),
        allow_no_administrator: true,
    };
    admin.stub.clone().update_client(admin.signed(request)).await.expect("disabled");
    let home = server.stop().await;
    let file = home.write(&settings);
    let printed = succeed(&home, &["admin", "reset", "root", "--config", text(&file)]);
    let new = printed["client_secret"].as_str().expect("a secret");
    let lines = resets(&path);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!((&lines[0]["record"], &lines[0]["outcome"]), (&"root".into(), &"done".into()));
    let server = Server::start_at(home, &settings).await;
    status(&with_secret(&server, "root", new).await).await.expect("let in");
    server.stop().await;
}

#[tokio::test]
async fn the_first_administrator_is_made_so_too() {
    let server = Server::start(&Settings::standard()).await;
    let new = secret(server.home(), "admin");
    status(&with_secret(&server, "admin", &new).await).await.expect("let in");
    server.stop().await;
}

#[tokio::test]
async fn a_request_that_others_could_write_is_refused() {
    let server = Server::start(&with_admin()).await;
    let request = server.home().data().join("admin-reset");
    let planted = server.home().path().join("planted");
    fs::write(&planted, format!("root\n{}\n", "0a".repeat(32))).expect("a file");
    fs::set_permissions(&planted, fs::Permissions::from_mode(0o666)).expect("a mode");
    fs::rename(&planted, &request).expect("in place");
    server.logs("others can have written it").await;
    status(&Admin::of(&server).await).await.expect("the secret is the old one");
    server.stop().await;
}

#[tokio::test]
async fn where_there_is_no_store_none_is_made() {
    let home = Home::new();
    let data = home.data();
    let said = fail(&home, &["admin", "reset", "--store", text(&data)]);
    assert!(said.contains("there is no store at"), "{said}");
    assert!(!data.exists());
}
