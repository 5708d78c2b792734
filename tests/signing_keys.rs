//! Keys that sign access tokens are added, activated, published and removed while the server runs.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::{fs, os::unix::fs::PermissionsExt as _};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jeton::{
    jose::KeySet,
    proto::v1::{GetJwksRequest, token_service_client::TokenServiceClient},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::common::{
    command::{fail, succeed, text},
    home::Home,
    server::Server,
    settings::Settings,
    wait::until,
};

const JWKS: &str = "/.well-known/jwks.json";

fn key(home: &Home, arguments: &[&str]) -> Value {
    let keys = home.keys();
    succeed(home, &[&["key"], arguments, &["--keys", text(&keys)]].concat())
}

fn refused(home: &Home, arguments: &[&str]) -> String {
    let keys = home.keys();
    fail(home, &[&["key"], arguments, &["--keys", text(&keys)]].concat())
}

fn id(shown: &Value) -> String {
    shown["key_id"].as_str().expect("an id").to_owned()
}

/// Head and body of an answer.
async fn get(server: &Server, path: &str, header: &str) -> (String, String) {
    let mut stream = TcpStream::connect(server.http_address()).await.expect("a connection");
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: jeton\r\nconnection: close\r\n{header}\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.to_lowercase(), body.to_owned())
}

fn ids(jwks: &str) -> Vec<String> {
    let jwks: Value = serde_json::from_str(jwks).expect("JSON");
    let keys = jwks["keys"].as_array().expect("a list").iter();
    keys.map(|key| key["kid"].as_str().expect("a kid").to_owned()).collect()
}

/// Waits until the server publishes so many keys.
async fn published(server: &Server, count: usize) -> String {
    server.signal("HUP");
    let published = async || ids(&get(server, JWKS, "").await.1).len() == count;
    until("to publish the keys", published).await;
    get(server, JWKS, "").await.1
}

#[tokio::test]
async fn a_key_is_published_as_soon_as_it_is_added_and_signs_when_verifiers_know_it() {
    let server = Server::start(&Settings::standard()).await;
    let home = server.home();
    let (head, none) = get(&server, JWKS, "").await;
    assert!(ids(&none).is_empty() && head.contains("cache-control: no-store"), "{head}");

    let first = key(home, &["add", "--signing"]);
    assert_eq!((&first["state"], &first["algorithm"]), (&"active".into(), &"ES256".into()));
    let jwks = published(&server, 1).await;
    assert_eq!(ids(&jwks), [id(&first)]);
    let second = key(home, &["add", "--signing", "--algorithm", "EdDSA"]);
    assert_eq!(second["state"], "added");
    let jwks = published(&server, 2).await;
    let (keys, skipped) = KeySet::read(jwks.as_bytes()).expect("a key set");
    assert!(keys.len() == 2 && skipped.is_empty() && !jwks.contains("\"d\""), "{jwks}");

    let activated = key(home, &["activate", &id(&second)]);
    assert_eq!(activated["state"], "waiting", "verifiers keep the keys of before");
    let again = key(home, &["activate", &id(&second)]);
    assert_eq!(again["sign_time"], activated["sign_time"], "one activation is enough");
    assert!(refused(home, &["remove", &id(&first)]).contains("signs access tokens"));
    key(home, &["remove", &id(&second)]);
    let jwks = published(&server, 1).await;
    assert_eq!(ids(&jwks), [id(&first)]);
    server.stop().await;
}

#[tokio::test]
async fn the_key_set_may_be_kept_and_is_the_same_over_both_wires() {
    let server = Server::start(&Settings::standard()).await;
    key(server.home(), &["add", "--signing"]);
    let jwks = published(&server, 1).await;
    let (head, _) = get(&server, JWKS, "").await;
    assert!(head.contains("cache-control: public, max-age=300"), "{head}");
    assert!(head.contains("content-type: application/jwk-set+json"), "{head}");
    let tag = head.lines().find_map(|line| line.strip_prefix("etag: "));
    // The tag depends on case, and the head was folded.
    assert!(tag.is_some_and(|tag| tag.starts_with('"')), "{head}");
    let (head, body) = get(&server, JWKS, "if-none-match: *\r\n").await;
    assert!(head.starts_with("http/1.1 304") && body.is_empty(), "{head}");

    let mut service = TokenServiceClient::new(server.connect().await);
    let answer = service.get_jwks(GetJwksRequest {}).await.expect("an answer").into_inner();
    assert_eq!((answer.jwks, answer.max_age.map(|age| age.seconds)), (jwks, Some(300)));
    for metadata in ["oauth-authorization-server", "openid-configuration"] {
        let (_, document) = get(&server, &format!("/.well-known/{metadata}"), "").await;
        assert!(document.contains(&format!("{JWKS}\"")), "{document}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_key_of_rsa_is_taken_from_a_file_and_its_own_file_is_for_its_owner_alone() {
    let server = Server::start(&Settings::standard()).await;
    let home = server.home();
    assert!(refused(home, &["add", "--signing", "--algorithm", "RS256"]).contains("openssl"));
    let body: String = include_str!("common/issuer_rsa.txt").split_whitespace().collect();
    assert!(BASE64_STANDARD.decode(&body).is_ok());
    let lines: Vec<_> = body.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    let pem =
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"));
    let file = home.path().join("rsa.pem");
    fs::write(&file, &pem).expect("written");
    let import = ["add", "--signing", "--import", text(&file)];
    assert!(refused(home, &import).contains("ES256"), "the default is another algorithm");
    let added = key(home, &[&import[..], &["--algorithm", "RS256"]].concat());
    let jwks = published(&server, 1).await;
    assert_eq!(ids(&jwks), [id(&added)]);

    let own = home.keys().join(format!("{}.pem", id(&added)));
    let mode = fs::metadata(&own).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    fs::set_permissions(&own, fs::Permissions::from_mode(0o644)).expect("set");
    server.signal("HUP");
    server.logs("the signing keys on disk are refused").await;
    assert_eq!(ids(&get(&server, JWKS, "").await.1), [id(&added)], "the keys before stay");
    server.stop().await;
}
