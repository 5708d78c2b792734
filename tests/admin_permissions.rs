//! Parts of administration are delegated: what each permission lets its client do beyond being let in,
//! which tests/matrix looks at, and how permissions are given.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use jeton::proto::v1::{
    BackupRequest, BackupResponse, Client, ClientType, CreateClientRequest, ExplainTokenRequest,
    GetGrantRequest, ListClientsRequest, ListGrantsRequest, Permission, RevokeGrantRequest,
    RevokeGrantsRequest, SetUserPasswordRequest, explain_token_request::What,
};
use tokio_stream::StreamExt as _;
use tonic::{Code, Status};

use crate::common::{
    admin::{Admin, PASSWORD, with_admin},
    caller::client_credentials,
    refusal::{assert_refused, error_info},
    server::Server,
    settings::{Settings, Table},
};

fn settings() -> Settings {
    let with = |id, permissions: &str| Table::confidential(id).toml("permissions", permissions);
    with_admin()
        .and(with("backups", r#"["backup"]"#))
        .and(with("auditor", r#"["audit.read"]"#))
        .and(with("support", r#"["users"]"#))
        .and(with("both", r#"["users", "audit.read"]"#))
}

async fn of(server: &Server, id: &str) -> Admin {
    Admin { id: id.to_owned(), secret: format!("{id}-secret"), ..Admin::of(server).await }
}

#[track_caller]
fn denied<T>(outcome: Result<T, Status>) {
    assert_refused(outcome, Code::PermissionDenied, "ACCESS_DENIED");
}

fn grants(subject: &str, client_id: &str) -> RevokeGrantsRequest {
    let (subject, client_id) = (subject.to_owned(), client_id.to_owned());
    RevokeGrantsRequest { subject, client_id, ..RevokeGrantsRequest::default() }
}

#[tokio::test]
async fn who_administers_users_reaches_no_grant_that_a_client_asked_for_itself() {
    let server = Server::start(&settings()).await;
    let (shop, support) = (server.caller("shop").await, of(&server, "support").await);
    let own = shop.issue(client_credentials()).await.expect("a token");
    let mut stub = support.stub.clone();
    let get = GetGrantRequest { grant_id: own.grant_id.clone() };
    denied(stub.get_grant(support.signed(get.clone())).await);
    let explain = |token: &str| ExplainTokenRequest { what: Some(What::Token(token.to_owned())) };
    denied(stub.explain_token(support.signed(explain(&own.access_token))).await);
    let end = RevokeGrantRequest { grant_id: own.grant_id.clone() };
    denied(stub.revoke_grant(support.signed(end.clone())).await);
    for (subject, client_id) in [("", "shop"), ("shop", ""), ("shop", "shop")] {
        let list = ListGrantsRequest {
            subject: subject.to_owned(),
            client_id: client_id.to_owned(),
            ..ListGrantsRequest::default()
        };
        denied(stub.list_grants(support.signed(list)).await);
        for dry_run in [true, false] {
            let of = RevokeGrantsRequest { dry_run, ..grants(subject, client_id) };
            denied(support.revoke_grants(of).await);
        }
    }
    assert!(shop.is_active(&own.access_token).await);

    // To read and to end are two permissions.
    let both = of(&server, "both").await;
    stub.get_grant(both.signed(get)).await.expect("shown");
    stub.explain_token(both.signed(explain(&own.access_token))).await.expect("explained");
    denied(stub.revoke_grant(both.signed(end)).await);
    denied(both.revoke_grants(grants("", "shop")).await);
    assert!(shop.is_active(&own.access_token).await);
    server.stop().await;
}

#[tokio::test]
async fn who_administers_users_creates_them_sets_passwords_and_ends_their_logins() {
    let server = Server::start(&settings()).await;
    let (shop, support) = (server.caller("shop").await, of(&server, "support").await);
    let mut stub = support.stub.clone();
    let user_id = support.create_user("carol").await.expect("created").user_id;
    let request = SetUserPasswordRequest {
        user_id,
        password: PASSWORD.to_owned(),
        ..SetUserPasswordRequest::default()
    };
    stub.set_user_password(support.signed(request)).await.expect("set");
    let subject = support.user_id("alice").await;
    let first = shop.log_in().await;
    let what = Some(What::Token(first.access_token.clone()));
    let request = ExplainTokenRequest { what };
    let explained = stub.explain_token(support.signed(request)).await.expect("explained");
    assert_eq!(explained.into_inner().cause, "");
    let request = ListGrantsRequest { subject: subject.clone(), ..ListGrantsRequest::default() };
    let listed = stub.list_grants(support.signed(request)).await.expect("listed").into_inner();
    assert_eq!(listed.grants.len(), 1);
    let end = RevokeGrantRequest { grant_id: first.grant_id };
    stub.revoke_grant(support.signed(end)).await.expect("ended");
    assert!(!shop.is_active(&first.access_token).await);
    for client_id in ["shop", ""] {
        let login = shop.log_in().await;
        support.revoke_grants(grants(&subject, client_id)).await.expect("ended");
        assert!(!shop.is_active(&login.access_token).await);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_backup_is_taken_by_a_client_that_may_do_nothing_else_and_it_is_whole() {
    let server = Server::start(&settings()).await;
    let backups = of(&server, "backups").await;
    let pieces = backups.stub.clone().backup(backups.signed(BackupRequest {})).await;
    let pieces: Vec<Result<BackupResponse, Status>> =
        pieces.expect("begun").into_inner().collect().await;
    let bytes: usize = pieces.iter().map(|piece| piece.as_ref().expect("whole").data.len()).sum();
    assert!(bytes > 0);
    denied(backups.user("alice").await);
    server.stop().await;
}

#[tokio::test]
async fn who_reads_everything_is_told_the_cause_of_a_refusal_and_who_sees_users_is_not() {
    let server = Server::start(&settings()).await;
    for (id, cause) in [("auditor", Some("garbage")), ("support", None)] {
        let refused = server.caller(id).await.refresh("jrt_nonsense").await;
        let info = error_info(&refused.expect_err("refused"));
        assert_eq!(info.metadata.get("cause").map(String::as_str), cause, "{id}");
    }
    server.stop().await;
}

#[tokio::test]
async fn permissions_are_given_shown_filtered_and_kept_across_a_restart() {
    let settings = settings();
    let server = Server::start(&settings).await;
    let admin = Admin::of(&server).await;
    let mut client = admin.client("backups").await;
    assert_eq!(client.permissions, [i32::from(Permission::Backup)]);
    client.permissions.push(Permission::Status.into());
    let held = admin.update_client(client, &["permissions"]).await.expect("changed").permissions;
    assert_eq!(held, [Permission::Backup.into(), i32::from(Permission::Status)]);
    let server = Server::start_at(server.stop().await, &settings).await;
    let admin = Admin::of(&server).await;
    assert_eq!(admin.client("backups").await.permissions, held);
    for (permission, expected) in [
        (Permission::Status, &["backups"][..]),
        (Permission::Users, &["both", "support"]),
        (Permission::Admin, &["root"]),
    ] {
        let permission = permission.into();
        let request = ListClientsRequest { permission, ..ListClientsRequest::default() };
        let listed = admin.stub.clone().list_clients(admin.signed(request)).await.expect("a page");
        let listed = listed.into_inner().clients.into_iter().map(|client| client.client_id);
        assert_eq!(listed.collect::<Vec<_>>(), expected);
    }
    // The file is applied again when it has changed, a part of administration as well.
    let changed = settings.declare("backups", "permissions", r#"["users"]"#);
    let server = Server::start_at(server.stop().await, &changed).await;
    let admin = Admin::of(&server).await;
    let users = [i32::from(Permission::Users)];
    assert_eq!(admin.client("backups").await.permissions, users);
    server.stop().await;
}

#[tokio::test]
async fn a_public_client_gets_no_part_of_administration() {
    let server = Server::start(&settings()).await;
    let admin = Admin::of(&server).await;
    for permission in [
        Permission::Admin,
        Permission::Backup,
        Permission::Status,
        Permission::AuditRead,
        Permission::Users,
    ] {
        let client = Client {
            client_id: "open".to_owned(),
            client_type: ClientType::Public.into(),
            permissions: vec![permission.into()],
            ..Client::default()
        };
        let request = CreateClientRequest { client: Some(client), ..Default::default() };
        let refused = admin.stub.clone().create_client(admin.signed(request)).await;
        let status = assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
        assert!(status.message().starts_with("client.permissions: "), "{status:?}");
    }
    server.stop().await;
}
