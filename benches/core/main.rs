//! The costs of the parts of a call: token text, keys, records, the judgement, the store.

mod scene;
mod store;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use jeton::domain::{
    grant::Grant,
    judge::judge,
    key_ring::Salt,
    liveness::{ClientAndUser, Lineage},
    pair::TokenPair,
    policy::RotationPolicy,
    presented_token::PresentedToken,
    token::Token,
};

use crate::scene::Scene;

fn token(criterion: &mut Criterion) {
    let Scene { key, pair, .. } = Scene::new();
    let text = pair.access.to_text();
    let refresh = pair.refresh.expect("a refresh token");
    let salt = Salt::from_bytes([3; 16]);
    let mut group = criterion.benchmark_group("token");
    group.bench_function("parse", |bencher| {
        bencher.iter(|| Token::parse(black_box(text.expose())));
    });
    group.bench_function("to text", |bencher| bencher.iter(|| black_box(&pair.access).to_text()));
    group.bench_function("hash", |bencher| bencher.iter(|| black_box(&pair.access).hash()));
    group.bench_function("verify the tag", |bencher| {
        bencher.iter(|| black_box(&pair.access).is_genuine(&key));
    });
    group.bench_function("derive the next pair", |bencher| {
        bencher.iter(|| TokenPair::next(black_box(&refresh), 1, &key, &salt));
    });
    group.finish();
}

fn record(criterion: &mut Criterion) {
    let Scene { client, user, grant, pair, now, .. } = Scene::new();
    let bytes = grant.to_bytes();
    let access = PresentedToken::from(pair.access);
    let policy = RotationPolicy::default();
    let mut group = criterion.benchmark_group("grant");
    group.bench_function("encode", |bencher| bencher.iter(|| black_box(&grant).to_bytes()));
    group.bench_function("decode", |bencher| {
        bencher.iter(|| Grant::from_bytes(grant.id, black_box(&bytes)).expect("a grant"));
    });
    group.bench_function("judge", |bencher| {
        bencher.iter(|| {
            let parties =
                ClientAndUser { client: Some(&client), user: Some(&user), lineage: Lineage::Alive };
            let active = judge(black_box(&grant), &access, parties, &policy, now);
            black_box(active.expect("active"));
        });
    });
    group.finish();
}

criterion_group!(benches, token, record, store::read, store::commit);
criterion_main!(benches);
