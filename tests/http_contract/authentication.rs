//! Ways in which clients authenticate: Basic in all its spellings, the body, or a name alone.

use axum::body::Body;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{Request, header::WWW_AUTHENTICATE};
use jeton::{
    domain::{grant::Grant, token::Token},
    store::Records,
};

use crate::harness::{Answer, Server, authorized, basic, form, text};

const LOGIN: &str = "grant_type=password&username=test_api_user&password=test_api_user";
const CHALLENGE: &str = r#"Basic realm="jeton""#;

fn login(more: &str) -> Request<Body> {
    text("/oauth/token", &format!("{LOGIN}{more}"))
}

fn is(answer: &Answer, status: u16, error: &str) {
    assert_eq!((answer.status, &*answer.error()), (status, error), "{answer:?}");
}

#[tokio::test]
async fn basic_is_taken_raw_and_encoded() {
    let server = Server::start().await;
    for (id, secret) in [
        ("test_client_id", "test_client_secret"),
        ("test%5Fclient%5Fid", "test%5Fclient%5Fsecret"),
        // The secret is s3cr:t+100%25: raw, and encoded.
        ("community", "s3cr:t+100%25"),
        ("community", "s3cr%3At%2B100%2525"),
    ] {
        let answer = server.send(basic(login(""), id, secret)).await;
        assert_eq!(answer.status, 200, "{id} {secret} {answer:?}");
    }
    let encoded = BASE64_STANDARD.encode("test_client_id:test_client_secret");
    for scheme in ["basic", "BASIC", "bAsIc", "Basic "] {
        let answer = server.send(authorized(login(""), &format!("{scheme} {encoded}"))).await;
        assert_eq!(answer.status, 200, "{scheme}");
    }
}

#[tokio::test]
async fn an_authorization_that_cannot_be_read_is_401() {
    let server = Server::start().await;
    let no_utf8 = BASE64_STANDARD.encode(b"\xff\xfe:\xff");
    let no_colon = BASE64_STANDARD.encode("test_client_id");
    for header in [
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic :",
        "Digest x",
        "Bearer",
        "Bearer x",
        &format!("Basic {no_utf8}"),
        &format!("Basic {no_colon}"),
        "Basic dGVzdA",
    ] {
        let answer = server.send(authorized(login(""), header)).await;
        is(&answer, 401, "invalid_client");
        assert_eq!(answer.header(&WWW_AUTHENTICATE), CHALLENGE, "{header}");
    }
    let mut bytes = login("");
    let value = http::HeaderValue::from_bytes(b"Basic \xff\xfe").expect("a header value");
    bytes.headers_mut().insert(http::header::AUTHORIZATION, value);
    is(&server.send(bytes).await, 401, "invalid_client");
}

#[tokio::test]
async fn a_request_authenticates_in_one_way_only() {
    let server = Server::start().await;
    let (id, secret) = ("test_client_id", "test_client_secret");
    for more in [
        "&client_secret=x",
        "&client_id=test_client_id&client_secret=x",
        "&client_id=orders&client_secret=test_client_secret",
        "&client_id=orders",
    ] {
        is(&server.send(basic(login(more), id, secret)).await, 400, "invalid_request");
    }
    is(&server.send(basic(basic(login(""), id, secret), id, secret)).await, 400, "invalid_request");
    is(&server.send(login("&client_secret=test_client_secret")).await, 400, "invalid_request");
    let bearer = authorized(login("&client_id=client_id_example"), "Bearer x");
    is(&server.send(bearer).await, 400, "invalid_request");
    // The same name again is no second method, nor is an empty secret.
    let same = basic(login("&client_id=test_client_id&client_secret="), id, secret);
    assert_eq!(server.send(same).await.status, 200);
    let same = basic(login("&client_id=test_client_id"), "test%5Fclient%5Fid", secret);
    assert_eq!(server.send(same).await.status, 200);
    // Nor is the same secret, which lua-resty-openidc sends in both places, and with it APISIX.
    let both = "&client_id=test_client_id&client_secret=test_client_secret";
    for more in [both, "&client_secret=test_client_secret"] {
        for id in [id, "test%5Fclient%5Fid"] {
            assert_eq!(server.send(basic(login(more), id, secret)).await.status, 200, "{more}");
        }
    }
    let answer = server.send(basic(login(both), id, "x")).await;
    is(&answer, 400, "invalid_request");
}

#[tokio::test]
async fn every_reading_of_basic_is_tried() {
    let server = Server::start().await;
    for (id, secret) in [
        ("plus", "one+two%5Ethree+four"),
        ("space", "one+two%5Ethree+four"),
        ("raw", "one+two%5Ethree+four"),
        ("web+app", "web-application-secret"),
        ("web%2Bapp", "web-application-secret"),
        ("web%20app", "web-application-secret"),
        ("pub+web", ""),
        ("pub%2Bweb", ""),
        ("pub%20x", ""),
        ("pub%5Fy", ""),
    ] {
        let answer = server.send(basic(login(""), id, secret)).await;
        assert_eq!(answer.status, 200, "{id} {secret} {answer:?}");
    }
    is(&server.send(basic(login(""), "pub+web", "x")).await, 401, "invalid_client");
}

#[tokio::test]
async fn a_secret_with_a_line_break_is_told_so_wherever_it_is() {
    let server = Server::start().await;
    let broken = basic(login(""), "test_client_id", "test_client_secret\n");
    is(&server.send(broken).await, 400, "invalid_request");
    let broken = login("&client_id=test_client_id&client_secret=test_client_secret%0A");
    is(&server.send(broken).await, 400, "invalid_request");
    let broken = "&client_id=client_id_example&username=test_api_user&password=test_api_user%0A";
    let broken = text("/oauth/token", &format!("grant_type=password{broken}"));
    is(&server.send(broken).await, 400, "invalid_request");
}

#[tokio::test]
async fn unknown_clients_and_wrong_secrets_get_the_same_answer() {
    let server = Server::start().await;
    let mut answers = Vec::new();
    for more in [
        "",
        "&client_id=test_client_id",
        "&client_id=test_client_id&client_secret=wrong",
        "&client_id=nobody&client_secret=wrong",
        "&client_id=nobody",
        "&client_id=client_id_example&client_secret=any",
        "&client_id=usr_1",
        "&client_id=%00",
    ] {
        let answer = server.send(login(more)).await;
        is(&answer, 401, "invalid_client");
        assert_eq!(answer.header(&WWW_AUTHENTICATE), CHALLENGE);
        answers.push(answer.body);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
}

#[tokio::test]
async fn where_document_002_revokes_a_failed_client_is_400() {
    let server = Server::start().await;
    for path in ["/oauth2/revoke", "/oauth2/revoke/"] {
        let wrong = form(path, &[("client_id", "nobody"), ("token", "x")]);
        is(&server.send(wrong).await, 400, "invalid_client");
        is(&server.send(authorized(text(path, "token=x"), "Basic !")).await, 400, "invalid_client");
    }
    for path in
        ["/oauth/revoke", "/oauth/revoke_token", "/auth/oauth2/revoke_token", "/oauth2/token"]
    {
        let wrong = form(
            path,
            &[("client_id", "nobody"), ("token", "x"), ("grant_type", "client_credentials")],
        );
        is(&server.send(wrong).await, 401, "invalid_client");
    }
}

#[tokio::test]
async fn refusals_echo_nothing() {
    let server = Server::start().await;
    let marker = "ma4k3r";
    for body in [
        "grant_type=ma4k3r",
        "grant_type=password&username=ma4k3r&password=ma4k3r&client_id=ma4k3r",
        "ma4k3r=ma4k3r",
        "grant_type=password&scope=ma4k3r\"",
        "scope=ma4k3r&scope=ma4k3r",
        "token=ma4k3r%0A",
        "grant_type=password&username=ma4k3r&password=ma4k3r&client_id=client_id_example",
        "grant_type=refresh_token&refresh_token=ma4k3r&client_id=client_id_example",
    ] {
        let answer = server.send(text("/oauth/token", body)).await;
        assert!(matches!(answer.status, 400 | 401), "{body}");
        assert!(!String::from_utf8_lossy(&answer.body).contains(marker), "{body} {answer:?}");
    }
    let json = crate::harness::raw("/oauth/token", "application/json", r#"{"ma4k3r":ma4k3r}"#);
    assert!(!String::from_utf8_lossy(&server.send(json).await.body).contains(marker));
    let nowhere = server.send(text("/ma4k3r", "")).await;
    assert!(!String::from_utf8_lossy(&nowhere.body).contains(marker));
}

#[tokio::test]
async fn a_grant_keeps_where_it_was_issued_to() {
    let server = Server::start().await;
    let mut request = login("&client_id=test_client_id&client_secret=test_client_secret");
    let agent = "a".repeat(100).parse().expect("a header value");
    request.headers_mut().insert(http::header::USER_AGENT, agent);
    let token = server.send(request).await.json()["access_token"].as_str().map(str::to_owned);
    let token = Token::parse(&token.expect("a token")).expect("a token");
    let grant = Records::<Grant>::get(&server.store, &token.grant_id).await;
    let origin = grant.expect("a read").expect("a grant").origin.clone();
    assert_eq!(origin.peer.as_deref(), Some("192.0.2.7"));
    assert_eq!(origin.user_agent.as_deref(), Some("a".repeat(64).as_str()));
}
