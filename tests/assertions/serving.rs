//! A server whose issuers come and go.

use std::fs;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jeton::{
    client::ASSERTION_TYPE,
    proto::v1::{GetStatusRequest, IssueTokenRequest, IssuerStatus},
};
use serde_json::json;
use tonic::Code;

use super::{
    publisher::{Publisher, Then, ok},
    scene::{CLUSTER, HERE},
};
use crate::common::{
    admin::{Admin, with_admin},
    caller::client_credentials,
    command::{jeton, text},
    home::Home,
    issuer::{SigningKey, jwks},
    now::seconds,
    server::Server,
    settings::{Settings, Table},
    wait::until,
};

fn trusting(issuer: Table) -> Settings {
    with_admin().set("http", "issuer", HERE).and(issuer)
}

/// Waits until so many keys are in use, of which the last reading went well or not.
async fn known(server: &Server, keys: u64, unreadable: bool) {
    let ops = server.ops().await;
    until("the keys", || async {
        let metrics = ops.metrics().await;
        metrics.count("jeton_issuer_keys{issuer=\"prod\"}") == keys
            && metrics.count("jeton_issuer_keys_unreadable{issuer=\"prod\"}")
                == u64::from(unreadable)
    })
    .await;
}

async fn status(server: &Server) -> IssuerStatus {
    let admin = Admin::of(server).await;
    let status = admin.stub.clone().get_status(admin.signed(GetStatusRequest {})).await;
    let [issuer] =
        <[_; 1]>::try_from(status.expect("a status").into_inner().issuers).expect("one issuer");
    issuer
}

#[tokio::test]
async fn an_issuer_that_goes_away_shows_wherever_an_operator_looks_until_it_is_back() {
    let keys = [SigningKey::p256("k1"), SigningKey::p256("k2")];
    let publisher = Publisher::answering(ok(&jwks(&keys[..1])), Then::Close).await;
    let settings = trusting(Table::issuer("prod").text("jwks_url", &publisher.url()));
    let server = Server::start(&settings).await;
    known(&server, 1, false).await;
    server.logs("the keys of the issuer were read").await;
    let good = status(&server).await;
    assert_eq!((good.name.as_str(), good.keys, good.fault.as_str()), ("prod", 1, ""));
    assert!(good.key_age.is_some());

    publisher.answer("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
    server.signal("HUP");
    known(&server, 1, true).await;
    server.logs("the keys of the issuer cannot be read").await;
    let fault = status(&server).await.fault;
    assert!(fault.contains("503") && fault.contains(&publisher.url()), "{fault}");
    assert_eq!(server.ops().await.get("/readyz").await.0, 200, "others are none the worse for it");

    // The pauses between attempts are seconds long, not the interval of 5 minutes.
    publisher.answer(ok(&jwks(&keys)));
    known(&server, 2, false).await;
    assert_eq!(status(&server).await.fault, "");
    server.stop().await;
}

#[tokio::test]
async fn a_server_starts_and_serves_without_the_keys_of_its_issuer() {
    let home = Home::new();
    let path = home.path().join("keys.json");
    let settings = trusting(Table::issuer("prod").text("jwks_file", text(&path)));
    let server = Server::start_at(home, &settings).await;
    known(&server, 0, true).await;
    assert_eq!(server.ops().await.get("/readyz").await.0, 200);
    server.caller("shop").await.log_in().await;
    let missing = status(&server).await;
    assert!(missing.keys == 0 && missing.key_age.is_none(), "{missing:?}");
    assert!(missing.fault.contains("keys.json"), "{missing:?}");

    let weak = r#"{"kty":"oct","k":"c2VjcmV0"}"#;
    let good = SigningKey::p256("k1").jwk();
    fs::write(&path, format!("{{\"keys\":[{weak},{good}]}}")).expect("a file");
    known(&server, 1, false).await;
    server.logs("it is a shared secret").await;
    fs::write(&path, "{").expect("a file");
    known(&server, 1, true).await;
    assert!(status(&server).await.fault.contains("no JSON Web Key Set"));
    server.stop().await;
}

/// A check runs beside the publisher that it asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_reads_the_keys_of_each_issuer() {
    let home = Home::new();
    let path = home.path().join("keys.json");
    let publisher = Publisher::answering(ok(&jwks(&[SigningKey::p256("k1")])), Then::Close).await;
    let by_url = Table::issuer("idp").text("jwks_url", &publisher.url());
    let settings = trusting(Table::issuer("prod").text("jwks_file", text(&path))).and(by_url);
    let config = home.write(&settings);
    let check = |deep: bool| {
        let mut arguments = vec!["check", "--config", text(&config)];
        arguments.extend(deep.then_some(["--deep", "--output", "json"]).into_iter().flatten());
        jeton(&home, &arguments).output().expect("jeton runs")
    };
    let plain = check(false);
    assert!(plain.status.success(), "a server would start");
    let notes = String::from_utf8(plain.stderr).expect("text");
    assert!(notes.contains("warning: the keys of issuer prod: ") && notes.contains("keys.json"));

    let deep = check(true);
    assert!(!deep.status.success());
    let found = String::from_utf8(deep.stdout).expect("text");
    assert!(found.contains("the keys of prod cannot be read"), "{found}");
    assert!(found.contains("idp has 1 keys that verify its assertions"), "{found}");

    fs::write(&path, jwks(&[SigningKey::rsa("k1")])).expect("a file");
    publisher.answer("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    let notes = String::from_utf8(check(false).stderr).expect("text");
    assert!(!notes.contains("the keys of issuer"), "{notes}");
    let found = String::from_utf8(check(true).stdout).expect("text");
    assert!(found.contains("prod has 1 keys"), "{found}");
    assert!(found.contains("404 Not Found") && found.contains("a server starts"), "{found}");
}

/// Shows a token of the account `orders` by that key. Returns the code of the answer.
async fn code(server: &Server, key: &SigningKey) -> Code {
    let now = seconds();
    let claims = json!({
        "iss": CLUSTER, "sub": "orders", "aud": HERE, "iat": now, "exp": now + 600,
    });
    let request = IssueTokenRequest {
        client_assertion: key.token(&claims),
        client_assertion_type: ASSERTION_TYPE.to_owned(),
        ..client_credentials()
    };
    let answer = server.caller("shop").await.stub.clone().issue_token(request).await;
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}

#[tokio::test]
async fn an_issuer_that_misbehaves_loses_no_known_key_and_brings_no_other() {
    let (good, evil) = (SigningKey::p256("k1"), SigningKey::p256("k2"));
    let impostor = SigningKey::p256("k1");
    let mut elsewhere = Publisher::answering(ok(&jwks([&good, &evil])), Then::Close).await;
    // Complete answers are read at once, and unfinished ones are waited for.
    let publisher = Publisher::answering(ok(&jwks([&good])), Then::Hang).await;
    let identities = r#"[{ issuer = "prod", subject = "orders" }]"#;
    let orders = Table::client("orders").toml("grants", r#"["client_credentials"]"#);
    let settings = trusting(Table::issuer("prod").text("jwks_url", &publisher.url()));
    let server = Server::start(&settings.and(orders.toml("identities", identities))).await;
    known(&server, 1, false).await;

    let weak = BASE64_URL_SAFE_NO_PAD.encode([0xc5; 128]);
    let weak = json!({ "keys": [{ "kty": "RSA", "kid": "k2", "n": weak, "e": "AQAB" }] });
    let redirect =
        format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", elsewhere.url());
    let long = [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &vec![b' '; 10 << 20]].concat();
    let half = format!("HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n{}", jwks([&good, &evil]));
    for (row, answer) in [
        ("redirects", redirect.into_bytes()),
        ("sends 10 MiB", long),
        ("stops in the middle", half.into_bytes()),
        ("is silent", Vec::new()),
        ("has a weak RSA key alone", ok(&weak.to_string()).into_bytes()),
        ("has two keys of one kid", ok(&jwks([&impostor, &good])).into_bytes()),
        ("is no JSON", ok("<html>").into_bytes()),
    ] {
        publisher.answer(answer);
        server.signal("HUP");
        known(&server, 1, true).await;
        assert_eq!(code(&server, &good).await, Code::Ok, "{row}");
        assert_eq!(code(&server, &evil).await, Code::Unavailable, "{row}");
        assert_eq!(code(&server, &impostor).await, Code::Unauthenticated, "{row}");
        assert_eq!(server.ops().await.get("/readyz").await.0, 200, "{row}");
        publisher.answer(ok(&jwks([&good])));
        server.signal("HUP");
        known(&server, 1, false).await;
    }
    assert!(elsewhere.requests.try_recv().is_err(), "nobody was sent there");
    server.stop().await;
}
