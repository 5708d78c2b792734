//! A server whose issuer is asked about tokens that are good by their signatures.

use std::{fs, path::PathBuf};

use jeton::{
    client::ASSERTION_TYPE,
    proto::v1::{GetStatusRequest, IssueTokenRequest},
};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tonic::{Code, Status};

use super::{
    api_server::{ApiServer, no, review, yes},
    publisher::{Publisher, Then},
    scene::{CLUSTER, HERE},
};
use crate::common::{
    admin::{Admin, with_admin},
    audit::causes,
    caller::{Caller, client_credentials},
    command::{jeton, text},
    home::Home,
    issuer::{SigningKey, jwks},
    now::seconds,
    refusal::assert_refused,
    server::Server,
    settings::{Settings, Table},
    wait::until,
};

const ACCOUNT: &str = "system:serviceaccount:shop:orders";
const BEARER: &str = "S3CRET-of-jeton";

/// A server with two issuers of one key each, of which `prod` is asked about its tokens.
struct World {
    prod: SigningKey,
    other: SigningKey,
    api: ApiServer,
    audit: PathBuf,
    server: Server,
}

impl World {
    async fn start(answer: &Value) -> Self {
        let api = ApiServer::answering(review(answer)).await;
        let (prod, other) = (SigningKey::p256("prod-1"), SigningKey::p256("other-1"));
        let home = Home::new();
        let audit = home.path().join("audit.jsonl");
        let bearer = home.path().join("bearer");
        fs::write(&bearer, BEARER).expect("written");
        let issuer = |name: &'static str, key: &SigningKey| {
            let keys = home.path().join(format!("{name}.json"));
            fs::write(&keys, jwks([key])).expect("written");
            Table::issuer(name).text("jwks_file", text(&keys))
        };
        let reviewed = issuer("prod", &prod)
            .text("token_review_url", &api.url())
            .text("bearer_file", text(&bearer));
        let settings = with_admin()
            .set("http", "issuer", HERE)
            .set("audit", "target", &format!("file:{}", audit.display()))
            .and(reviewed)
            .and(issuer("other", &other))
            .and(client("orders", "prod"))
            .and(client("elsewhere", "other"));
        let server = Server::start_at(home, &settings).await;
        let read = || server.log().matches("the keys of the issuer were read").count();
        until("the keys of both", async || read() == 2 * server.addresses().len()).await;
        Self { prod, other, api, audit, server }
    }

    fn token(&self) -> String {
        self.prod.token(&claims())
    }

    /// Shows a token of the account at the server.
    async fn show(&self, token: &str) -> Result<(), Status> {
        show(&self.server.caller("shop").await, token, "").await
    }

    /// The code of the answer to a new token.
    async fn code(&self) -> Code {
        let shown = self.show(&self.token()).await;
        shown.map_or_else(|status| status.code(), |()| Code::Ok)
    }

    /// The fault of the questions, in the status.
    async fn fault(&self) -> String {
        let admin = Admin::of(&self.server).await;
        let status = admin.stub.clone().get_status(admin.signed(GetStatusRequest {})).await;
        status.expect("a status").into_inner().issuers.swap_remove(0).review_fault
    }

    async fn reviews(&self, outcome: &str) -> u64 {
        let series = format!("jeton_token_reviews_total{{issuer=\"prod\",outcome=\"{outcome}\"}}");
        self.server.ops().await.metrics().await.count(&series)
    }

    /// Insists that others than the issuer's clients and the probes are none the worse for it.
    async fn assert_others_served(&self) {
        self.show(&self.other.token(&claims())).await.expect("another issuer's");
        self.server.caller("shop").await.log_in().await;
        assert_eq!(self.server.ops().await.get("/readyz").await.0, 200);
    }
}

fn client(id: &'static str, issuer: &str) -> Table {
    let identities = format!("[{{ issuer = {issuer:?}, subject = {ACCOUNT:?} }}]");
    Table::client(id).toml("grants", r#"["client_credentials"]"#).toml("identities", &identities)
}

fn claims() -> Value {
    let now = seconds();
    json!({
        "iss": CLUSTER, "sub": ACCOUNT, "aud": [HERE], "iat": now, "nbf": now, "exp": now + 600,
        "kubernetes.io": { "namespace": "shop", "serviceaccount": { "name": "orders", "uid": "7c1b" } },
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

async fn show(shop: &Caller, token: &str, client_id: &str) -> Result<(), Status> {
    let request = IssueTokenRequest {
        client_id: client_id.to_owned(),
        client_assertion: token.to_owned(),
        client_assertion_type: ASSERTION_TYPE.to_owned(),
        ..client_credentials()
    };
    shop.stub.clone().issue_token(request).await.map(drop)
}

#[tokio::test]
async fn a_token_is_shown_to_its_issuer_after_every_check_of_jetons_own_and_with_its_audience() {
    let world = World::start(&yes(ACCOUNT, HERE)).await;
    let shop = world.server.caller("shop").await;
    let prod = &world.prod;
    let stranger = "system:serviceaccount:shop:stranger";
    for (token, client_id) in [
        (prod.token(&with("aud", json!([CLUSTER]))), ""),
        (prod.token(&with("exp", json!(seconds() - 400))), ""),
        (prod.token(&with("sub", json!(stranger))), ""),
        (SigningKey::p256("prod-1").token(&claims()), ""),
        (prod.token(&claims()), "elsewhere"),
        ("no token".to_owned(), ""),
    ] {
        let refused = show(&shop, &token, client_id).await;
        assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
    }
    world.show(&world.other.token(&claims())).await.expect("of an issuer that is not asked");
    assert_eq!(world.api.asked(), 0, "nothing was shown to the issuer");

    let token = world.token();
    world.show(&token).await.expect("confirmed");
    let (head, body) = world.api.last();
    assert!(head.starts_with("POST /apis/authentication.k8s.io/v1/tokenreviews HTTP/1.1\r\n"));
    assert!(head.contains(&format!("authorization: Bearer {BEARER}\r\n")), "{head}");
    assert!(head.contains("content-type: application/json\r\n"), "{head}");
    let expected = json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": { "token": token, "audiences": [HERE] },
    });
    assert_eq!(body, expected);
    world.server.stop().await;
}

#[tokio::test]
async fn a_good_answer_is_remembered_and_then_the_issuer_is_asked_again() {
    let world = World::start(&yes(ACCOUNT, HERE)).await;
    let (token, shop) = (world.token(), world.server.caller("shop").await);
    show(&shop, &token, "").await.expect("confirmed");
    world.api.answer(review(&no()));
    show(&shop, &token, "").await.expect("remembered");
    assert_eq!(world.api.asked(), 1);
    until("the account to be gone", async || show(&shop, &token, "").await.is_err()).await;
    assert_eq!(world.api.asked(), 2, "it was asked when the time was over");
    // A refusal is not remembered: an account whose answer was wrong is back at once.
    world.api.answer(review(&yes(ACCOUNT, HERE)));
    show(&shop, &token, "").await.expect("confirmed");
    assert_eq!((world.reviews("confirmed").await, world.reviews("denied").await), (2, 1));
    world.server.stop().await;
}

#[tokio::test]
async fn a_token_that_its_issuer_does_not_confirm_is_refused_by_a_cause_of_its_own() {
    let world = World::start(&no()).await;
    let other = |name: &str, value: Value| {
        let mut status = yes(ACCOUNT, HERE);
        status[name] = value;
        status
    };
    let table = [
        no(),
        json!({}),
        other("authenticated", json!(false)),
        other("audiences", json!([])),
        other("audiences", json!([CLUSTER])),
        other("user", json!({ "username": ACCOUNT })),
        other("user", json!({ "username": ACCOUNT, "uid": "8d2c" })),
        other("user", json!({ "uid": "7c1b" })),
        yes("system:serviceaccount:shop:stranger", HERE),
        yes("system:serviceaccount:shop:order", HERE),
    ];
    let token = world.token();
    for status in &table {
        world.api.answer(review(status));
        let refused = world.show(&token).await;
        let refused = assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
        assert_eq!(refused.message(), "client authentication failed", "{status}");
    }
    assert_eq!(causes(&world.audit, table.len()).await, ["denied_by_issuer"; 10]);
    world.server.stop().await;
}

#[tokio::test]
async fn an_issuer_that_misbehaves_makes_its_tokens_unavailable_and_nobody_is_taken_or_refused() {
    let world = World::start(&yes(ACCOUNT, HERE)).await;
    let elsewhere = ApiServer::answering(review(&yes(ACCOUNT, HERE))).await;
    let status =
        |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").into_bytes();
    let redirect = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n",
        elsewhere.url()
    );
    let long = [
        review(&yes(ACCOUNT, HERE)).replacen("content-length", "x", 1).into_bytes(),
        vec![b' '; 10 << 20],
    ];
    let ok = |body: &str| super::publisher::ok(body).into_bytes();
    let half = review(&yes(ACCOUNT, HERE));
    let half = half[..half.len() - 2].to_owned().into_bytes();
    let token = world.token();
    for (row, answer, fault) in [
        ("fails", status("500 Internal Server Error"), "500"),
        ("refuses the bearer", status("401 Unauthorized"), "401"),
        ("forbids it", status("403 Forbidden"), "403"),
        ("refuses the question", status("400 Bad Request"), "400"),
        ("redirects", redirect.into_bytes(), "redirects are not followed"),
        ("sends 10 MiB", long.concat(), "longer than 64 KiB"),
        ("stops in the middle", half, "no answer"),
        ("is no HTTP", b"SSH-2.0\r\n".to_vec(), "no answer"),
        ("is no JSON", ok("<html>"), "no TokenReview"),
        ("is something else", ok(r#"{"kind":"Status","apiVersion":"v1"}"#), "no TokenReview"),
        ("has no status", ok(r#"{"kind":"TokenReview"}"#), "no TokenReview"),
        (
            "has text for truth",
            review(&json!({ "authenticated": "true" })).into(),
            "no TokenReview",
        ),
    ] {
        world.api.answer(answer);
        let unknown = world.show(&token).await;
        assert_eq!(unknown.expect_err(row).code(), Code::Unavailable, "{row}");
        let shown = world.fault().await;
        assert!(shown.contains(fault) && shown.contains(&world.api.url()), "{row}: {shown}");
        assert!(!shown.contains(&token), "{row}");
    }
    assert_eq!(elsewhere.asked(), 0, "nobody was sent there");
    world.assert_others_served().await;
    world.server.logs("the issuer cannot be asked about its tokens").await;
    let failing = "jeton_token_reviews_failing{issuer=\"prod\"}";
    let ops = world.server.ops().await;
    assert_eq!((ops.metrics().await.count(failing), world.reviews("failed").await), (1, 12));

    world.api.answer(review(&yes(ACCOUNT, HERE)));
    world.show(&token).await.expect("it answers again");
    world.server.logs("the issuer can be asked about its tokens again").await;
    assert_eq!((ops.metrics().await.count(failing), world.fault().await.as_str()), (0, ""));
    let World { api, server, prod, audit, .. } = world;
    api.end().await;
    let shop = server.caller("shop").await;
    let gone = show(&shop, &prod.token(&claims()), "").await;
    assert_eq!(gone.expect_err("nobody is there").code(), Code::Unavailable);
    let signature = token.rsplit('.').next().expect("a signature");
    let written = server.log() + &fs::read_to_string(audit).expect("the audit");
    assert!(!written.contains(signature) && !written.contains(BEARER), "{written}");
    server.stop().await;
}

#[tokio::test]
async fn an_issuer_that_hangs_holds_up_its_own_tokens_for_five_seconds_and_nothing_else() {
    let world = World::start(&yes(ACCOUNT, HERE)).await;
    world.api.silence(true);
    let (shop, token) = (world.server.caller("shop").await, world.token());
    let hanging = tokio::spawn(async move { show(&shop, &token, "").await });
    until("the question", async || {
        world.server.ops().await.get("/livez").await.0 == 200 && world.api.asked() == 1
    })
    .await;
    world.assert_others_served().await;
    assert!(!hanging.is_finished());
    let late = hanging.await.expect("no panic").expect_err("nobody knows");
    assert_eq!(late.code(), Code::Unavailable);
    let fault = world.fault().await;
    assert!(fault.contains("no answer within 5 seconds"), "{fault}");
    world.api.silence(false);
    assert_eq!(world.code().await, Code::Ok);
    world.server.stop().await;
}

#[tokio::test]
async fn of_fifty_requests_with_one_token_one_asks_the_issuer() {
    let world = World::start(&yes(ACCOUNT, HERE)).await;
    world.api.silence(true);
    let (shop, token) = (world.server.caller("shop").await, world.token());
    let mut showing = JoinSet::new();
    for _ in 0..50 {
        let (shop, token) = (shop.clone(), token.clone());
        showing.spawn(async move { show(&shop, &token, "").await });
    }
    until("a question", async || {
        world.server.ops().await.get("/livez").await.0 == 200 && world.api.asked() > 0
    })
    .await;
    world.api.silence(false);
    for shown in showing.join_all().await {
        shown.expect("confirmed");
    }
    assert_eq!(world.api.asked(), 1);
    world.server.stop().await;
}

/// A check runs beside the issuer that it asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_asks_the_issuer_about_a_token_that_it_must_refuse() {
    let api = ApiServer::answering(review(&no())).await;
    let keys = super::publisher::ok(&jwks(&[SigningKey::p256("k1")]));
    let publisher = Publisher::answering(keys, Then::Close).await;
    let home = Home::new();
    let prod = Table::issuer("prod")
        .text("jwks_url", &publisher.url())
        .text("token_review_url", &api.url());
    let settings: Settings = with_admin().set("http", "issuer", HERE).and(prod);
    let config = home.write(&settings);
    let check = || {
        let arguments = ["check", "--config", text(&config), "--deep", "--output", "json"];
        let output = jeton(&home, &arguments).output().expect("jeton runs");
        String::from_utf8(output.stdout).expect("text")
    };
    let found = check();
    assert!(found.contains("prod answers questions about its tokens"), "{found}");
    let (_, question) = api.last();
    assert_eq!(question["spec"], json!({ "token": "jeton-check", "audiences": [HERE] }));
    for (answer, finding) in [
        ("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n".to_owned(), "system:auth-delegator"),
        ("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n".to_owned(), "401 Unauthorized"),
        ("HTTP/1.1 503 Away\r\ncontent-length: 0\r\n\r\n".to_owned(), "a server starts"),
        (review(&yes(ACCOUNT, HERE)), "prod takes a made-up token for good"),
    ] {
        api.answer(answer);
        let found = check();
        assert!(found.contains(finding), "{finding}: {found}");
    }
}
