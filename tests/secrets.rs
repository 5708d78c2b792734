//! No log line and nothing on the disk holds a token, a secret or a password, not at the loudest
//! level and not when calls fail.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jeton::proto::v1::{
    IntrospectRequest, IssueTokenRequest, PasswordGrant, RefreshTokenRequest, TokenKind,
    issue_token_request::Grant,
};
use tonic::Request;

use crate::common::{
    caller::{Caller, by_password, client_credentials, for_jeton},
    forms::Written,
    home::Home,
    server::Server,
    settings::{Settings, Table},
};

/// Sent where the log may show it: what finds it would find the others.
const SHOWN: &str = "positive-control-4711";

/// Everything that was shown to the server or came from it and is nobody else's business.
#[derive(Default)]
struct Secrets(Vec<String>);

impl Secrets {
    fn add(&mut self, secret: &str) {
        assert!(secret.len() >= 8, "too short to be looked for: {secret}");
        self.0.push(secret.to_owned());
    }

    /// A client's secret, also as Basic credentials have it.
    fn add_client(&mut self, id: &str, secret: &str) {
        self.add(secret);
        self.add(&BASE64_STANDARD.encode(format!("{id}:{secret}")));
        // The form of `jeton::client`: percent-encoded first.
        let encoded = secret.replace('-', "%2D");
        self.add(&BASE64_STANDARD.encode(format!("{id}:{encoded}")));
    }

    /// Returns the secrets that `bytes` hold, whole or half.
    fn found_in(&self, bytes: &[u8]) -> Vec<&str> {
        let written = Written::new(bytes);
        // Half of a token names its grant, which is no secret; a bit more does not.
        let leaks = |secret: &&str| written.leaks(secret, 40);
        self.0.iter().map(String::as_str).filter(leaks).collect()
    }
}

fn log_in_as(username: &str, password: &str) -> IssueTokenRequest {
    let grant = PasswordGrant { username: username.to_owned(), password: password.to_owned() };
    IssueTokenRequest { grant: Some(Grant::Password(grant)), ..Default::default() }
}

async fn every_success(shop: &Caller, secrets: &mut Secrets) {
    let first = shop.log_in().await;
    let second = shop.refresh(&first.refresh_token).await.expect("a pair");
    shop.refresh(&first.refresh_token).await.expect("the pair again");
    let own = shop.issue(client_credentials()).await.expect("a token");
    shop.introspect(&second.access_token).await;
    shop.introspect_as(&second.refresh_token, TokenKind::Refresh).await;
    shop.introspect_all(&[&first.access_token, &own.access_token]).await.expect("results");
    let message = IntrospectRequest { token: own.access_token.clone(), ..Default::default() };
    let mut request = Request::new(message);
    let for_jeton = shop.issue(for_jeton()).await.expect("a token").access_token;
    let bearer = format!("Bearer {for_jeton}");
    request.metadata_mut().insert("authorization", bearer.parse().expect("a header"));
    shop.stub.clone().introspect(request).await.expect("an answer");
    shop.revoke(&own.access_token).await.expect("revoked");
    for token in [&first.access_token, &first.refresh_token, &second.access_token] {
        secrets.add(token);
    }
    secrets.add(&second.refresh_token);
    secrets.add(&own.access_token);
    secrets.add(&for_jeton);
}

async fn every_failure(shop: &Caller, rival: &Caller, secrets: &mut Secrets) {
    let first = shop.log_in().await;
    let second = shop.refresh(&first.refresh_token).await.expect("a pair");
    let third = shop.refresh(&second.refresh_token).await.expect("a pair");
    rival.refresh(&third.refresh_token).await.expect_err("another client's");
    rival.revoke(&third.refresh_token).await.expect_err("another client's");
    shop.refresh(&first.refresh_token).await.expect_err("a replay");
    for token in [&first.refresh_token, &second.refresh_token, &third.refresh_token] {
        secrets.add(token);
    }
    let wrong = "a-wrong-secret-of-shop";
    let stranger = Caller { secret: wrong.to_owned(), ..shop.clone() };
    stranger.issue(client_credentials()).await.expect_err("a wrong secret");
    stranger.introspect_all(&[]).await.expect_err("a wrong secret");
    secrets.add_client("shop", wrong);
    shop.issue(log_in_as("alice", "a-wrong-password")).await.expect_err("a wrong password");
    secrets.add("a-wrong-password");
    // People type passwords where names go.
    shop.issue(log_in_as("typed-in-the-name", "")).await.expect_err("nobody");
    secrets.add("typed-in-the-name");
    let misplaced = Caller { id: "secret-in-the-id".to_owned(), ..shop.clone() };
    misplaced.refresh("jrt_garbage-token").await.expect_err("nobody");
    let mut garbage = Request::new(RefreshTokenRequest {
        client_id: shop.id.clone(),
        client_secret: shop.secret.clone(),
        refresh_token: "jrt_garbage-token".to_owned(),
        scopes: vec![],
        ..RefreshTokenRequest::default()
    });
    garbage.metadata_mut().insert("x-request-id", SHOWN.parse().expect("a header"));
    shop.stub.clone().refresh_token(garbage).await.expect_err("garbage");
    secrets.add("secret-in-the-id");
    secrets.add("jrt_garbage-token");
    let message = IntrospectRequest { token: "jat_not-a-bearer".to_owned(), ..Default::default() };
    let mut request = Request::new(message);
    let bearer = "Bearer jat_not-a-bearer".parse().expect("a header");
    request.metadata_mut().insert("authorization", bearer);
    shop.stub.clone().introspect(request).await.expect_err("no bearer");
    secrets.add("jat_not-a-bearer");
}

#[tokio::test]
async fn the_log_of_a_whole_run_at_trace_level_and_the_disk_hold_no_secret() {
    let settings = Settings::standard();
    let generated = format!("jcs_{}", "4f".repeat(22));
    let robot = Table::client("robot").text("secret", &generated);
    let settings = settings.and(robot.toml("grants", r#"["client_credentials"]"#));
    let mut secrets = Secrets::default();
    for id in ["shop", "rival", "billing", "gateway"] {
        secrets.add_client(id, &format!("{id}-secret"));
    }
    secrets.add_client("robot", &generated);
    secrets.add("alice-password");
    secrets.add("bob-password");

    let environment = [("JETON_LOG", "trace")];
    let server = Server::start_with(Home::new(), &settings, &environment).await;
    let (shop, rival) = (server.caller("shop").await, server.caller("rival").await);
    let robot = Caller { secret: generated, ..server.caller("robot").await };
    let issued = robot.issue(client_credentials()).await.expect("a token");
    secrets.add(&issued.access_token);
    rival.issue(by_password("bob")).await.expect("a grant");
    every_success(&shop, &mut secrets).await;
    every_failure(&shop, &rival, &mut secrets).await;
    server.terminate();
    let (home, mut log) = server.ended().await;
    // The second start compares what is declared with what was applied.
    let server = Server::start_with(home, &settings, &environment).await;
    server.terminate();
    let (home, second_log) = server.ended().await;
    log.push_str(&second_log);

    assert!(log.contains("\"TRACE\""), "the log is at trace level");
    assert_eq!(secrets.found_in(log.as_bytes()), [""; 0], "in the log");
    // Hashes may be in the files for hashes; in the log they are nobody's to guess at.
    let mut hashes = Secrets::default();
    hashes.add("$argon2id$v=19$");
    assert_eq!(hashes.found_in(log.as_bytes()), [""; 0], "in the log");
    let files = home.at_rest();
    assert!(files.len() >= 3);
    for (path, bytes) in files {
        assert_eq!(secrets.found_in(&bytes), [""; 0], "in {}", path.display());
    }

    // The search finds what is there.
    let mut control = Secrets::default();
    control.add(SHOWN);
    assert_eq!(control.found_in(log.as_bytes()), [SHOWN]);
    let decimal = SHOWN.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
    let digits: Vec<String> = SHOWN.bytes().map(|byte| format!("{byte:02x}")).collect();
    let (hexadecimal, escaped) = (digits.concat(), format!("\\x{}", digits.join("\\x")));
    // Within other text, at each of the three places.
    let encoded = ["", "x", "xy"].map(|before| BASE64_STANDARD.encode(format!("{before}{SHOWN}z")));
    for form in [decimal, hexadecimal, escaped].into_iter().chain(encoded) {
        assert_eq!(
            control.found_in(format!("a line {form} of a log").as_bytes()),
            [SHOWN],
            "{form}"
        );
    }
    let written = home.at_rest().values().any(|bytes| {
        let mut control = Secrets::default();
        control.add("alice@example.com");
        !control.found_in(bytes).is_empty()
    });
    assert!(written, "the search finds on the disk what is in clear there");
}
