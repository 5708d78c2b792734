//! Logins of one name at two instances over one store.

use std::sync::Arc;

use jeton::{
    domain::{audience::Audience, error::Error, grant::Origin, scopes::Scopes, secret::Secret},
    service::{Caller, Issue, IssueGrant, Service},
    store::memory::MemoryStore,
};
use tokio::task::JoinSet;

use super::scene::Scene;

async fn log_in(
    service: &Service<MemoryStore>,
    caller: &Caller,
    username: &str,
    password: &str,
) -> Result<(), Error> {
    let (username, password) = (username.to_owned(), Secret::new(password));
    let request = Issue {
        grant: IssueGrant::Password { username, password },
        scopes: Scopes::default(),
        audience: Audience::default(),
        ttl: None,
        request_id: None,
        origin: Origin::default(),
    };
    service.tokens.issue(caller, request).await.map(drop)
}

/// So many logins at the same moment, at either instance in turn.
async fn at_once(
    scene: &Scene,
    times: usize,
    username: &'static str,
    password: &'static str,
) -> Vec<Result<(), Error>> {
    let instances = [Arc::clone(&scene.service), scene.instance()];
    let mut calls = JoinSet::new();
    for number in 0..times {
        let (service, caller) = (Arc::clone(&instances[number % 2]), scene.caller.clone());
        calls.spawn(async move { log_in(&service, &caller, username, password).await });
    }
    calls.join_all().await
}

#[tokio::test]
async fn guesses_at_two_instances_at_once_are_counted_as_one() {
    let scene = Scene::new().await;
    for name in ["user-0", "nobody"] {
        let answers = at_once(&scene, 40, name, "a wrong guess").await;
        let mut looked_at = 0;
        for answer in answers {
            match answer {
                Err(Error::InvalidGrant(_)) => looked_at += 1,
                // On a machine that is busy some wait in vain for their turn.
                Err(Error::RateLimited { .. } | Error::Overloaded { .. }) => {}
                other => panic!("{other:?}"),
            }
        }
        loop {
            match log_in(&scene.service, &scene.caller, name, "a wrong guess").await {
                Err(Error::InvalidGrant(_)) => looked_at += 1,
                Err(Error::RateLimited { .. }) => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(looked_at, 5, "{name}");
    }
}

#[tokio::test]
async fn right_logins_at_two_instances_at_once_lock_nobody_out() {
    let scene = Scene::new().await;
    for answer in at_once(&scene, 40, "user-0", "password").await {
        assert!(matches!(answer, Ok(()) | Err(Error::Overloaded { .. })), "{answer:?}");
    }
    log_in(&scene.service, &scene.caller, "user-0", "password").await.expect("a login");
}
