//! The cost of validating a known token, by one thread and by two, compared with a question to the
//! server about the same tokens, and that of a signed token at first sight, compared with the check of its
//! signature alone. The server is the real one, on this machine.

#[path = "../tests/common/mod.rs"]
#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::{hint::black_box, thread, time::Duration};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::FutureExt as _;
use jeton::{
    client::{Basic, Credentials, TokenClient, Validator, endpoint, validator::Options},
    domain::secret::Secret,
    proto::v1::{GetJwksRequest, IntrospectRequest},
};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::Value;
use tokio::{runtime::Runtime, time::sleep};

use crate::common::{
    caller::{Caller, client_credentials},
    server::Server,
    settings::Settings,
};

const TOKENS: usize = 1_000;
const ISSUER: &str = "https://tokens.example.internal";

/// Follows a server's revocations as the gateway.
fn client_of(server: &Server) -> TokenClient {
    let channel = endpoint(server.url()).expect("a URL").connect_lazy();
    let basic = Basic::new("gateway", &Secret::new("gateway-secret"));
    TokenClient::new(channel, Credentials::Basic(basic))
}

struct Scene {
    runtime: Runtime,
    /// The server, which serves until it is dropped.
    _server: Server,
    client: TokenClient,
    validator: Validator,
    tokens: Vec<String>,
}

impl Scene {
    fn begin() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let (server, client, validator, tokens) = runtime.block_on(async {
            let settings = Settings::standard().declare("shop", "max_grants", &TOKENS.to_string());
            let server = Server::start(&settings).await;
            let client = client_of(&server);
            let validator = Validator::start(client.clone(), Options::default());
            while validator.staleness().is_none() {
                sleep(Duration::from_millis(1)).await;
            }
            let shop = server.caller("shop").await;
            let mut tokens = Vec::new();
            for _ in 0..TOKENS {
                tokens.push(shop.log_in().await.access_token);
            }
            (server, client, validator, tokens)
        });
        Self { runtime, _server: server, client, validator, tokens }
    }

    /// Asks the server about the tokens that memory does not answer any more.
    fn warm(&self) {
        for token in &self.tokens {
            self.runtime.block_on(self.validator.validate(token)).expect("active");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "measures what it times")]
fn start() -> std::time::Instant {
    std::time::Instant::now()
}

/// Validates from memory: a future that is not ready at once is no hit, and counts as a failure.
fn hit(validator: &Validator, token: &str) {
    let answer = validator.validate(token).now_or_never().expect("known");
    black_box(answer.expect("active"));
}

fn validate(criterion: &mut Criterion) {
    let scene = Scene::begin();
    let mut group = criterion.benchmark_group("validate");
    group.throughput(Throughput::Elements(1));
    let each = || scene.tokens.iter().cycle();

    let mut tokens = each();
    scene.warm();
    group.bench_function("hit, one thread", |bencher| {
        bencher.iter(|| hit(&scene.validator, tokens.next().expect("a cycle")));
    });

    scene.warm();
    // Each thread makes half of the calls with half of the tokens: the time of one call, if nothing
    // is shared, is half of the above.
    group.bench_function("hit, two threads", |bencher| {
        bencher.iter_custom(|calls| {
            let began = start();
            thread::scope(|scope| {
                for half in scene.tokens.chunks(TOKENS / 2) {
                    let mut tokens = half.iter().cycle();
                    let validator = &scene.validator;
                    scope.spawn(move || {
                        for _ in 0..calls / 2 {
                            hit(validator, tokens.next().expect("a cycle"));
                        }
                    });
                }
            });
            start() - began
        });
    });

    let mut tokens = each();
    group.bench_function("introspection, one caller", |bencher| {
        bencher.iter(|| {
            let token = tokens.next().expect("a cycle").clone();
            let request = IntrospectRequest { token, ..IntrospectRequest::default() };
            let answer = scene.runtime.block_on(scene.client.introspect(request));
            assert!(answer.expect("an answer").active);
        });
    });
    group.finish();
}

/// Signed tokens by ES256, and what judges them.
struct SignedScene {
    _runtime: Runtime,
    /// The server, which serves until it is dropped.
    _server: Server,
    /// Remembers every token.
    knowing: Validator,
    /// Remembers so few that each is seen for the first time.
    forgetful: Validator,
    key: UnparsedPublicKey<Vec<u8>>,
    tokens: Vec<String>,
}

impl SignedScene {
    fn begin() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let begun = runtime.block_on(async {
            let settings = Settings::standard()
                .set("http", "issuer", ISSUER)
                .declare("shop", "max_grants", &(TOKENS * 10).to_string())
                .declare("shop", "access_token_format", r#""jwt""#)
                .declare("shop", "access_token_ttl", r#""1h""#);
            let server = Server::start(&settings).await;
            let shop = server.caller("shop").await;
            let judging = |entries| {
                let options = Options { entries, ..Options::default() };
                Validator::start_judging(client_of(&server), options, ISSUER.to_owned())
            };
            let (knowing, forgetful) = (judging(TOKENS * 10), judging(1));
            // The server's first seconds, and the keys.
            let judges =
                |token: &str| [&knowing, &forgetful].iter().all(|one| one.recall(token).is_some());
            while !judges(&issued(&shop).await) {
                sleep(Duration::from_millis(50)).await;
            }
            let mut tokens = Vec::new();
            for _ in 0..TOKENS {
                tokens.push(issued(&shop).await);
            }
            let published = shop.stub.clone().get_jwks(GetJwksRequest {}).await.expect("keys");
            let key = public_key(&published.into_inner().jwks);
            (server, knowing, forgetful, key, tokens)
        });
        let (server, knowing, forgetful, key, tokens) = begun;
        Self { _runtime: runtime, _server: server, knowing, forgetful, key, tokens }
    }
}

async fn issued(shop: &Caller) -> String {
    shop.issue(client_credentials()).await.expect("a token").access_token
}

/// The point of the one key of the set, which is of P-256.
fn public_key(jwks: &str) -> UnparsedPublicKey<Vec<u8>> {
    let jwks: Value = serde_json::from_str(jwks).expect("JSON");
    let number = |name: &str| {
        let text = jwks["keys"][0][name].as_str().expect("a number");
        BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64url")
    };
    let point = [vec![4], number("x"), number("y")].concat();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
}

fn judge(criterion: &mut Criterion) {
    let scene = SignedScene::begin();
    let mut group = criterion.benchmark_group("signed");
    group.throughput(Throughput::Elements(1));
    let each = || scene.tokens.iter().cycle();

    let parts = |token: &String| {
        let (message, signature) = token.rsplit_once('.').expect("a signature");
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).expect("base64url");
        (message.to_owned(), signature)
    };
    let signed: Vec<_> = scene.tokens.iter().map(parts).collect();
    let mut next = signed.iter().cycle();
    group.bench_function("signature alone", |bencher| {
        bencher.iter(|| {
            let (message, signature) = next.next().expect("a cycle");
            scene.key.verify(message.as_bytes(), signature).expect("a good signature");
        });
    });

    let mut tokens = each();
    let (before, mut calls) = (scene.forgetful.counts().verified, 0);
    group.bench_function("first sight", |bencher| {
        bencher.iter(|| {
            calls += 1;
            hit(&scene.forgetful, tokens.next().expect("a cycle"));
        });
    });
    assert_eq!(scene.forgetful.counts().verified, before + calls, "some were known");

    let mut tokens = each();
    for token in &scene.tokens {
        hit(&scene.knowing, token);
    }
    let verified = scene.knowing.counts().verified;
    group.bench_function("known", |bencher| {
        bencher.iter(|| hit(&scene.knowing, tokens.next().expect("a cycle")));
    });
    assert_eq!(scene.knowing.counts().verified, verified, "they were not known");
    group.finish();
}

criterion_group!(benches, validate, judge);
criterion_main!(benches);
