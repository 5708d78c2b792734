//! Sockets of the file system: who may connect, and introspection over HTTP by those who may.

use std::{convert::Infallible, path::Path, sync::Arc};

use http::{Request, Response};
use jeton::client::{
    Claims, Credentials, TokenClient, Validator, endpoint, layer::RequireToken, validator::Options,
};
use rustix::process::geteuid;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::{
    common::{
        agent::Agent,
        caller::client_credentials,
        server::Server,
        settings::Settings,
        wait::{until, within},
    },
    http::asking_as,
};

/// Sends these words and hands back all that comes until the connection is closed.
async fn exchange(socket: &Path, words: &str) -> String {
    let mut stream = UnixStream::connect(socket).await.expect("a connection");
    // One that is refused may be closed before it has said anything.
    drop(stream.write_all(words.as_bytes()).await);
    let mut heard = Vec::new();
    drop(within("to be closed", stream.read_to_end(&mut heard)).await);
    String::from_utf8(heard).expect("text")
}

const CHECK: &str = "GET /check?audience=billing&optional=true HTTP/1.1\r\nhost: a\r\n\
                     connection: close\r\n\r\n";

/// The user of this process, and another one.
fn users() -> [(u32, bool); 2] {
    let own = geteuid().as_raw();
    [(own, true), (own + 1, false)]
}

#[tokio::test]
async fn a_user_who_is_not_named_is_not_answered_by_a_server() {
    let settings = asking_as("gateway").set("check", "listen", "unix:check.sock");
    for (user, answered) in users() {
        let named = settings.clone().set_toml("check", "socket_uids", &format!(r#"["{user}"]"#));
        let server = Server::start(&named).await;
        let answer = exchange(&server.home().path().join("check.sock"), CHECK).await;
        assert_eq!(answer.starts_with("HTTP/1.1 200"), answered, "{answer}");
        if !answered {
            server.logs("that user may not connect").await;
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn a_user_who_is_not_named_is_not_answered_by_an_agent() {
    let server = Server::start(&Settings::standard()).await;
    for (user, answered) in users() {
        let sockets = ["--listen", "unix:agent.sock", "--check-listen", "unix:check.sock"];
        let user = user.to_string();
        let flags = [&sockets[..], &["--socket-mode", "0666", "--socket-uids", &user]].concat();
        let agent = Agent::start_on(&server.url(), "gateway", &flags).await;
        let place = |name: &str| agent.home().path().join(name);
        let answer = exchange(&place("check.sock"), CHECK).await;
        assert_eq!(answer.starts_with("HTTP/1.1 200"), answered, "{answer}");
        // A client without HTTP/2 gets an error that says so, or no answer at all.
        let heard = exchange(&place("agent.sock"), "GET / HTTP/1.1\r\n\r\n").await;
        assert!(answered || heard.is_empty(), "{heard}");
        agent.stop().await;
    }
    server.stop().await;
}

/// Asks as RFC 7662 §2.1 has it: the status, and what was said.
async fn introspect(socket: &Path, form: &str) -> (u16, Value) {
    let head = "POST /oauth/introspect HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
                content-type: application/x-www-form-urlencoded";
    let request = format!("{head}\r\ncontent-length: {}\r\n\r\n{form}", form.len());
    let answer = exchange(socket, &request).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.to_lowercase().contains("cache-control: no-store"), "{head}");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("a status"), serde_json::from_str(body).expect("JSON"))
}

#[tokio::test]
async fn an_agent_introspects_over_http_as_the_server_does() {
    let server = Server::start(&Settings::standard()).await;
    let flags = ["--listen", "unix:agent.sock", "--check-listen", "unix:check.sock"];
    let agent = Agent::start_on(&server.url(), "gateway", &flags).await;
    agent.hears().await;
    let socket = agent.home().path().join("check.sock");
    let shop = server.caller("shop").await;
    let alice = shop.log_in().await;
    let known = shop.introspect(&alice.access_token).await;
    let (status, said) = introspect(&socket, &format!("token={}", alice.access_token)).await;
    assert_eq!(status, 200, "{said}");
    for (member, expected) in [
        ("active", Value::from(true)),
        ("scope", known.scopes.join(" ").into()),
        ("client_id", "shop".into()),
        ("username", "alice".into()),
        ("token_type", "Bearer".into()),
        ("sub", known.subject.clone().into()),
        ("jti", known.grant_id.clone().into()),
        ("exp", known.expire_time.expect("an end").seconds.into()),
        ("iat", known.issue_time.expect("a beginning").seconds.into()),
        ("iss", Value::Null),
        ("cache_ttl", Value::Null),
    ] {
        assert_eq!(said[member], expected, "{member}");
    }
    let inactive = serde_json::json!({"active": false});
    assert_eq!(introspect(&socket, "token=garbage").await, (200, inactive.clone()));
    let refresh = format!("token={}&token_type_hint=refresh_token", alice.refresh_token);
    assert_eq!(introspect(&socket, &refresh).await.0, 400);
    assert_eq!(introspect(&socket, "").await.0, 400);

    let own = shop.issue(client_credentials()).await.expect("a token").access_token;
    shop.revoke(&own).await.expect("revoked");
    assert_eq!(introspect(&socket, &format!("token={own}")).await, (200, inactive));
    assert!(!agent.log().contains(&alice.access_token), "no token is in the log");
    agent.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn the_tower_layer_asks_an_agent_without_credentials() {
    let server = Server::start(&Settings::standard()).await;
    let flags = ["--listen", "unix:agent.sock", "--check-listen", "off"];
    let agent = Agent::start_on(&server.url(), "gateway", &flags).await;
    agent.hears().await;
    let url = format!("unix:{}", agent.home().path().join("agent.sock").display());
    let client =
        TokenClient::new(endpoint(url).expect("a URL").connect_lazy(), Credentials::Unadded);
    let guarded = RequireToken::of_any_audience(Validator::asking(client, Options::default()));
    let guarded = guarded.layer(service_fn(async |request: Request<()>| {
        let claims = request.extensions().get::<Arc<Claims>>().expect("claims");
        Ok::<_, Infallible>(Response::new(claims.subject.clone()))
    }));
    let visit = async |token: &str| {
        let bearer = Request::builder().header("authorization", format!("Bearer {token}"));
        let answer = guarded.clone().oneshot(bearer.body(()).expect("a request")).await;
        answer.expect("an answer").into_parts()
    };
    let shop = server.caller("shop").await;
    let token = shop.issue(client_credentials()).await.expect("a token").access_token;
    let (head, subject) = visit(&token).await;
    assert_eq!((head.status.as_u16(), &*subject), (200, "shop"));
    assert_eq!(visit("garbage").await.0.status, 401);
    shop.revoke(&token).await.expect("revoked");
    until("to be refused", async || visit(&token).await.0.status == 401).await;
    agent.stop().await;
    let another = shop.issue(client_credentials()).await.expect("a token").access_token;
    assert_eq!(visit(&another).await.0.status, 503, "without an agent nobody is told inactive");
    server.stop().await;
}

#[tokio::test]
async fn an_agent_that_hears_nobody_is_503_over_http() {
    let flags = ["--listen", "unix:agent.sock", "--check-listen", "unix:check.sock"];
    let agent = Agent::start_on("http://127.0.0.1:1", "gateway", &flags).await;
    let server = Server::start(&Settings::standard()).await;
    let good = server.caller("shop").await.issue(client_credentials()).await.expect("a token");
    let socket = agent.home().path().join("check.sock");
    let (status, said) = introspect(&socket, &format!("token={}", good.access_token)).await;
    assert_eq!((status, &said["error"]), (503, &"temporarily_unavailable".into()));
    agent.stop().await;
    server.stop().await;
}
