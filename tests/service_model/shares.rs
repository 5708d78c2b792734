//! One client leaves the others as much as it takes.

use jeton::{
    domain::{client_secret, error::Error, time::Clock as _},
    service::{Caller, Credentials, Watch, WatchFrom},
    store::{Records as _, Store as _, Write},
};

use super::{
    dice::{Dice, DiceEntropy},
    parties::{client, client_id},
    scene::Scene,
};

/// Another client of the scene's, and how it authenticates.
async fn another(scene: &Scene, number: usize) -> (Caller, Credentials) {
    let entropy = DiceEntropy(Dice::new(Dice::fresh_seed()).into());
    let secret = client_secret::generate(&entropy);
    let record = client(number, &secret, &entropy, scene.clock.now());
    scene.store.clients().write(Write::Insert(record)).await.expect("a client");
    let client_id = client_id(number).to_string();
    let credentials = Credentials::of_secret(client_id, secret);
    let caller =
        scene.service.authentication.authenticate_caller(&credentials).await.expect("a caller");
    (caller, credentials)
}

async fn watch(scene: &Scene, who: &(Caller, Credentials)) -> Result<Watch, Error> {
    let (caller, credentials) = who;
    scene.service.revocations.watch_revocations(caller, credentials.clone(), WatchFrom::Now).await
}

#[tokio::test]
async fn one_client_leaves_the_others_half_of_the_watches() {
    let scene = Scene::new().await;
    let greedy = (scene.caller.clone(), scene.credentials.clone());
    let mut watches = Vec::new();
    for _ in 0..2_048 {
        watches.push(watch(&scene, &greedy).await.expect("a watch"));
    }
    let refused = watch(&scene, &greedy).await.map(drop);
    assert_eq!(refused, Err(Error::TOO_MANY_WATCHES));
    let other = another(&scene, 1).await;
    for _ in 0..1_024 {
        watches.push(watch(&scene, &other).await.expect("a watch of another client"));
    }
    let third = another(&scene, 2).await;
    watches.push(watch(&scene, &third).await.expect("a watch of a third"));
    // A client that leaves makes room.
    watches.drain(..512);
    watches.push(watch(&scene, &other).await.expect("there is room again"));
}

#[tokio::test]
async fn one_client_leaves_the_others_half_of_the_calls() {
    let scene = Scene::new().await;
    let call = async |credentials: &Credentials| {
        scene.service.authentication.authenticate_client(credentials).await
    };
    // One is the scene's own.
    let mut calls = vec![scene.caller.clone()];
    for _ in 1..2_048 {
        calls.push(call(&scene.credentials).await.expect("a call"));
    }
    assert_eq!(call(&scene.credentials).await.map(drop), Err(Error::OVERLOADED));
    // Calls that only read are not among them.
    scene.service.authentication.authenticate_caller(&scene.credentials).await.expect("a caller");
    let (_, other) = another(&scene, 1).await;
    calls.push(call(&other).await.expect("a call of another client"));
    calls.truncate(2_047);
    call(&scene.credentials).await.expect("there is room again");
}
