//! The validator's promise against the real server in trouble: no request is accepted that began
//! more than `max_staleness` after the revocation of its token was acknowledged.

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "the harness is every test file's")]
mod common;
mod ledger;
mod proxy;

use std::time::Duration;

use jeton::{
    client::{
        Basic, Credentials, TokenClient, Validator, endpoint,
        validator::{Counts, Options},
    },
    domain::secret::Secret,
};
use tokio::time::{interval, sleep};

use crate::{
    common::{home::Home, server::Server, settings::Settings, wait::within},
    ledger::Ledger,
    proxy::Proxy,
};

/// For how long beyond the promise the tokens are shown.
const BEYOND: Duration = Duration::from_millis(700);

fn promise() -> Duration {
    Options::default().max_staleness
}

/// A validator that reaches its server through a proxy.
struct Scene {
    server: Server,
    proxy: Proxy,
    validator: Validator,
    ledger: Ledger,
}

impl Scene {
    async fn begin() -> Self {
        let server = Server::start(&Settings::standard()).await;
        let proxy = Proxy::to(server.address().to_owned()).await;
        let channel = endpoint(proxy.url()).expect("a URL").connect_lazy();
        let basic = Basic::new("gateway", &Secret::new("gateway-secret"));
        let client = TokenClient::new(channel, Credentials::Basic(basic));
        let validator = Validator::start(client, Options::default());
        let scene = Self { server, proxy, validator, ledger: Ledger::default() };
        until("to follow", || scene.validator.staleness().is_some()).await;
        scene
    }

    /// A token that is shown from now on, and that is accepted.
    async fn token(&self) -> String {
        let token = self.server.caller("shop").await.log_in().await.access_token;
        self.ledger.show(&self.validator, &token);
        until("to be accepted", || self.ledger.accepted(&token) > 0).await;
        token
    }

    async fn revoke(&self, token: &str) {
        self.server.caller("shop").await.revoke(token).await.expect("revoked");
        self.ledger.acknowledged(token);
    }

    /// Waits until `token` was shown for longer than the promise lasts.
    async fn outlast(&self, token: &str) {
        until("to be shown", || self.ledger.watched(token) > promise() + BEYOND).await;
    }

    fn check(&self) -> Counts {
        let worst = self.ledger.worst();
        assert!(worst <= promise(), "accepted {worst:?} after its revocation");
        println!("worst {worst:?}, {:?}", self.validator.counts());
        self.validator.counts()
    }
}

async fn until(what: &str, ask: impl Fn() -> bool) {
    within(what, async {
        while !ask() {
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_revocation_is_heard_while_all_is_well() {
    let scene = Scene::begin().await;
    let token = scene.token().await;
    scene.revoke(&token).await;
    until("to be refused", || scene.ledger.refused(&token) > 0).await;
    scene.outlast(&token).await;
    let counts = scene.check();
    assert!(counts.revocations > 0 && counts.begun_anew == 0, "{counts:?}");
}

#[tokio::test]
async fn a_connection_that_is_cut_without_a_word_is_found_dead_and_replaced() {
    let scene = Scene::begin().await;
    let (token, other) = (scene.token().await, scene.token().await);
    scene.proxy.cut();
    scene.revoke(&token).await;
    scene.outlast(&token).await;
    let before = scene.ledger.accepted(&other);
    until("to be accepted again", || scene.ledger.accepted(&other) > before + 10).await;
    assert!(scene.check().resumed > 0);
}

#[tokio::test]
async fn a_server_that_is_paused_is_not_believed() {
    let scene = Scene::begin().await;
    let (token, other) = (scene.token().await, scene.token().await);
    scene.revoke(&token).await;
    scene.server.signal("STOP");
    scene.outlast(&token).await;
    until("to be refused", || scene.ledger.refused(&other) > 0).await;
    scene.server.signal("CONT");
    let before = scene.ledger.accepted(&other);
    until("to be accepted again", || scene.ledger.accepted(&other) > before + 10).await;
    scene.check();
}

#[tokio::test]
async fn a_server_that_is_killed_and_comes_back_is_followed_again() {
    let scene = Scene::begin().await;
    let (token, other) = (scene.token().await, scene.token().await);
    scene.revoke(&token).await;
    let address = scene.server.address().to_owned();
    let Scene { server, proxy, validator, ledger } = scene;
    let home = server.kill().await;
    until("to be refused", || ledger.refused(&other) > 0).await;
    let mut server = Server::spawn(home, &Settings::standard(), address);
    server.serving().await;
    let scene = Scene { server, proxy, validator, ledger };
    let before = scene.ledger.accepted(&other);
    until("to be accepted again", || scene.ledger.accepted(&other) > before + 10).await;
    scene.outlast(&token).await;
    let counts = scene.check();
    assert!(counts.resumed > 0 && counts.begun_anew == 0, "{counts:?}");
}

#[tokio::test]
async fn a_server_that_comes_back_with_a_new_store_is_followed_anew() {
    let scene = Scene::begin().await;
    let token = scene.token().await;
    let address = scene.server.address().to_owned();
    let Scene { server, proxy, validator, ledger } = scene;
    drop(server.kill().await);
    // What was there is gone, as if it had been revoked.
    ledger.acknowledged(&token);
    let mut server = Server::spawn(Home::new(), &Settings::standard(), address);
    server.serving().await;
    let scene = Scene { server, proxy, validator, ledger };
    scene.outlast(&token).await;
    until("to begin anew", || scene.validator.counts().begun_anew > 0).await;
    let token = scene.token().await;
    scene.revoke(&token).await;
    scene.outlast(&token).await;
    scene.check();
}

#[tokio::test]
async fn a_hundred_reconnects_a_second_keep_the_promise() {
    let scene = Scene::begin().await;
    let tokens = [scene.token().await, scene.token().await, scene.token().await];
    let mut ticks = interval(Duration::from_millis(10));
    let hanging_up = async {
        loop {
            ticks.tick().await;
            scene.proxy.hang_up();
        }
    };
    let revoking = async {
        for token in &tokens {
            scene.revoke(token).await;
            scene.outlast(token).await;
        }
    };
    tokio::select! {
        () = hanging_up => {}
        () = revoking => {}
    }
    let token = scene.token().await;
    scene.revoke(&token).await;
    scene.outlast(&token).await;
    assert!(scene.check().resumed > 10);
}
