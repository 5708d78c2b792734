//! `/check`, asked as proxies ask it that speak HTTP.

use std::{collections::BTreeMap, os::unix::fs::PermissionsExt as _};

use jeton::bearer::{Bearer, Requirement};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpStream, UnixStream},
};

use crate::{
    bearers::{Case, Table, cases},
    common::{
        caller::client_credentials,
        server::Server,
        settings::Settings,
        wait::{until, within},
    },
    tokens::Tokens,
};

const HEADERS: [&str; 5] = [
    "x-jeton-client-id",
    "x-jeton-grant-id",
    "x-jeton-scope",
    "x-jeton-subject",
    "x-jeton-username",
];

/// `/check` that asks as `client`.
pub(crate) fn asking_as(client: &str) -> Settings {
    Settings::standard().set("check", "listen", "127.0.0.1:0").set("check", "client", client)
}

/// An answer: its status and its headers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The identity that the upstream is to see.
    fn identity(&self) -> Vec<Option<&str>> {
        HEADERS.iter().map(|name| self.header(name)).collect()
    }
}

/// Sends one request, with these lines between its first one and the end of its head.
async fn ask(address: &str, method: &str, target: &str, lines: &[String]) -> Answer {
    let stream = TcpStream::connect(address).await.expect("a connection");
    ask_over(stream, method, target, lines).await
}

/// Sends one request, as [`ask`] does, over any stream.
pub(crate) async fn ask_over(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    method: &str,
    target: &str,
    lines: &[String],
) -> Answer {
    let asking = async {
        let mut request =
            format!("{method} {target} HTTP/1.1\r\nhost: jeton\r\nconnection: close\r\n");
        for line in lines {
            request += line;
            request += "\r\n";
        }
        request += "\r\n";
        stream.write_all(request.as_bytes()).await.expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        answer
    };
    let answer = within("to answer", asking).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let headers: Vec<_> =
        lines.filter_map(|line| line.split_once(": ").or(line.split_once(':'))).collect();
    let named = headers.iter().map(|(name, value)| (name.to_lowercase(), (*value).to_owned()));
    let answer = Answer {
        status: status.expect("a status"),
        headers: named.collect(),
        body: body.to_owned(),
    };
    assert_eq!(answer.headers.len(), headers.len(), "a header twice: {head}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{head}");
    assert_eq!(answer.header("location"), None, "{head}");
    answer
}

pub(crate) async fn check(address: &str, query: &str, authorizations: &[String]) -> Answer {
    let lines: Vec<_> =
        authorizations.iter().map(|value| format!("authorization: {value}")).collect();
    ask(address, "GET", &format!("/check?{query}"), &lines).await
}

/// The query of a route that requires this.
pub(crate) fn query_of(requirement: &Requirement) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("audience", requirement.audience().expect("one"));
    if !requirement.scopes().is_empty() {
        query.append_pair("scope", &requirement.scopes().join(" "));
    }
    if requirement.is_optional() {
        query.append_pair("optional", "true");
    }
    query.finish()
}

pub(crate) fn bearer(token: &str) -> [String; 1] {
    [format!("Bearer {token}")]
}

#[tokio::test]
async fn http_is_answered_every_case_as_the_table_decides() {
    let server = Server::start(&asking_as("gateway")).await;
    let address = server.check_address();
    let Tokens { good, ended } = Tokens::of_shop(&server).await;
    let table = Table { good: good.clone(), scope: "read" };
    for Case { requirement, authorizations } in cases(&good, &ended) {
        let decided = table.decide(&requirement, &authorizations).await;
        let query = query_of(&requirement);
        let answer = check(&address, &query, &authorizations).await;
        let case = format!("{query} {authorizations:?}: {answer:?}");
        assert_eq!(answer.body, "", "{case}");
        match decided {
            Ok(bearer) => {
                assert_eq!(answer.status, 200, "{case}");
                assert!(answer.identity().iter().all(Option::is_some), "all are there: {case}");
                let subject = if bearer == Bearer::Nobody { "" } else { "shop" };
                assert_eq!(answer.header("x-jeton-subject"), Some(subject), "{case}");
            }
            Err(denial) => {
                assert_eq!(answer.status, denial.http().as_u16(), "{case}");
                let challenge = requirement.challenge(denial);
                assert_eq!(answer.header("www-authenticate"), challenge.as_deref(), "{case}");
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn every_header_is_there_empty_where_there_is_nothing_to_say() {
    let server = Server::start(&asking_as("billing")).await;
    let address = server.check_address();
    let shop = server.caller("shop").await;
    let alice = shop.log_in().await;
    let known = shop.introspect(&alice.access_token).await;
    let query = "audience=billing&scope=read+write";
    let answer = check(&address, query, &bearer(&alice.access_token)).await;
    let expected = ["shop", &*known.grant_id, "read write", &*known.subject, "alice"].map(Some);
    assert_eq!((answer.status, answer.identity()), (200, expected.to_vec()));

    // Any method, any body.
    for method in ["POST", "HEAD", "OPTIONS", "PURGE"] {
        let mut lines = vec![format!("authorization: Bearer {}", alice.access_token)];
        lines.extend((method == "POST").then(|| "content-length: 1000000".to_owned()));
        let answer = ask(&address, method, &format!("/check?{query}"), &lines).await;
        assert_eq!((answer.status, answer.identity()), (200, expected.to_vec()), "{method}");
    }
    // With the slash, the visitor's query would stand behind a path of the operator's.
    for target in [
        "/",
        "/check/",
        "/check/?audience=billing&optional=true",
        "/check/x",
        "/oauth/token",
        "/metrics",
    ] {
        assert_eq!(ask(&address, "GET", target, &[]).await.status, 404, "{target}");
    }

    let own = shop.issue(client_credentials()).await.expect("a token");
    let answer = check(&address, query, &bearer(&own.access_token)).await;
    let expected = ["shop", &*own.grant_id, "read write", "shop", ""].map(Some);
    assert_eq!((answer.status, answer.identity()), (200, expected.to_vec()));

    let answer = check(&address, "audience=billing&optional=true", &[]).await;
    assert_eq!((answer.status, answer.identity()), (200, vec![Some(""); HEADERS.len()]));

    shop.revoke(&alice.refresh_token).await.expect("revoked");
    let answer = check(&address, query, &bearer(&alice.access_token)).await;
    let challenge = r#"Bearer realm="billing", error="invalid_token""#;
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some(challenge)));

    // An unclear requirement of a route lets nobody pass, and a visitor cannot add to it.
    for query in
        ["", "audience=payroll", "audience=billing&scopse=read", "audience=billing&audience=stock"]
    {
        let answer = check(&address, query, &bearer(&own.access_token)).await;
        assert_eq!((answer.status, answer.identity()), (500, vec![None; HEADERS.len()]), "{query}");
    }
    server.logs("a route of a proxy lets nobody pass").await;
    assert!(!server.log().contains(&own.access_token), "no token is in the log");
    server.stop().await;
}

#[tokio::test]
async fn a_socket_of_the_file_system_says_who_may_ask() {
    let settings = asking_as("gateway").set("check", "listen", "unix:check.sock");
    let server = Server::start(&settings.set("check", "socket_mode", "0660")).await;
    let place = server.home().path().join("check.sock");
    let mode = place.metadata().expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let stream = UnixStream::connect(&place).await.expect("a connection");
    let answer = ask_over(stream, "GET", "/check?audience=billing&optional=true", &[]).await;
    assert_eq!(answer.status, 200);
    server.stop().await;
    assert!(!place.exists());
}

#[tokio::test]
async fn a_client_that_is_no_proxy_lets_nobody_pass_and_one_that_asks_too_much_is_503() {
    let settings = asking_as("shop").declare("gateway", "requests_per_second", "1");
    let settings = settings.declare("gateway", "request_burst", "1");
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let good = shop.issue(client_credentials()).await.expect("a token").access_token;
    let answer = check(&server.check_address(), "audience=billing", &bearer(&good)).await;
    assert_eq!(answer.status, 500, "it sees its own tokens only");
    let mut home = server.stop().await;
    for client in ["app", "nobody"] {
        let settings = settings.clone().set("check", "client", client);
        let server = Server::start_at(home, &settings).await;
        let answer = check(&server.check_address(), "audience=billing", &bearer(&good)).await;
        assert_eq!(answer.status, 500, "{client}");
        server.logs("there is no such client, or it is public or disabled").await;
        home = server.stop().await;
    }
    let server = Server::start_at(home, &settings.set("check", "client", "gateway")).await;
    let address = server.check_address();
    until("the client's requests to be spent", async || {
        let answer = check(&address, "audience=billing", &bearer(&good)).await;
        let seconds = answer.header("retry-after").and_then(|seconds| seconds.parse::<u64>().ok());
        answer.status == 503 && seconds.is_some_and(|seconds| seconds >= 1)
    })
    .await;
    server.stop().await;
}
