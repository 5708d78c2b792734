//! Tokens of trusted issuers authenticate the clients that list their subjects (RFC 7523 §2.2), and
//! nobody else's do.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::fs;

use jeton::proto::v1::{
    Client, ClientIdentity, IssueTokenRequest, IssueTokenResponse, RevokeTokenRequest,
};
use serde_json::{Value, json};
use tonic::{Code, Status};

use crate::common::{
    admin::{Admin, with_admin},
    audit::causes,
    caller::{Caller, client_credentials},
    home::Home,
    http::post,
    issuer::{SigningKey, jwks},
    now::seconds,
    refusal::assert_refused,
    server::Server,
    settings::Table,
    wait::until,
};

const HERE: &str = "https://tokens.example";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The `iss` of every Kubernetes cluster of the defaults.
const CLUSTER: &str = "https://kubernetes.default.svc.cluster.local";
const ACCOUNT: &str = "system:serviceaccount:shop:orders";

/// Two clusters of one `iss`, and a client that is an account of the first.
struct World {
    prod: SigningKey,
    test: SigningKey,
    audit: std::path::PathBuf,
    server: Server,
}

impl World {
    async fn start() -> Self {
        let (prod, test) = (SigningKey::p256("prod-1"), SigningKey::p256("test-1"));
        let home = Home::new();
        let audit = home.path().join("audit.jsonl");
        let identity =
            |uid: &str| format!(r#"[{{ issuer = "prod", subject = "{ACCOUNT}"{uid} }}]"#);
        let client = |id: &'static str, identities: &str| {
            let client = Table::client(id).toml("grants", r#"["client_credentials"]"#);
            client.toml("identities", identities)
        };
        let pinned = identity(r#", uid = "7c1b""#).replace("orders", "pinned");
        let settings = with_admin()
            .set("http", "issuer", HERE)
            .set("audit", "target", &format!("file:{}", audit.display()))
            .and(issuer(&home, "prod", &prod))
            .and(issuer(&home, "test", &test))
            .and(client("orders", &identity("")))
            .and(client("pinned", &pinned));
        let server = Server::start_at(home, &settings).await;
        // They are read while the server serves.
        let read = || server.log().matches("the keys of the issuer were read").count();
        let instances = server.addresses().len();
        until("the keys of both", async || read() == 2 * instances).await;
        Self { prod, test, audit, server }
    }
}

fn issuer(home: &Home, name: &'static str, signer: &SigningKey) -> Table {
    let keys = home.path().join(format!("{name}.json"));
    fs::write(&keys, jwks([signer])).expect("written");
    let issuer = Table::issuer(name).text("issuer", CLUSTER);
    issuer.text("jwks_file", &keys.display().to_string())
}

/// Claims of a projected token of an account.
fn claims(account: &str, uid: &str) -> Value {
    let now = seconds();
    json!({
        "iss": CLUSTER, "sub": account, "aud": [HERE], "iat": now, "nbf": now, "exp": now + 600,
        "kubernetes.io": { "namespace": "shop", "serviceaccount": { "name": "orders", "uid": uid } },
    })
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

fn asserted(assertion: &str, client_id: &str) -> IssueTokenRequest {
    IssueTokenRequest {
        client_id: client_id.to_owned(),
        client_assertion: assertion.to_owned(),
        client_assertion_type: JWT_BEARER.to_owned(),
        ..client_credentials()
    }
}

async fn issue(
    shop: &Caller,
    assertion: &str,
    client_id: &str,
) -> Result<IssueTokenResponse, Status> {
    let answer = shop.stub.clone().issue_token(asserted(assertion, client_id)).await;
    answer.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn a_token_of_a_trusted_issuer_is_the_client_at_every_endpoint_as_often_as_it_is_shown() {
    let World { prod, server, .. } = World::start().await;
    let shop = server.caller("shop").await;
    let token = prod.token(&claims(ACCOUNT, "7c1b"));
    let first = issue(&shop, &token, "").await.expect("a token");
    issue(&shop, &token, "orders").await.expect("another, by its name");
    let form = [("client_assertion_type", JWT_BEARER), ("client_assertion", token.as_str())];
    let with = |more: &[(&'static str, &'static str)]| [&form[..], more].concat();
    let asked = with(&[("grant_type", "client_credentials")]);
    let (status, answer) = post(&server, "/oauth/token", &asked).await;
    assert!(status == 200 && answer["access_token"].is_string(), "{answer}");
    let introspect = [&form[..], &[("token", first.access_token.as_str())]].concat();
    let (status, answer) = post(&server, "/oauth/introspect", &introspect).await;
    assert_eq!((status, &answer["client_id"]), (200, &json!("orders")));
    let revoke = RevokeTokenRequest {
        client_assertion: token.clone(),
        client_assertion_type: JWT_BEARER.to_owned(),
        token: first.access_token.clone(),
        ..RevokeTokenRequest::default()
    };
    shop.stub.clone().revoke_token(revoke).await.expect("revoked");
    let (_, answer) = post(&server, "/oauth/introspect", &introspect).await;
    assert_eq!(answer, json!({ "active": false }));
    let (status, _) = post(&server, "/oauth/revoke", &introspect).await;
    assert_eq!(status, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_token_of_another_issuer_subject_uid_audience_or_time_is_nobodys() {
    let World { prod, test, audit, server } = World::start().await;
    let shop = server.caller("shop").await;
    let (now, good) = (seconds(), || claims(ACCOUNT, "7c1b"));
    let pinned = ACCOUNT.replace("orders", "pinned");
    let table = [
        (test.token(&good()), "", "wrong_identity"),
        (SigningKey::p256("prod-1").token(&good()), "", "wrong_signature"),
        (prod.token(&claims("system:serviceaccount:shop:order", "7c1b")), "", "wrong_identity"),
        (prod.token(&claims(&pinned, "8d2c")), "", "wrong_uid"),
        (prod.token(&good()), "pinned", "wrong_identity"),
        (prod.token(&good()), "nobody", "wrong_identity"),
        (
            prod.token(&with(good(), "iss", json!("https://elsewhere.example"))),
            "",
            "unknown_issuer",
        ),
        (
            prod.token(&with(good(), "aud", json!(["https://elsewhere.example"]))),
            "",
            "wrong_audience",
        ),
        (
            prod.token(&with(good(), "aud", json!([HERE, "https://b.example"]))),
            "",
            "wrong_audience",
        ),
        (prod.token(&with(good(), "exp", json!(now - 400))), "", "expired_assertion"),
        (
            prod.token(&with(with(good(), "iat", json!(now - 900)), "exp", json!(now - 400))),
            "",
            "expired_assertion",
        ),
    ];
    for (token, client_id, expected) in &table {
        let refused = issue(&shop, token, client_id).await.map(drop);
        let status = assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
        assert_eq!(status.message(), "client authentication failed", "{expected}");
    }
    assert_eq!(causes(&audit, table.len()).await, table.map(|(_, _, cause)| cause));
    issue(&shop, &prod.token(&claims(&pinned, "7c1b")), "").await.expect("the pinned one");
    server.stop().await;
}

#[tokio::test]
async fn an_identity_is_the_clients_from_one_call_to_the_next_and_two_holders_are_none() {
    let World { prod, audit, server, .. } = World::start().await;
    let shop = server.caller("shop").await;
    let admin = Admin::of(&server).await;
    let token = prod.token(&claims(ACCOUNT, "7c1b"));
    let list = async |client_id: &str, identities: Vec<ClientIdentity>| {
        let client = Client { client_id: client_id.into(), identities, ..Client::default() };
        admin.update_client(client, &["identities"]).await.expect("changed");
    };
    let identity =
        || ClientIdentity { issuer: "prod".into(), subject: ACCOUNT.into(), uid: String::new() };
    list("billing", vec![identity()]).await;
    issue(&shop, &token, "").await.expect_err("two list it");
    server.logs("two clients list the identity").await;
    issue(&shop, &token, "billing").await.expect("the one that is named");
    list("billing", vec![]).await;
    issue(&shop, &token, "").await.expect("the only one");
    issue(&shop, &token, "billing").await.expect_err("not its any more");
    admin.set_disabled("orders", true).await;
    issue(&shop, &token, "").await.expect_err("disabled");
    let causes = causes(&audit, 3).await;
    assert_eq!(causes, ["wrong_identity", "wrong_identity", "disabled_client"]);
    server.stop().await;
}
