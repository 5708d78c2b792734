//! A server whose clock is set, ahead and back, or behind its store.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::{
    fs::{self, File},
    time::Duration,
};

use jeton::{
    app::SystemClock,
    domain::time::{Clock as _, Timestamp},
};
use tonic::Code;

use crate::common::{
    admin::with_admin, caller::client_credentials, home::Home, refusal::assert_refused,
    server::Server, settings::Settings, wait::until,
};

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn a_server_whose_clock_is_behind_the_last_write_of_its_store_says_so_when_it_starts() {
    const SAID: &str = "the clock is behind the last write of the store";
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    assert!(!server.log().contains(SAID));
    let home = server.stop().await;
    let floor = File::options().append(true).open(home.data().join("floor")).expect("the floor");
    let written = floor.metadata().and_then(|file| file.modified()).expect("a time");
    floor.set_modified(written + DAY).expect("another time");
    let server = Server::start_at(home, &settings).await;
    assert!(server.log().contains(SAID), "{}", server.log());
    server.stop().await;
}

#[expect(clippy::disallowed_methods, reason = "the script's way to say where the library is")]
fn library() -> String {
    std::env::var("JETON_TEST_FAKETIME").expect("tests/clock.sh says where libfaketime is")
}

/// Returns the server's time, to the second.
async fn now(server: &Server) -> Timestamp {
    let tokens = server.caller("shop").await.issue(client_credentials()).await.expect("a token");
    let expiry = tokens.expire_time.expect("a time").seconds - tokens.expires_in;
    Timestamp::from_millis(u64::try_from(expiry).expect("after 1970") * 1_000)
}

#[tokio::test]
#[ignore = "needs libfaketime: tests/clock.sh"]
async fn a_clock_that_is_set_by_a_hundred_days_frees_nothing_and_revives_nothing() {
    let home = Home::new();
    let file = home.path().join("clock");
    let set = |days: i64| fs::write(&file, format!("{days:+}d\n")).expect("a file");
    set(0);
    let (library, path) = (library(), file.to_str().expect("a path").to_owned());
    let environment = [
        ("LD_PRELOAD", &*library),
        ("FAKETIME_TIMESTAMP_FILE", &path),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("NO_FAKE_STAT", "1"),
    ];
    let server = Server::start_with(home, &with_admin(), &environment).await;
    let shop = server.caller("shop").await;
    let ended = shop.log_in().await;
    shop.revoke(&ended.refresh_token).await.expect("revoked");
    let login = shop.log_in().await;
    let (mut access, mut refresh) = (login.access_token, login.refresh_token);
    let spent = shop.issue(client_credentials()).await.expect("a token");
    let ops = server.ops().await;
    for days in [100, -100] {
        set(days);
        until("the clock to be set", async || {
            let (system, server) = (SystemClock.now(), now(&server).await);
            system.since(server).max(server.since(system)) > 50 * DAY
        })
        .await;
        // The sweeper looks every second, and frees everything that it would free within a few
        // looks.
        let begun = SystemClock.age();
        while SystemClock.age() < begun + Duration::from_secs(15) {
            assert!(!shop.is_active(&ended.access_token).await);
            assert_eq!(shop.is_active(&access).await, days < 0);
        }
        assert_refused(
            shop.refresh(&ended.refresh_token).await,
            Code::Unauthenticated,
            "INVALID_GRANT",
        );
        assert_eq!(ops.metrics().await.count("jeton_grants_swept_total"), 0);
        set(0);
        until("the clock to be right", async || {
            shop.is_active(&access).await && shop.is_active(&spent.access_token).await
        })
        .await;
        let next = shop.refresh(&refresh).await.expect("the login goes on");
        (access, refresh) = (next.access_token, next.refresh_token);
        assert!(!shop.is_active(&ended.access_token).await);
    }
    server.stop().await;
}
