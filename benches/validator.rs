//! The cost of validating a known token, by one thread and by two, compared with a question to the
//! server about the same tokens. The server is the real one, on this machine.

#[path = "../tests/common/mod.rs"]
#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::{hint::black_box, thread, time::Duration};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::FutureExt as _;
use jeton::{
    client::{Basic, Credentials, TokenClient, Validator, endpoint, validator::Options},
    domain::secret::Secret,
    proto::v1::IntrospectRequest,
};
use tokio::{runtime::Runtime, time::sleep};

use crate::common::{server::Server, settings::Settings};

const TOKENS: usize = 1_000;

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
            let channel = endpoint(server.url()).expect("a URL").connect_lazy();
            let basic = Basic::new("gateway", &Secret::new("gateway-secret"));
            let client = TokenClient::new(channel, Credentials::Basic(basic));
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

criterion_group!(benches, validate);
criterion_main!(benches);
