//! A validator that judges signed access tokens at first sight, beside the real server.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;
#[path = "validator_faults/proxy.rs"]
#[expect(dead_code, reason = "the faults are of other tests")]
mod proxy;

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jeton::{
    client::{Basic, Credentials, Refusal, TokenClient, Validator, endpoint, validator::Options},
    domain::secret::Secret,
    proto::v1::RevokeGrantsRequest,
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    common::{
        admin::{Admin, with_admin},
        agent::Agent,
        caller::{Caller, by_password, client_credentials},
        home::Home,
        server::Server,
        settings::Settings,
        wait::until,
    },
    proxy::Proxy,
};

const ISSUER: &str = "https://tokens.example.internal";
const INTROSPECTED: &str =
    r#"jeton_grpc_requests_total{method="jeton.v1.TokenService/Introspect",outcome="OK"}"#;

fn settings() -> Settings {
    let settings = with_admin().set("http", "issuer", ISSUER);
    settings.declare("shop", "access_token_format", r#""jwt""#)
}

fn judging(url: String, client: &str) -> Validator {
    let basic = Basic::new(client, &Secret::new(format!("{client}-secret")));
    let channel = endpoint(url).expect("a URL").connect_lazy();
    let client = TokenClient::new(channel, Credentials::Basic(basic));
    Validator::start_judging(client, Options::default(), ISSUER.to_owned())
}

async fn accepts(validator: &Validator, token: &str) -> bool {
    match validator.validate(token).await {
        Ok(_) => true,
        Err(Refusal::Inactive) => false,
        Err(unknown) => panic!("{unknown:?}"),
    }
}

/// Waits until a token that is issued now is accepted without a question: the validator follows, has
/// the keys, and the server's first seconds are over.
async fn ready(validator: &Validator, shop: &Caller) {
    until("to judge", async || {
        let before = validator.counts().verified;
        assert!(accepts(validator, &shop.log_in().await.access_token).await);
        sleep(Duration::from_millis(100)).await;
        validator.counts().verified > before
    })
    .await;
}

async fn asked(server: &Server) -> u64 {
    server.ops().await.metrics().await.count(INTROSPECTED)
}

fn encoded(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

fn part(token: &str, at: usize) -> Value {
    let part = token.split('.').nth(at).expect("three parts");
    let json = BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64url");
    serde_json::from_slice(&json).expect("JSON")
}

#[tokio::test]
async fn a_good_token_is_accepted_at_first_sight_and_known_without_a_question() {
    let server = Server::start(&settings()).await;
    let (shop, validator) = (server.caller("shop").await, judging(server.url(), "gateway"));
    ready(&validator, &shop).await;
    let (before, verified) = (asked(&server).await, validator.counts().verified);
    let issued = shop.log_in().await;
    for _ in 0..3 {
        let claims = validator.validate(&issued.access_token).await.expect("active");
        assert_eq!((&*claims.client_id, &*claims.grant_id), ("shop", &*issued.grant_id));
        assert!(claims.subject.starts_with("usr_") && claims.is_for("billing"));
        assert!(claims.has_scope("read") && claims.expire_time > claims.issue_time);
    }
    let own = shop.issue(client_credentials()).await.expect("a token");
    assert!(accepts(&validator, &own.access_token).await);
    assert_eq!(validator.counts().verified, verified + 2);
    assert_eq!(asked(&server).await, before);
    server.stop().await;
}

#[tokio::test]
async fn forged_tokens_and_those_of_others_are_refused_without_a_question() {
    let server = Server::start(&settings()).await;
    let shop = server.caller("shop").await;
    // `rival` may introspect its own tokens, and `gateway` any.
    let (own, any) = (judging(server.url(), "rival"), judging(server.url(), "gateway"));
    ready(&any, &shop).await;
    let good = shop.log_in().await.access_token;
    until("the rival to judge", async || {
        let before = own.counts().asked;
        let accepted = accepts(&own, &shop.log_in().await.access_token).await;
        assert!(!accepted, "it is another client's");
        sleep(Duration::from_millis(100)).await;
        own.counts().asked == before
    })
    .await;
    let before = asked(&server).await;
    let parts: Vec<&str> = good.split('.').collect();
    let (header, claims) = (part(&good, 0), part(&good, 1));
    let changed = |base: &Value, name: &str, value: Value| {
        let mut changed = base.clone();
        changed[name] = value;
        encoded(&changed)
    };
    for forged in [
        format!("{}.{}.{}", changed(&header, "alg", json!("none")), parts[1], parts[2]),
        format!("{}.{}.{}", changed(&header, "alg", json!("HS256")), parts[1], parts[2]),
        format!("{}.{}.{}", changed(&header, "typ", json!("JWT")), parts[1], parts[2]),
        format!("{}.{}.{}", parts[0], changed(&claims, "exp", json!(u32::MAX)), parts[2]),
        format!("{}.{}.{}", parts[0], changed(&claims, "sub", json!("usr_1")), parts[2]),
        format!("{}.{}.{}", parts[0], changed(&claims, "iss", json!("https://x")), parts[2]),
        format!("{}.{}.AAAA", parts[0], parts[1]),
    ] {
        assert!(!accepts(&any, &forged).await, "{forged}");
    }
    assert!(any.counts().forged >= 7);
    assert!(!accepts(&own, &good).await, "it is another client's");
    assert_eq!(asked(&server).await, before);
    assert!(accepts(&any, &good).await);
    server.stop().await;
}

#[tokio::test]
async fn a_token_that_was_revoked_before_the_validator_started_or_since_is_refused() {
    let server = Server::start(&settings()).await;
    let shop = server.caller("shop").await;
    let (ended, partly) = (shop.log_in().await, shop.log_in().await);
    shop.revoke(&ended.refresh_token).await.expect("revoked");
    shop.revoke_access_only(&partly.access_token).await.expect("revoked");
    let validator = judging(server.url(), "gateway");
    ready(&validator, &shop).await;
    assert!(!accepts(&validator, &ended.access_token).await);
    assert!(!accepts(&validator, &partly.access_token).await);

    let (known, unseen) = (shop.log_in().await, shop.log_in().await);
    assert!(accepts(&validator, &known.access_token).await);
    shop.revoke(&known.refresh_token).await.expect("revoked");
    shop.revoke(&unseen.refresh_token).await.expect("revoked");
    let revoked = Instant::now();
    until("to hear", async || {
        sleep(Duration::from_millis(5)).await;
        !accepts(&validator, &known.access_token).await
    })
    .await;
    assert!(revoked.elapsed() <= Options::default().max_staleness, "{:?}", revoked.elapsed());
    until("to hear", async || {
        sleep(Duration::from_millis(5)).await;
        !accepts(&validator, &unseen.access_token).await
    })
    .await;
    server.stop().await;
}

#[tokio::test]
async fn after_a_restart_a_token_from_before_it_takes_no_question_and_a_revoked_one_is_refused() {
    let server = Server::start(&settings()).await;
    let shop = server.caller("shop").await;
    ready(&judging(server.url(), "gateway"), &shop).await;
    let (good, ended) = (shop.log_in().await, shop.log_in().await);
    shop.revoke(&ended.refresh_token).await.expect("revoked");
    let server = Server::start_at(server.stop().await, &settings()).await;
    let shop = server.caller("shop").await;
    let validator = judging(server.url(), "gateway");
    ready(&validator, &shop).await;
    let (before, verified) = (asked(&server).await, validator.counts().verified);
    assert!(accepts(&validator, &good.access_token).await);
    assert_eq!((asked(&server).await, validator.counts().verified), (before, verified + 1));
    assert!(!accepts(&validator, &ended.access_token).await);
    server.stop().await;
}

#[tokio::test]
async fn what_ends_everything_of_a_user_ends_no_later_login() {
    let server = Server::start(&settings()).await;
    let shop = server.caller("shop").await;
    let validator = judging(server.url(), "gateway");
    ready(&validator, &shop).await;
    let (known, unseen) = (shop.log_in().await, shop.log_in().await);
    let bob = shop.issue(by_password("bob")).await.expect("a grant");
    assert!(accepts(&validator, &known.access_token).await);
    let admin = Admin::of(&server).await;
    let subject = admin.user_id("alice").await;
    admin
        .revoke_grants(RevokeGrantsRequest { subject, ..Default::default() })
        .await
        .expect("ended");
    until("to hear", async || {
        sleep(Duration::from_millis(5)).await;
        !accepts(&validator, &known.access_token).await
    })
    .await;
    assert!(!accepts(&validator, &unseen.access_token).await);
    assert!(accepts(&validator, &shop.log_in().await.access_token).await, "a later login");
    let before = asked(&server).await;
    assert!(accepts(&validator, &bob.access_token).await, "another user's");
    assert_eq!(asked(&server).await, before);
    // A login that is later by more than the margin needs no question.
    ready(&validator, &shop).await;
    server.stop().await;
}

/// Shows tokens to a validator that hears nothing of the server any more, which is killed if that is asked
/// for.
async fn cut_off(killed: bool) {
    let server = Server::start(&settings()).await;
    let shop = server.caller("shop").await;
    let way = Proxy::to(server.address().to_owned()).await;
    let validator = judging(way.url(), "gateway");
    ready(&validator, &shop).await;
    let (known, unseen) = (shop.log_in().await, shop.log_in().await);
    let (late, unheard) = (shop.log_in().await, shop.log_in().await);
    assert!(accepts(&validator, &known.access_token).await);
    way.hold();
    // Still proven.
    assert!(accepts(&validator, &unseen.access_token).await);
    for token in [&known, &unheard] {
        shop.revoke(&token.refresh_token).await.expect("revoked");
    }
    let revoked = Instant::now();
    let server = if killed { Err(server.kill().await) } else { Ok(server) };
    let most = Options::default().max_staleness;
    let mut last = revoked;
    while revoked.elapsed() < most + Duration::from_secs(1) {
        let began = Instant::now();
        for token in [&known, &unheard] {
            if validator.recall(&token.access_token).is_some_and(|known| known.is_ok()) {
                last = began;
            }
        }
        sleep(Duration::from_millis(5)).await;
    }
    assert!(last > revoked && last - revoked <= most, "{:?}", last - revoked);
    for token in [&late, &unseen] {
        assert!(validator.recall(&token.access_token).is_none(), "nothing is proven");
        let refused = validator.validate(&token.access_token).await;
        assert!(matches!(refused, Err(Refusal::Unknown(_))), "{refused:?}");
    }
    if let Ok(server) = server {
        way.release();
        until("to follow again", async || {
            sleep(Duration::from_millis(20)).await;
            validator.recall(&late.access_token).is_some_and(|known| known.is_ok())
        })
        .await;
        assert!(!accepts(&validator, &unheard.access_token).await);
        server.stop().await;
    }
}

#[tokio::test]
async fn a_validator_that_is_cut_off_accepts_nothing_longer_than_it_promises() {
    cut_off(false).await;
}

#[tokio::test]
async fn a_validator_whose_server_is_killed_accepts_nothing_longer_than_it_promises() {
    cut_off(true).await;
}

#[tokio::test]
async fn an_agent_with_an_issuer_judges_as_a_validator_does() {
    let server = Server::start(&settings()).await;
    let shop = server.caller("shop").await;
    let listen = ["--listen", "127.0.0.1:0", "--issuer", ISSUER];
    let agent = Agent::start_on(&server.url(), "gateway", &listen).await;
    agent.hears().await;
    let caller = Caller::new(agent.connect().await, "gateway");
    until("to judge", async || {
        assert!(caller.is_active(&shop.log_in().await.access_token).await);
        sleep(Duration::from_millis(100)).await;
        let metrics = agent.ops().metrics().await;
        metrics.count(r#"jeton_agent_tokens_total{answer="verified"}"#) > 0
    })
    .await;
    let before = asked(&server).await;
    let issued = shop.log_in().await;
    assert!(caller.is_active(&issued.access_token).await);
    assert!(!caller.is_active(&format!("{}A", issued.access_token)).await);
    assert_eq!(asked(&server).await, before);
    shop.revoke(&issued.refresh_token).await.expect("revoked");
    until("to hear", async || !caller.is_active(&issued.access_token).await).await;
    drop::<Home>(agent.stop().await);
    server.stop().await;
}
