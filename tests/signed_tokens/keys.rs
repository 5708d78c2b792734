//! The keys that sign access tokens: they are rotated without one refused token, and the tokens of a key that is
//! gone are never inactive.

use std::fs;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jeton::proto::v1::{AccessTokenFormat, Client, ClientType, GrantType};
use tonic::Code;

use crate::{
    ISSUER,
    common::{
        admin::{Admin, with_admin},
        caller::{Caller, by_password, client_credentials},
        command::{fail, jeton, succeed, text},
        refusal::assert_refused,
        server::Server,
        wait::until,
    },
    key, key_set, part, settings, verified,
};

#[tokio::test]
async fn keys_are_rotated_without_one_refused_token_at_verifiers_that_keep_the_key_set() {
    let settings = settings().set("keys", "jwks_max_age", "1s");
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await.access_token;
    let added = key(server.home(), &["add", "--signing"]);
    let id = added["key_id"].as_str().expect("an id");
    let config = server.home().path().join("jeton.toml");
    let activate = ["key", "activate", id, "--config", text(&config)];
    let activated = succeed(server.home(), &activate);
    assert_eq!(activated["state"], "waiting");
    // A verifier that fetched the keys when the new one was activated, and keeps them all the time.
    let kept = {
        let knows = async || key_set(&shop).await.len() == 2;
        until("to publish the key", knows).await;
        key_set(&shop).await
    };
    let signed_by_new = async || {
        let token = shop.issue(client_credentials()).await.expect("a token").access_token;
        verified(&token, &kept);
        part(&token, 0)["kid"] == id
    };
    until("to sign by the new key", signed_by_new).await;
    verified(&first, &kept);
    assert!(shop.is_active(&first).await, "signed by the key before");
    let old = part(&first, 0)["kid"].as_str().map(str::to_owned).expect("a kid");
    let keys = server.home().keys();
    let refused = fail(server.home(), &["key", "remove", &old, "--keys", text(&keys)]);
    assert!(refused.contains("can be good until"), "{refused}");
    server.stop().await;
}

#[tokio::test]
async fn without_a_key_a_signed_token_is_unavailable_until_one_server_alone_has_made_it() {
    let server = Server::start(&with_admin().set("http", "issuer", ISSUER)).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await;
    let format = AccessTokenFormat::Jwt.into();
    let jwt =
        Client { client_id: "shop".to_owned(), access_token_format: format, ..Client::default() };
    let admin = Admin::of(&server).await;
    admin.update_client(jwt, &["access_token_format"]).await.expect("changed");
    let unavailable = shop.issue(by_password("alice")).await;
    assert_refused(unavailable, Code::Unavailable, "TEMPORARILY_UNAVAILABLE");
    let issues = async || shop.issue(by_password("alice")).await.is_ok();
    until("to have made a key", issues).await;
    let second = shop.refresh(&first.refresh_token).await.expect("nothing was consumed before");
    assert!(shop.is_active(&second.access_token).await);
    server.stop().await;
}

/// The token, as if it had been signed by another key.
fn naming(token: &str, kid: &str) -> String {
    let mut header = part(token, 0);
    header["kid"] = kid.into();
    let header = BASE64_URL_SAFE_NO_PAD.encode(header.to_string());
    format!("{header}.{}", token.split_once('.').expect("parts").1)
}

#[tokio::test]
async fn tokens_of_a_key_whose_file_is_gone_are_unavailable_and_never_inactive() {
    let settings = settings().set("keys", "jwks_max_age", "1s");
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await;
    let kid = part(&first.access_token, 0)["kid"].as_str().map(str::to_owned).expect("a kid");
    let file = server.home().keys().join(format!("{kid}.pem"));
    let aside = server.home().path().join("aside.pem");
    fs::rename(&file, &aside).expect("moved");
    server.logs(&format!("are gone: {kid}")).await;
    let (code, ready) = server.ops().await.get("/readyz").await;
    assert_eq!((code, ready.lines().count()), (200, 2), "{ready}");
    let second = shop.refresh(&first.refresh_token).await.expect("by the key that it still has");
    assert!(shop.is_active(&second.access_token).await);

    let server = Server::start_at(server.stop().await, &settings).await;
    let shop = server.caller("shop").await;
    let refused = shop.try_introspect(&second.access_token).await;
    assert_refused(refused, Code::Unavailable, "TEMPORARILY_UNAVAILABLE");
    let all = shop.introspect_all(&["garbage", &second.access_token]).await;
    assert_refused(all, Code::Unavailable, "TEMPORARILY_UNAVAILABLE");
    let refused = shop.revoke(&second.access_token).await;
    assert_refused(refused, Code::Unavailable, "TEMPORARILY_UNAVAILABLE");
    let of_nobody = naming(&second.access_token, &"A".repeat(43));
    assert!(!shop.is_active(&of_nobody).await, "no key of that name ever signed");
    let told = server.log();
    assert_eq!(
        told.matches("a token names a signing key that the ring lacks").count(),
        1,
        "{told}"
    );
    server.logs("the key ring lacks signing keys whose tokens can be good").await;
    let (code, ready) = server.ops().await.get("/readyz").await;
    assert_eq!((code, ready.lines().count()), (200, 2), "{ready}");
    let config = server.home().path().join("jeton.toml");
    let checks = async || {
        let (home, arguments) = (server.home(), ["check", "--deep", "--config", text(&config)]);
        let checked = jeton(home, &arguments).output().expect("it ended");
        String::from_utf8_lossy(&checked.stdout).contains(&kid)
    };
    until("the check to name the key", checks).await;
    // Another key is made, and signs when verifiers know it.
    let refused = shop.issue(client_credentials()).await;
    assert_refused(refused, Code::Unavailable, "TEMPORARILY_UNAVAILABLE");

    fs::rename(&aside, &file).expect("put back");
    let active =
        async || shop.try_introspect(&second.access_token).await.is_ok_and(|answer| answer.active);
    until("to have the key again", active).await;
    let signed = shop.issue(client_credentials()).await.expect("a token").access_token;
    assert_eq!(part(&signed, 0)["kid"], kid, "at once: verifiers know it");
    server.stop().await;
}

#[tokio::test]
async fn a_signed_token_lives_no_longer_than_the_setting_allows_whenever_its_client_was_made() {
    let settings = with_admin().set("http", "issuer", ISSUER);
    let server = Server::start(&settings).await;
    let duration = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    let orders = Client {
        client_id: "orders".to_owned(),
        client_type: ClientType::Confidential.into(),
        grant_types: vec![GrantType::ClientCredentials.into()],
        audience: vec!["billing".to_owned()],
        access_token_ttl: duration(1_200),
        access_token_format: AccessTokenFormat::Jwt.into(),
        ..Client::default()
    };
    let (orders, secret) = Admin::of(&server).await.create_client(orders).await;
    let settings = settings.set("keys", "max_jwt_ttl", "10m");
    let server = Server::start_at(server.stop().await, &settings).await;
    let caller = Caller { id: "orders".to_owned(), secret, ..server.caller("shop").await };
    let life = async || {
        let issued = caller.issue(client_credentials()).await.ok()?;
        let told = part(&issued.access_token, 1);
        told["exp"].as_u64().zip(told["iat"].as_u64()).map(|(exp, iat)| exp - iat)
    };
    until("to issue", async || life().await.is_some()).await;
    assert_eq!(life().await, Some(600));
    let admin = Admin::of(&server).await;
    let longer = Client { access_token_ttl: duration(601), ..orders.clone() };
    let refused = admin.update_client(longer, &["access_token_ttl"]).await;
    assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
    let fits = Client { access_token_ttl: duration(600), ..orders };
    admin.update_client(fits, &["access_token_ttl"]).await.expect("changed");
    server.stop().await;
}
