//! Instances share the keys that sign access tokens: a key that is on each of them before it signs on one is
//! rotated without one refused token.

use std::fs;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jeton::{
    domain::{algorithm::Algorithm, secret::Secret},
    jose::{KeySet, verify},
    proto::v1::GetJwksRequest,
};
use serde_json::Value;
use tonic::Code;

use crate::{
    answers::introspected,
    common::{
        admin::with_admin,
        caller::{Caller, client_credentials},
        command::{succeed, text},
        home::Home,
        refusal::assert_refused,
        server::Server,
        settings::Settings,
        wait::until,
    },
    database::Database,
    fleet::{beside, callers, start_at},
};

const ISSUER: &str = "https://tokens.example.internal";

fn settings() -> Settings {
    let settings = with_admin().set("http", "issuer", ISSUER).set("keys", "jwks_max_age", "1s");
    let settings = settings.declare("shop", "access_token_format", r#""jwt""#);
    settings.declare("shop", "max_grants", "100000")
}

/// Runs a command about the key ring of a home, and answers the name of the key.
fn key(home: &Home, arguments: &[&str]) -> String {
    let keys = home.keys();
    let shown = succeed(home, &[&["key"], arguments, &["--keys", text(&keys)]].concat());
    shown["key_id"].as_str().expect("an id").to_owned()
}

fn copy(id: &str, from: &Server, to: &Server) {
    let name = format!("{id}.pem");
    fs::copy(from.home().keys().join(&name), to.home().keys().join(&name)).expect("copied");
}

async fn key_set(caller: &Caller) -> KeySet {
    let answer = caller.stub.clone().get_jwks(GetJwksRequest {}).await.expect("an answer");
    KeySet::read(answer.into_inner().jwks.as_bytes()).expect("a key set").0
}

fn signer(token: &str) -> String {
    let header = token.split('.').next().expect("a header");
    let header = BASE64_URL_SAFE_NO_PAD.decode(header).expect("base64url");
    let header: Value = serde_json::from_slice(&header).expect("JSON");
    header["kid"].as_str().expect("a kid").to_owned()
}

/// Insists that every instance and every verifier takes a token of each instance. Answers the keys that the
/// instances signed with.
async fn all_take(instances: &[Caller; 3], verifiers: &[KeySet]) -> [String; 3] {
    let mut signers = Vec::new();
    for from in instances {
        let token = from.issue(client_credentials()).await.expect("a token").access_token;
        for to in instances {
            let answer = introspected(to, &token).await.expect("an answer");
            assert!(answer.active, "an instance refused {token}");
        }
        for keys in verifiers {
            verify(&Secret::new(&*token), keys, &[Algorithm::Es256]).expect("a known key");
        }
        signers.push(signer(&token));
    }
    signers.try_into().expect("three")
}

/// Three instances that sign with one key, and the key.
async fn three_that_sign(database: &Database) -> ([Server; 3], String) {
    let home = Home::new();
    key(&home, &["add", "--new"]);
    let signing = key(&home, &["add", "--signing"]);
    let first = start_at(database, home, &settings()).await;
    let second = start_at(database, beside(&first), &settings()).await;
    let third = start_at(database, beside(&first), &settings()).await;
    ([first, second, third], signing)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_signing_key_is_rotated_over_instances_without_one_refused_token() {
    let database = Database::shared("signing_keys");
    let (instances, old) = three_that_sign(&database).await;
    let shops = callers(&instances, "shop").await;
    let [first, second, third] = &instances;
    let all = |id: &str| [id.to_owned(), id.to_owned(), id.to_owned()];
    assert_eq!(all_take(&shops, &[]).await, all(&old));

    // On each instance, and published by each, before it is activated on one.
    let new = key(first.home(), &["add", "--signing"]);
    copy(&new, first, second);
    copy(&new, first, third);
    let mut verifiers = Vec::new();
    for shop in &shops {
        until("to publish the key", async || key_set(shop).await.len() == 2).await;
        // Keeps the set from here on.
        verifiers.push(key_set(shop).await);
    }
    let config = first.home().path().join("jeton.toml");
    succeed(first.home(), &["key", "activate", &new, "--config", text(&config)]);
    copy(&new, first, second);
    // The third has the file of before, and goes on with the key of before.
    let differ = [new.clone(), new.clone(), old.clone()];
    until("two to sign by the new key", async || all_take(&shops, &verifiers).await == differ)
        .await;
    copy(&new, first, third);
    let agreed = async || all_take(&shops, &verifiers).await == all(&new);
    until("the third to sign by it, too", agreed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn instances_that_share_a_database_make_no_signing_key_by_themselves() {
    let database = Database::shared("no_signing_key");
    let first = start_at(&database, Home::new(), &settings()).await;
    let second = start_at(&database, beside(&first), &settings()).await;
    let shops = [first.caller("shop").await, second.caller("shop").await];
    for shop in &shops {
        shop.issue(client_credentials()).await.expect_err("there is no key");
    }
    let made = key(first.home(), &["add", "--signing"]);
    copy(&made, &first, &second);
    for shop in &shops {
        let issues = async || shop.issue(client_credentials()).await.is_ok();
        until("to issue", issues).await;
    }
    for (from, to) in [(0, 1), (1, 0)] {
        let token = shops[from].issue(client_credentials()).await.expect("a token").access_token;
        assert_eq!(signer(&token), made);
        assert!(shops[to].is_active(&token).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_key_that_one_instance_lacks_signs_nowhere_before_each_has_published_it() {
    let database = Database::shared("lacking_signing_key");
    let (instances, old) = three_that_sign(&database).await;
    let shops = callers(&instances, "shop").await;
    let [first, second, third] = &instances;
    let all = |id: &str| [id.to_owned(), id.to_owned(), id.to_owned()];
    let mut verifiers = vec![key_set(&shops[2]).await];
    let new = key(first.home(), &["add", "--signing"]);
    copy(&new, first, second);
    let config = first.home().path().join("jeton.toml");
    succeed(first.home(), &["key", "activate", &new, "--config", text(&config)]);
    copy(&new, first, second);
    first.logs("a signing key waits until every instance has published it").await;
    second.logs("a signing key waits until every instance has published it").await;
    // Its time has come, and a verifier has the set of the instance that lacks it.
    assert_eq!(all_take(&shops, &verifiers).await, all(&old));
    let forged = forged(&shops[0].issue(client_credentials()).await.expect("a token").access_token);
    for shop in &shops {
        assert!(!shop.is_active(&forged).await, "a name that no key had");
    }
    copy(&new, first, third);
    until("the third to publish it", async || key_set(&shops[2]).await.len() == 2).await;
    verifiers = vec![key_set(&shops[2]).await];
    let agreed = async || all_take(&shops, &verifiers).await == all(&new);
    until("all to sign by it", agreed).await;
    let late = beside_with(first, &[&new]);
    let (settings, url) = (settings(), [("JETON_STORE_URL", database.url())]);
    let log = Server::fail_to_start_with(&late, &settings, &url).await;
    assert!(log.contains(&format!("lacks the signing key {new}")), "{log}");
}

/// The token, as if a key that nobody has had signed it.
fn forged(token: &str) -> String {
    let header = format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"{}"}}"#, "A".repeat(43));
    let rest = token.split_once('.').expect("parts").1;
    format!("{}.{rest}", BASE64_URL_SAFE_NO_PAD.encode(header))
}

/// A home with the ring of a server, but for some signing keys.
fn beside_with(server: &Server, without: &[&str]) -> Home {
    let home = beside(server);
    for id in without {
        fs::remove_file(home.keys().join(format!("{id}.pem"))).expect("removed");
    }
    home
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_token_whose_key_an_instance_lacks_is_unavailable_there_and_never_inactive() {
    let database = Database::shared("unknown_signing_key");
    let home = Home::new();
    key(&home, &["add", "--new"]);
    key(&home, &["add", "--signing"]);
    let first = start_at(&database, home, &settings()).await;
    let second = start_at(&database, beside(&first), &settings()).await;
    let (here, there) = (first.caller("shop").await, second.caller("shop").await);
    // As if the second had been forgotten: only so can a key sign that it lacks.
    database.run("UPDATE jeton_signing_keys SET register = ''");
    let new = key(first.home(), &["add", "--signing"]);
    let config = first.home().path().join("jeton.toml");
    succeed(first.home(), &["key", "activate", &new, "--config", text(&config)]);
    let issued = async || here.issue(client_credentials()).await.expect("a token").access_token;
    until("to sign by the new key", async || signer(&issued().await) == new).await;
    let token = issued().await;
    let refused = introspected(&there, &token).await;
    assert_refused(refused, Code::Unavailable, "TEMPORARILY_UNAVAILABLE");
    assert!(!there.is_active(&forged(&token)).await);
    second.logs("the key ring lacks signing keys whose tokens can be good").await;
    let (code, ready) = second.ops().await.get("/readyz").await;
    assert_eq!((code, ready.lines().count()), (200, 2), "{ready}");
    let log = second.log();
    assert_eq!(log.matches("a token names a signing key that the ring lacks").count(), 1, "{log}");
    copy(&new, &first, &second);
    let known = async || introspected(&there, &token).await.is_ok_and(|answer| answer.active);
    until("the second to know the key", known).await;
}
