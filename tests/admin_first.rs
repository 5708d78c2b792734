//! The first administrator: made and shown once by `serve --init-admin`, never in the log; and the
//! status of the server, for an administrator.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::{
    fs,
    future::ready,
    process::{Command, Stdio},
};

use jeton::proto::v1::{
    Client, ClientType, DeleteClientRequest, GetStatusRequest, Permission,
    RotateClientSecretRequest, UpdateClientRequest,
};
use tonic::{Code, Status};

use crate::common::{
    admin::{Admin, mask, with_admin},
    home::Home,
    refusal::assert_refused,
    server::{Server, jeton},
    settings::{Settings, Table},
    wait::until,
};

/// Returns the output of a server that is asked for a first administrator, and its log.
async fn printed(home: &Home, settings: &Settings) -> (String, String) {
    let (stdout, stderr) = (home.path().join("stdout"), home.path().join("stderr"));
    let file = |path| Stdio::from(fs::File::create(path).expect("a file"));
    let mut child: Command = jeton(home, settings);
    let child = child.arg("--init-admin").env("JETON_LOG", "trace");
    let mut child = child.stdout(file(&stdout)).stderr(file(&stderr)).spawn().expect("it starts");
    let read = |path| fs::read_to_string(path).expect("text");
    until("to serve or to end", || {
        let ended = child.try_wait().expect("a status").is_some();
        ready(ended || read(&stderr).contains(r#""message":"serving""#))
    })
    .await;
    child.kill().expect("it is ours");
    child.wait().expect("a status");
    (read(&stdout), read(&stderr))
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
}

async fn status(admin: &Admin) -> Result<jeton::proto::v1::GetStatusResponse, Status> {
    let answer = admin.stub.clone().get_status(admin.signed(GetStatusRequest {})).await?;
    Ok(answer.into_inner())
}

#[tokio::test]
async fn an_empty_store_gets_one_administrator_whose_secret_is_printed_once_and_not_logged() {
    let (home, settings) = (Home::new(), Settings::standard());
    let (stdout, log) = printed(&home, &settings).await;
    assert_eq!(field(&stdout, "client_id"), Some("admin"));
    let secret = field(&stdout, "client_secret").expect("a secret").to_owned();
    assert!(secret.starts_with("jcs_") && secret.len() == 48);
    assert!(log.contains("TRACE") && !log.contains(&secret[..20]), "the log shows it");
    for (path, bytes) in home.at_rest() {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(&secret[..20]), "{} shows it", path.display());
    }

    let (again, log) = printed(&home, &settings).await;
    assert!(again.contains("there is an administrator already: admin"), "{again}");
    assert!(!again.contains("jcs_") && !log.contains("jcs_"));

    let server = Server::start_at(home, &settings).await;
    let admin = Admin { id: "admin".into(), secret, ..Admin::of(&server).await };
    status(&admin).await.expect("let in");
    assert_refused(
        status(&Admin::of(&server).await).await,
        Code::Unauthenticated,
        "INVALID_CLIENT",
    );
    server.stop().await;
}

#[tokio::test]
async fn a_declared_administrator_is_enough_and_one_who_is_disabled_is_not() {
    let (home, settings) = (Home::new(), with_admin());
    let (stdout, _) = printed(&home, &settings).await;
    assert!(stdout.contains("there is an administrator already: root"), "{stdout}");
    let (stdout, _) = printed(&home, &settings.declare("root", "disabled", "true")).await;
    assert!(field(&stdout, "client_secret").is_some(), "{stdout}");
}

#[tokio::test]
async fn a_client_of_the_administrators_name_is_not_made_one() {
    let settings = Settings::standard().and(Table::confidential("admin"));
    let (stdout, log) = printed(&Home::new(), &settings).await;
    assert_eq!(stdout, "");
    assert!(log.contains("the client admin exists and is no administrator"), "{log}");
}

#[tokio::test]
async fn the_status_tells_what_runs() {
    let server = Server::start(&with_admin()).await;
    let admin = Admin::of(&server).await;
    let first = status(&admin).await.expect("a status");
    assert_eq!(first.version, env!("CARGO_PKG_VERSION"));
    let store = first.store.expect("a store");
    assert_eq!((&*store.engine, store.writable), ("sled", true));
    let [key] = &*first.keys else { panic!("one key") };
    assert!(key.active && key.in_use && !key.key_id.is_empty());
    let (start, now) = (first.start_time.expect("a time"), first.server_time.expect("a time"));
    assert!(start.seconds <= now.seconds);
    let second = status(&admin).await.expect("a status");
    assert_eq!(second.start_time, first.start_time);
    server.stop().await;
}

/// `--init-admin` and `jeton admin reset` let the next one in.
#[tokio::test]
async fn the_last_administrator_leaves_only_when_that_is_asked_for_and_is_out_at_once() {
    let server = Server::start(&with_admin()).await;
    let admin = Admin::of(&server).await;
    let root = Client { client_id: "root".into(), disabled: true, ..Client::default() };
    for field in ["disabled", "permissions"] {
        let refused = admin.update_client(root.clone(), &[field]).await;
        let status = assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
        assert!(status.message().starts_with("allow_no_administrator: "), "{status:?}");
    }
    let delete = DeleteClientRequest { client_id: "root".into(), ..Default::default() };
    let refused = admin.stub.clone().delete_client(admin.signed(delete)).await;
    assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");

    let request = UpdateClientRequest {
        client: Some(root.clone()),
        update_mask: Some(mask(&["disabled"])),
        allow_no_administrator: true,
    };
    admin.stub.clone().update_client(admin.signed(request)).await.expect("disabled");
    let refused = admin.update_client(root, &["disabled"]).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
    server.stop().await;
}

#[tokio::test]
async fn one_of_two_administrators_may_leave() {
    let second = Table::confidential("second").toml("permissions", r#"["admin"]"#);
    let server = Server::start(&with_admin().and(second)).await;
    let admin = Admin::of(&server).await;
    admin.set_disabled("second", true).await;
    let root = Client { client_id: "root".into(), disabled: true, ..Client::default() };
    let refused = admin.update_client(root, &["disabled"]).await;
    assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
    server.stop().await;
}

#[tokio::test]
async fn of_two_administrators_who_take_each_other_away_one_is_refused() {
    let second = Table::confidential("second").toml("permissions", r#"["admin"]"#);
    let server = Server::start(&with_admin().and(second)).await;
    let root = Admin::of(&server).await;
    let second = Admin { id: "second".into(), secret: "second-secret".into(), ..root.clone() };
    let disabled = |id: &str| Client { client_id: id.into(), disabled: true, ..Client::default() };
    let (one, other) = tokio::join!(
        root.update_client(disabled("second"), &["disabled"]),
        second.update_client(disabled("root"), &["disabled"]),
    );
    // The administrator that is refused is out already, or its error says that nobody else would be
    // left.
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    server.stop().await;
}

#[tokio::test]
async fn the_last_administrator_keeps_a_secret_that_lasts_unless_another_one_does() {
    let server = Server::start(&with_admin()).await;
    let admin = Admin::of(&server).await;
    let short = |client_id: &str| RotateClientSecretRequest {
        client_id: client_id.to_owned(),
        secret_ttl: Some(prost_types::Duration { seconds: 3600, nanos: 0 }),
        ..RotateClientSecretRequest::default()
    };
    for validate_only in [true, false] {
        let refused = admin.rotate(RotateClientSecretRequest { validate_only, ..short("root") });
        let status = assert_refused(refused.await, Code::InvalidArgument, "INVALID_REQUEST");
        assert!(status.message().starts_with("allow_no_administrator: "), "{status:?}");
    }
    let lasting = RotateClientSecretRequest { secret_ttl: None, ..short("root") };
    let secret = admin.rotate(lasting).await.expect("rotated").client_secret;
    let admin = Admin { secret, ..admin };
    let deputy = Client {
        client_id: "deputy".to_owned(),
        client_type: ClientType::Confidential.into(),
        permissions: vec![Permission::Admin.into()],
        ..Client::default()
    };
    admin.create_client(deputy).await;
    admin.rotate(short("root")).await.expect("deputy lasts");
    let refused = admin.rotate(short("deputy")).await;
    assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
    let asked = RotateClientSecretRequest { allow_no_administrator: true, ..short("deputy") };
    admin.rotate(asked).await.expect("asked for");
    server.stop().await;
}

#[tokio::test]
async fn a_server_without_an_administrator_says_so_at_start_with_the_command() {
    let server = Server::start(&Settings::standard()).await;
    server.logs("no client may administer").await;
    server.logs("jeton admin reset").await;
    server.stop().await;
}

#[tokio::test]
async fn an_administrator_whose_secret_cannot_be_shown_is_not_made() {
    let (home, settings) = (Home::new(), Settings::standard());
    let full = fs::File::options().write(true).open("/dev/full").expect("/dev/full");
    let mut child = jeton(&home, &settings);
    let ran = child.arg("--init-admin").stdout(full).output().expect("it ends");
    assert_eq!(ran.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("it cannot be shown"), "{ran:?}");
    let (stdout, _) = printed(&home, &settings).await;
    assert_eq!(field(&stdout, "client_id"), Some("admin"), "{stdout}");
}
