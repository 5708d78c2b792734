//! `examples/seeds.toml`: loads, and its hashes are those of the values in the comments.

use std::{path::Path, sync::Arc, time::Duration};

use jeton::{
    app::SystemEntropy,
    config::{DeclaredPassword, DeclaredSecret, Overrides, ProcessEnvironment, Settings},
    domain::{client_secret::StoredSecret, hash_cost::HashCost, secret::Secret},
    service::HashPool,
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/seeds.toml");

fn settings() -> Settings {
    let loaded = Settings::load(Some(Path::new(FILE)), &Overrides::default(), &ProcessEnvironment);
    let loaded = loaded.expect("good settings");
    assert_eq!(loaded.warnings, []);
    loaded.settings
}

#[test]
fn the_file_declares_one_client_and_user_per_document() {
    let settings = settings();
    let ids: Vec<&str> = settings.clients.iter().map(|client| client.id.as_str()).collect();
    assert_eq!(ids, ["test_client_id", "332269999912132097", "client_id_example", "string"]);
    let names: Vec<&str> = settings.users.iter().map(|user| user.name.as_str()).collect();
    assert_eq!(names, ["test_api_user", "john@doe.com", "username_example", "string"]);
    let access = settings.clients.iter().map(|client| client.patch.access_token_ttl);
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert!(access.eq([seconds(36_000), seconds(31_622_400), None, seconds(600)]));
    let scopes: Vec<&str> = settings
        .clients
        .iter()
        .map(|client| client.patch.default_scopes.as_ref().map_or("", |scopes| scopes.as_str()))
        .collect();
    assert_eq!(scopes, ["read write", "", "", "write read"]);
}

#[tokio::test]
async fn the_hashes_are_those_of_the_values_beside_them() {
    let cost = HashCost { memory_kib: 8, iterations: 1, parallelism: 1 };
    let pool = HashPool::start(2, cost, Arc::new(SystemEntropy)).expect("a pool");
    let settings = settings();
    let text = std::fs::read_to_string(FILE).expect("the file");
    let comment = |phc: &str| {
        let line = text.lines().find(|line| line.contains(phc)).expect("the hash's line");
        line.rsplit(" # ").next().expect("a comment").to_owned()
    };
    let secrets = settings.clients.iter().filter_map(|client| match &client.secret {
        Some(DeclaredSecret::Hash(StoredSecret::Chosen(phc))) => Some(phc),
        _ => None,
    });
    let passwords = settings.users.iter().filter_map(|user| match &user.password {
        DeclaredPassword::Hash(hash) => Some(&hash.0),
        DeclaredPassword::Clear(_) | DeclaredPassword::Nothing => None,
    });
    let hashes: Vec<_> = secrets.chain(passwords).collect();
    assert_eq!(hashes.len(), 7);
    for phc in hashes {
        let shown = Secret::new(comment(phc));
        assert_eq!(pool.verify(&shown, phc).await, Ok(true), "{phc}");
    }
}
