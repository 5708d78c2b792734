//! The time of a refusal says nothing of which clients there are.

use std::time::{Duration, Instant};

use jeton::proto::v1::IssueTokenRequest;
use serde_json::json;

use crate::{
    common::{
        caller::client_credentials,
        home::Home,
        issuer::{SigningKey, jwks},
        now::seconds,
        server::Server,
        settings::{Settings, Table},
    },
    scene::{HERE, JWT_BEARER},
};

const ROUNDS: usize = 1_000;

/// Measures: run it on a machine that does nothing else, by `--ignored --nocapture`.
#[tokio::test]
#[ignore = "a measurement, for a machine that does nothing else"]
async fn a_refusal_takes_as_long_whether_there_is_such_a_client_or_not() {
    let (known, stranger) = (SigningKey::p256("k1"), SigningKey::p256("k1"));
    let home = Home::new();
    let keys = home.path().join("keys.json");
    std::fs::write(&keys, jwks([&known])).expect("a file");
    let client = |id: &'static str| {
        let client = Table::client(id).toml("grants", r#"["client_credentials"]"#);
        client.text("jwks_file", &keys.display().to_string())
    };
    let settings = Settings::standard()
        .set("http", "issuer", HERE)
        .and(client("signing"))
        .and(client("ended").toml("disabled", "true"));
    let server = Server::start_at(home, &settings).await;
    let shop = server.caller("shop").await;
    let assertion = |key: &SigningKey, id: &str, jti: usize| {
        let now = seconds();
        key.token(&json!({
            "iss": id, "sub": id, "aud": HERE, "iat": now, "exp": now + 60, "jti": format!("{jti}"),
        }))
    };
    // `shop` has a secret and no key. The right assertions of `signing` make a durable record each.
    let rows = [
        ("an unknown client", &stranger, "nobody"),
        ("a client by a wrong key", &stranger, "signing"),
        ("a client without a key", &stranger, "shop"),
        ("a client that is disabled", &stranger, "ended"),
        ("a client by its own key", &known, "signing"),
    ];
    let mut times = rows.map(|_| Vec::with_capacity(ROUNDS));
    for round in 0..ROUNDS {
        // The order changes, so that each follows each: the last one leaves work behind, a durable record.
        for offset in 0..rows.len() {
            let row = (round + offset * (1 + round % (rows.len() - 1))) % rows.len();
            let (_, key, id) = rows[row];
            let request = IssueTokenRequest {
                client_assertion: assertion(key, id, round),
                client_assertion_type: JWT_BEARER.to_owned(),
                ..client_credentials()
            };
            let mut stub = shop.stub.clone();
            #[expect(clippy::disallowed_methods, reason = "it is what is measured")]
            let began = Instant::now();
            let answer = stub.issue_token(request).await;
            #[expect(clippy::disallowed_methods, reason = "it is what is measured")]
            times[row].push(began.elapsed());
            assert_eq!(answer.is_ok(), row == 4, "{}", rows[row].0);
        }
    }
    let medians = times.map(|mut times| {
        times.sort();
        (times[ROUNDS / 4], times[ROUNDS / 2], times[ROUNDS * 3 / 4])
    });
    for ((row, _, _), (low, median, high)) in rows.iter().zip(medians) {
        println!("{row}: {median:?} ({low:?} to {high:?})");
    }
    let refusals: Vec<_> = medians[..4].iter().map(|(_, median, _)| *median).collect();
    let (first, last) = (refusals.iter().min(), refusals.iter().max());
    let (first, last) = (first.expect("rows"), last.expect("rows"));
    assert!(*last < *first * 5 / 4 + Duration::from_micros(20), "{first:?} to {last:?}");
    server.stop().await;
}
