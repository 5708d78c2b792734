//! A user or client that an administrator disables is refused on every grant and path, and nothing
//! that had ended comes back with them.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jeton::proto::v1::{
    DisableUserRequest, EnableUserRequest, InactiveReason, IssueTokenResponse, TokenKind,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::Code;

use crate::common::{
    admin::{Admin, with_admin},
    caller::{Caller, by_password, client_credentials},
    refusal::assert_refused,
    server::Server,
};

/// Status and body of a form that is posted by a client with its secret.
async fn post(server: &Server, client: &Caller, path: &str, form: &str) -> (u16, String) {
    let address = server.http_address();
    let basic = BASE64_STANDARD.encode(format!("{}:{}", client.id, client.secret));
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Basic {basic}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{form}",
        form.len()
    );
    let mut stream = TcpStream::connect(&address).await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
    (status, body.to_owned())
}

const LOGIN: &str = "grant_type=password&username=alice&password=alice-password";

fn refresh_form(grant: &IssueTokenResponse) -> String {
    format!("grant_type=refresh_token&refresh_token={}", grant.refresh_token)
}

async fn assert_posted(
    server: &Server,
    client: &Caller,
    path: &str,
    form: &str,
    told: (u16, &str),
) {
    let (status, body) = post(server, client, path, form).await;
    let (expected, text) = told;
    assert!(status == expected && body.contains(text), "{path} {form}: {status} {body}");
}

/// Asserts that the tokens are dead for every caller and every kind of call.
async fn assert_inactive(server: &Server, grant: &IssueTokenResponse, reason: InactiveReason) {
    let gateway = server.caller("gateway").await;
    assert_eq!(gateway.reason(&grant.access_token).await, reason);
    let batch = gateway.introspect_all(&[&grant.access_token]).await.expect("results");
    assert!(!batch[0].active);
    let form = format!("token={}", grant.access_token);
    assert_posted(server, &gateway, "/oauth/introspect", &form, (200, r#""active":false"#)).await;
}

#[tokio::test]
async fn a_disabled_user_is_refused_on_every_path_and_enabling_brings_nothing_back() {
    let server = Server::start(&with_admin()).await;
    let (admin, shop) = (Admin::of(&server).await, server.caller("shop").await);
    let (grant, other) = (shop.log_in().await, shop.log_in().await);
    let user_id = admin.user_id("alice").await;
    let request = DisableUserRequest { user_id: user_id.clone() };
    admin.stub.clone().disable_user(admin.signed(request)).await.expect("disabled");

    assert_inactive(&server, &grant, InactiveReason::SubjectEnded).await;
    let refresh = shop.introspect_as(&grant.refresh_token, TokenKind::Refresh).await;
    assert!(!refresh.active);
    let refused = shop.issue(by_password("alice")).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
    let refused = shop.refresh(&grant.refresh_token).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
    let refused = (400, "invalid_grant");
    assert_posted(&server, &shop, "/oauth/token", LOGIN, refused).await;
    assert_posted(&server, &shop, "/oauth/token", &refresh_form(&grant), refused).await;
    let form = format!("token={}", grant.refresh_token);
    assert_posted(&server, &shop, "/oauth/revoke", &form, (200, "")).await;
    shop.issue(by_password("bob")).await.expect("others may log in");
    shop.issue(client_credentials()).await.expect("the client may");

    let request = EnableUserRequest { user_id };
    admin.stub.clone().enable_user(admin.signed(request)).await.expect("enabled");
    assert_inactive(&server, &other, InactiveReason::SubjectEnded).await;
    let dead = shop.refresh(&other.refresh_token).await;
    assert_refused(dead, Code::Unauthenticated, "INVALID_GRANT");
    assert_posted(&server, &shop, "/oauth/token", LOGIN, (200, "jat_")).await;
    server.stop().await;
}

#[tokio::test]
async fn a_disabled_client_is_refused_on_every_path_and_enabling_brings_nothing_back() {
    let server = Server::start(&with_admin()).await;
    let (admin, shop) = (Admin::of(&server).await, server.caller("shop").await);
    let (app, rival) = (server.caller("app").await, server.caller("rival").await);
    let (grant, at_app, at_rival) = (shop.log_in().await, app.log_in().await, rival.log_in().await);
    let own = shop.issue(client_credentials()).await.expect("a token");
    admin.set_disabled("shop", true).await;
    admin.set_disabled("app", true).await;

    for dead in [&grant, &own, &at_app] {
        assert_inactive(&server, dead, InactiveReason::ClientEnded).await;
    }
    for client in [&shop, &app] {
        let refused = client.issue(by_password("alice")).await;
        assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
        let refused = client.refresh(&grant.refresh_token).await;
        assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
        let refused = client.revoke(&grant.refresh_token).await;
        assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
        let refused = client.introspect_all(&[&grant.access_token]).await;
        assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
    }
    let refused = shop.issue(client_credentials()).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
    let token = format!("token={}", grant.access_token);
    for (path, form) in [
        ("/oauth/token", LOGIN),
        ("/oauth/token", "grant_type=client_credentials"),
        ("/oauth/token", &refresh_form(&grant)),
        ("/oauth/introspect", &token),
        ("/oauth/revoke", &token),
    ] {
        assert_posted(&server, &shop, path, form, (401, "invalid_client")).await;
    }
    assert!(rival.is_active(&at_rival.access_token).await, "the same user elsewhere");

    admin.set_disabled("shop", false).await;
    assert_inactive(&server, &own, InactiveReason::ClientEnded).await;
    let dead = shop.refresh(&grant.refresh_token).await;
    assert_refused(dead, Code::Unauthenticated, "INVALID_GRANT");
    assert_posted(&server, &shop, "/oauth/token", LOGIN, (200, "jat_")).await;
    server.stop().await;
}
