//! Tokens of trusted issuers authenticate the clients that list their subjects (RFC 7523 §2.2), and
//! nobody else's do.

use jeton::proto::v1::{Client, ClientIdentity, RevokeTokenRequest};
use serde_json::json;
use tonic::Code;

use crate::{
    common::{
        admin::Admin, audit::causes, http::post, issuer::SigningKey, now::seconds,
        refusal::assert_refused,
    },
    scene::{ACCOUNT, HERE, JWT_BEARER, World, claims, issue, with},
};

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
