//! Clients that sign assertions of their own (RFC 7523 §2.2): every endpoint takes one, once, and each
//! refusal has its cause in the audit and one answer for everybody else.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::{collections::BTreeSet, fs, sync::Arc};

use jeton::{
    domain::secret::Secret,
    proto::v1::{
        Client, ClientKey, IssueTokenRequest, IssueTokenResponse, RefreshTokenRequest,
        RevokeTokenRequest,
    },
};
use serde_json::{Value, json};
use tokio::{sync::Barrier, task::JoinSet};
use tonic::{Code, Status, transport::Endpoint};

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
    settings::{Settings, Table},
};

const HERE: &str = "https://tokens.example";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The standard settings, with an administrator, and `signing`, which has this key and no secret.
fn settings(home: &Home, signer: &SigningKey) -> Settings {
    let keys = home.path().join("signing.json");
    fs::write(&keys, jwks([signer])).expect("written");
    let signing = Table::client("signing").text("jwks_file", &keys.display().to_string());
    let signing = signing.toml("grants", r#"["client_credentials", "password", "refresh_token"]"#);
    with_admin().set("http", "issuer", HERE).and(signing)
}

async fn start(signer: &SigningKey) -> Server {
    let home = Home::new();
    let settings = settings(&home, signer);
    Server::start_at(home, &settings).await
}

/// Claims of an assertion that is good now, each with a `jti` of its own.
fn claims(jti: &str) -> Value {
    let now = seconds();
    json!({
        "iss": "signing", "sub": "signing", "aud": HERE, "jti": jti, "iat": now, "exp": now + 60,
    })
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    let members = claims.as_object_mut().expect("claims");
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
    claims
}

fn asserted(assertion: &str) -> IssueTokenRequest {
    IssueTokenRequest {
        client_assertion: assertion.to_owned(),
        client_assertion_type: JWT_BEARER.to_owned(),
        ..client_credentials()
    }
}

async fn issue(shop: &Caller, assertion: &str) -> Result<IssueTokenResponse, Status> {
    let answer = shop.stub.clone().issue_token(asserted(assertion)).await;
    answer.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn a_client_that_signs_needs_no_secret_at_any_endpoint_of_either_wire() {
    let signer = SigningKey::p256("a");
    let server = start(&signer).await;
    let shop = server.caller("shop").await;
    let sign = |jti: &str| signer.token(&claims(jti));
    let issued = issue(&shop, &sign("1")).await.expect("a token");
    let login = IssueTokenRequest {
        grant: common::caller::by_password("alice").grant,
        ..asserted(&sign("2"))
    };
    let login = shop.stub.clone().issue_token(login).await.expect("a login").into_inner();
    let refresh = RefreshTokenRequest {
        client_assertion: sign("3"),
        client_assertion_type: JWT_BEARER.to_owned(),
        refresh_token: login.refresh_token,
        ..RefreshTokenRequest::default()
    };
    let pair = shop.stub.clone().refresh_token(refresh).await.expect("a pair").into_inner();

    let form = |assertion: &'static str| {
        [("client_assertion_type", JWT_BEARER), ("client_assertion", assertion)]
    };
    let leaked = |jti: &str| -> &'static str { sign(jti).leak() };
    let introspect = [&form(leaked("4"))[..], &[("token", &issued.access_token)]].concat();
    let (status, answer) = post(&server, "/oauth/introspect", &introspect).await;
    assert_eq!(
        (status, &answer["active"], &answer["client_id"]),
        (200, &json!(true), &json!("signing"))
    );
    let token =
        [&form(leaked("5"))[..], &[("grant_type", "client_credentials"), ("client_id", "signing")]]
            .concat();
    let (status, answer) = post(&server, "/oauth/token", &token).await;
    assert!(status == 200 && answer["access_token"].is_string(), "{answer}");
    let revoke = [&form(leaked("6"))[..], &[("token", &pair.access_token)]].concat();
    assert_eq!(post(&server, "/oauth/revoke", &revoke).await.0, 200);
    let revoke = RevokeTokenRequest {
        client_assertion: sign("7"),
        client_assertion_type: JWT_BEARER.to_owned(),
        token: issued.access_token.clone(),
        ..RevokeTokenRequest::default()
    };
    shop.stub.clone().revoke_token(revoke).await.expect("revoked");
    let gateway = server.caller("gateway").await;
    assert!(!gateway.is_active(&issued.access_token).await);
    assert!(!gateway.is_active(&pair.access_token).await);
    server.stop().await;
}

#[tokio::test]
async fn of_requests_with_one_assertion_one_passes_also_at_the_same_time_and_after_a_restart() {
    let signer = SigningKey::p256("a");
    let home = Home::new();
    let settings = settings(&home, &signer);
    let server = Server::start_at(home, &settings).await;
    let shop = server.caller("shop").await;
    let assertion = signer.token(&claims("once"));
    let mut requests = JoinSet::new();
    for _ in 0..20 {
        let (shop, assertion) = (shop.clone(), assertion.clone());
        requests.spawn(async move { issue(&shop, &assertion).await });
    }
    let answers = requests.join_all().await;
    let (passed, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!((passed.len(), refused.len()), (1, 19));
    for refused in refused {
        assert_refused(refused.map(drop), Code::Unauthenticated, "INVALID_CLIENT");
    }
    // Another assertion under the same name is no other one.
    let again = signer.token(&with(claims("once"), "exp", json!(seconds() + 90)));
    let refused = issue(&shop, &again).await.map(drop);
    assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");

    let server = Server::start_at(server.stop().await, &settings).await;
    let refused = issue(&server.caller("shop").await, &assertion).await.map(drop);
    assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
    server.stop().await;
}

/// One caller at each instance; two at one that is alone.
async fn callers(server: &Server) -> Vec<Caller> {
    let mut addresses = server.addresses();
    if addresses.len() == 1 {
        addresses.extend_from_within(..);
    }
    let mut callers = Vec::new();
    for address in addresses {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("a URL");
        callers.push(Caller::new(endpoint.connect().await.expect("a connection"), "shop"));
    }
    callers
}

#[tokio::test]
async fn an_assertion_that_every_instance_is_shown_at_the_same_moment_is_good_at_one() {
    const ROUNDS: usize = 50;
    let signer = SigningKey::p256("a");
    let server = start(&signer).await;
    let callers = callers(&server).await;
    let mut accepting = BTreeSet::new();
    for round in 0..ROUNDS {
        let assertion = signer.token(&claims(&format!("round {round}")));
        let together = Arc::new(Barrier::new(callers.len()));
        let mut requests = JoinSet::new();
        for (place, caller) in callers.iter().cloned().enumerate() {
            let (assertion, together) = (assertion.clone(), Arc::clone(&together));
            requests.spawn(async move {
                together.wait().await;
                (place, issue(&caller, &assertion).await)
            });
        }
        let mut passed = Vec::new();
        for (place, answer) in requests.join_all().await {
            match answer {
                Ok(_) => passed.push(place),
                refused => {
                    let refused = refused.map(drop);
                    assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
                }
            }
        }
        assert_eq!(passed.len(), 1, "round {round}: accepted by {passed:?}");
        accepting.extend(passed);
    }
    println!("{} callers, of whom {accepting:?} were first", callers.len());
    // An instance that lost the round finds it used, too.
    let assertion = signer.token(&claims("later"));
    issue(&callers[0], &assertion).await.expect("the first");
    for caller in &callers {
        let refused = issue(caller, &assertion).await.map(drop);
        assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
    }
    server.stop().await;
}

#[tokio::test]
async fn each_refusal_has_its_cause_in_the_audit_and_one_answer_for_everybody_else() {
    let (signer, stranger) = (SigningKey::p256("a"), SigningKey::p256("a"));
    let home = Home::new();
    let audit = home.path().join("audit.jsonl");
    let settings = settings(&home, &signer);
    let settings = settings.set("audit", "target", &format!("file:{}", audit.display()));
    let server = Server::start_at(home, &settings).await;
    let shop = server.caller("shop").await;
    let admin = Admin::of(&server).await;
    let now = seconds();
    let sign = |claims: Value| signer.token(&claims);
    let good = || claims("x");
    let named = |name: &str| with(with(good(), "iss", json!(name)), "sub", json!(name));
    let header = |header: Value| signer.sign(&header.to_string(), &good().to_string());
    let unsigned = format!("{}.", sign(good()).rsplit_once('.').expect("three parts").0);
    let table = [
        ("garbage".to_owned(), "unreadable_assertion"),
        (header(json!({ "alg": "none" })), "wrong_algorithm"),
        (header(json!({ "alg": "HS256", "kid": "a" })), "wrong_algorithm"),
        (header(json!({ "alg": "RS256", "kid": "a" })), "unknown_key"),
        (header(json!({ "alg": "ES256", "kid": "b" })), "unknown_key"),
        (header(json!({ "alg": "ES256", "kid": "a", "crit": ["x"] })), "unreadable_assertion"),
        (header(json!({ "alg": "ES256", "kid": "a", "typ": "at+jwt" })), "wrong_media_type"),
        (header(json!({ "alg": "ES256", "kid": "b", "jwk": signer.jwk() })), "unknown_key"),
        (stranger.token(&good()), "wrong_signature"),
        (unsigned, "wrong_signature"),
        (sign(named("nobody")), "unknown_client"),
        (sign(named("billing")), "no_key"),
        (sign(named("app")), "no_key"),
        (sign(with(good(), "sub", json!("billing"))), "unknown_issuer"),
        (sign(with(good(), "aud", json!("https://elsewhere.example"))), "wrong_audience"),
        (sign(with(good(), "aud", json!([HERE, "https://b.example"]))), "wrong_audience"),
        (sign(with(good(), "aud", json!(format!("{HERE}/oauth/token")))), "wrong_audience"),
        (sign(with(good(), "aud", Value::Null)), "wrong_audience"),
        (sign(with(good(), "exp", json!(now - 40))), "expired_assertion"),
        (sign(with(with(good(), "iat", Value::Null), "exp", json!(now - 40))), "expired_assertion"),
        (sign(with(good(), "exp", Value::Null)), "unreadable_assertion"),
        (sign(with(good(), "exp", json!(now + 400))), "long_assertion"),
        (sign(with(with(good(), "iat", Value::Null), "exp", json!(now + 400))), "long_assertion"),
        (sign(with(good(), "nbf", json!(now + 50))), "early_assertion"),
        (sign(with(good(), "jti", Value::Null)), "unreadable_assertion"),
        (sign(with(good(), "jti", json!(""))), "unreadable_assertion"),
    ];
    for (assertion, expected) in &table {
        let refused = issue(&shop, assertion).await.map(drop);
        let status = assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
        assert_eq!(status.message(), "client authentication failed", "{expected}");
    }
    let expected: Vec<_> = table.iter().map(|(_, cause)| *cause).collect();
    assert_eq!(causes(&audit, expected.len()).await, expected);

    issue(&shop, &sign(with(good(), "aud", json!([HERE])))).await.expect("an array of one");
    issue(&shop, &sign(good())).await.expect_err("used");
    admin.set_disabled("signing", true).await;
    issue(&shop, &sign(claims("y"))).await.expect_err("disabled");
    let last = causes(&audit, expected.len() + 2).await.split_off(expected.len());
    assert_eq!(last, ["replayed_assertion", "disabled_client"]);
    let written = fs::read_to_string(&audit).expect("the audit") + &server.log();
    for (assertion, _) in &table[1..] {
        let shown = assertion.split('.').nth(1).expect("claims");
        assert!(!written.contains(shown), "no assertion is in a log");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_refused_reads_the_store_as_often_whether_or_not_there_is_such_a_client() {
    let (signer, stranger) = (SigningKey::p256("a"), SigningKey::p256("a"));
    let server = start(&signer).await;
    let shop = server.caller("shop").await;
    let ops = server.ops().await;
    let reads =
        async || ops.metrics().await.count(r#"jeton_cache_misses_total{records="clients"}"#);
    issue(&shop, &signer.token(&claims("good"))).await.expect("its record is in memory");
    // With a key, with a secret, with neither, and nobody.
    let (mut counted, mut before) = (Vec::new(), reads().await);
    for name in ["signing", "billing", "app", "nobody"] {
        let claims = with(with(claims("x"), "iss", json!(name)), "sub", json!(name));
        let secret = IssueTokenRequest {
            client_id: name.to_owned(),
            client_secret: format!("jcs_{}", "0".repeat(43)),
            ..client_credentials()
        };
        let name_alone = IssueTokenRequest { client_secret: String::new(), ..secret.clone() };
        for (way, request) in
            [("key", asserted(&stranger.token(&claims))), ("secret", secret), ("name", name_alone)]
        {
            // A public client is one by its name.
            if (name, way) == ("app", "name") {
                continue;
            }
            for _ in 0..5 {
                shop.stub.clone().issue_token(request.clone()).await.expect_err("refused");
            }
            let now = reads().await;
            counted.push((way, name, now - before));
            before = now;
        }
    }
    for (way, name, count) in &counted {
        let nobodys = counted.iter().find(|other| other.0 == *way && other.1 == "nobody");
        assert_eq!(Some(count), nobodys.map(|other| &other.2), "{way} of {name}: {counted:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_assertion_is_a_way_of_its_own_and_needs_its_type() {
    let signer = SigningKey::p256("a");
    let server = start(&signer).await;
    let shop = server.caller("shop").await;
    let sign = |jti: &str| signer.token(&claims(jti));
    for request in [
        IssueTokenRequest {
            client_secret: "shop-secret".into(),
            client_id: "shop".into(),
            ..asserted(&sign("1"))
        },
        IssueTokenRequest { client_id: "shop".into(), ..asserted(&sign("2")) },
        IssueTokenRequest { client_assertion_type: String::new(), ..asserted(&sign("3")) },
        IssueTokenRequest { client_assertion_type: "jwt".into(), ..asserted(&sign("4")) },
        asserted(""),
    ] {
        let refused = shop.stub.clone().issue_token(request).await.map(drop);
        assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
    }
    let basic =
        jeton::client::with_basic(asserted(&sign("5")), "shop", &Secret::new("shop-secret"));
    let refused = shop.stub.clone().issue_token(basic).await.map(drop);
    assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
    let beside = [
        ("grant_type", "client_credentials"),
        ("client_secret", "x"),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", &sign("6")),
    ];
    let (status, answer) = post(&server, "/oauth/token", &beside).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_request")));
    server.stop().await;
}

#[tokio::test]
async fn keys_are_rotated_without_a_refused_request_and_one_that_is_taken_away_counts_no_more() {
    let (old, new) = (SigningKey::p256("old"), SigningKey::p256("new"));
    let server = start(&old).await;
    let shop = server.caller("shop").await;
    let admin = Admin::of(&server).await;
    let key =
        |signer: &SigningKey| ClientKey { jwk: signer.jwk().to_string(), ..Default::default() };
    let set = async |keys: Vec<ClientKey>| {
        let client = Client { client_id: "signing".into(), keys, ..Client::default() };
        admin.update_client(client, &["keys"]).await.expect("changed");
    };
    issue(&shop, &old.token(&claims("1"))).await.expect("the old one");
    issue(&shop, &new.token(&claims("2"))).await.expect_err("not known yet");
    set(vec![key(&old), key(&new)]).await;
    issue(&shop, &old.token(&claims("3"))).await.expect("the old one");
    issue(&shop, &new.token(&claims("4"))).await.expect("the new one");
    set(vec![key(&new)]).await;
    issue(&shop, &old.token(&claims("5"))).await.expect_err("taken away");
    issue(&shop, &new.token(&claims("6"))).await.expect("the new one");
    server.stop().await;
}

#[tokio::test]
async fn without_a_name_of_its_own_a_server_takes_no_assertion() {
    let signer = SigningKey::p256("a");
    let home = Home::new();
    let settings = settings(&home, &signer).unset("http", "issuer");
    let server = Server::start_at(home, &settings).await;
    let shop = server.caller("shop").await;
    let refused = issue(&shop, &signer.token(&claims("1"))).await.map(drop);
    assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
    server.stop().await;
}
