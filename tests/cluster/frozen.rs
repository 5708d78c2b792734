//! An instance that is frozen at any moment holds up no revocation of the others: what it holds in the database
//! it holds within one statement.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use fastrand::Rng;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use tonic::Code;

use crate::{
    common::{
        admin::with_admin,
        caller::{Caller, client_credentials},
        home::Home,
        server::Server,
        wait::{rounds, within},
    },
    database::Database,
    fleet::{beside, start_at},
    proxy::Proxy,
};

/// Distance of the database from the instance that is frozen: each of its statements is under way for a
/// while.
const FAR: Duration = Duration::from_millis(10);
/// Within so long of the others' revocations it is frozen.
const MOMENTS: Duration = Duration::from_millis(50);
/// So many revocations show how long one takes on this machine while nobody is frozen.
const USUAL: usize = 16 * AT_ONCE;
/// One that has waited for so long beyond the usual time has met a transaction of the frozen one, which the
/// database ends after 0.6 s.
const HELD_UP: Duration = Duration::from_millis(500);
/// Revocations under way at each instance.
const AT_ONCE: usize = 4;

/// Numbers of revocations that began and ended, and the times of those that were held up.
#[derive(Default)]
struct Others {
    ended: watch::Sender<Vec<Duration>>,
    begun: AtomicUsize,
}

impl Others {
    /// Revokes until `over` says so, one after the other.
    async fn revoke(&self, shop: &Caller, over: watch::Receiver<bool>) {
        while !*over.borrow() {
            let issued = shop.issue(client_credentials()).await.expect("a token");
            let began = Instant::now();
            self.begun.fetch_add(1, Ordering::SeqCst);
            shop.revoke(&issued.access_token).await.expect("revoked");
            self.ended.send_modify(|ended| ended.push(began.elapsed()));
        }
    }

    /// Returns the time of the longest revocation that has ended, once so many have.
    async fn usual(&self) -> Duration {
        let mut ended = self.ended.subscribe();
        let ended = within("to begin", ended.wait_for(|ended| ended.len() >= USUAL)).await;
        ended.expect("sent").iter().max().copied().unwrap_or_default()
    }

    /// Waits until all that are under way have ended, and as many more have.
    async fn go_on(&self) {
        let target = self.begun.load(Ordering::SeqCst) + 4 * AT_ONCE;
        let mut ended = self.ended.subscribe();
        within("to go on", ended.wait_for(|ended| ended.len() >= target)).await.expect("sent");
    }
}

/// Revokes at the instance that is frozen now and then: what it was asked meanwhile may fail.
async fn revoke_at_frozen(shop: &Caller, over: watch::Receiver<bool>) {
    while !*over.borrow() {
        let revoked = async {
            let issued = shop.issue(client_credentials()).await?;
            shop.revoke(&issued.access_token).await
        };
        if let Err(status) = within("to be answered", revoked).await {
            let told = [Code::Unavailable, Code::ResourceExhausted].contains(&status.code());
            assert!(told, "{status:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn whenever_an_instance_is_frozen_the_others_revoke_as_if_it_were_not_there() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut dice = Rng::with_seed(seed);
    let database = Database::shared("frozen_instance");
    let settings = with_admin().declare("shop", "max_grants", "100000");
    let first = start_at(&database, Home::new(), &settings).await;
    let way = Proxy::to(database.primary()).await;
    let url = [("JETON_STORE_URL", &*database.url_at(way.address()))];
    let frozen = Server::start_with(beside(&first), &settings, &url).await;
    let second = start_at(&database, beside(&first), &settings).await;
    way.delay(FAR);
    // Not each of them meets it with a statement under way.
    let freezings = rounds().max(20);
    let (over, is_over) = watch::channel(false);
    let others = Others::default();
    let shops = [first.caller("shop").await, second.caller("shop").await];
    let at_frozen = frozen.caller("shop").await;
    let freezing = async {
        let usual = others.usual().await;
        for _ in 0..freezings {
            sleep(MOMENTS.mul_f64(dice.f64())).await;
            frozen.signal("STOP");
            others.go_on().await;
            frozen.signal("CONT");
            others.go_on().await;
        }
        over.send(true).expect("somebody revokes");
        usual
    };
    let revoking = shops.iter().flat_map(|shop| std::iter::repeat_n(shop, AT_ONCE));
    let revoking = revoking.map(|shop| others.revoke(shop, is_over.clone()));
    let at_frozen = (0..AT_ONCE).map(|_| revoke_at_frozen(&at_frozen, is_over.clone()));
    let (usual, _, _) = tokio::join!(
        freezing,
        futures_util::future::join_all(revoking),
        futures_util::future::join_all(at_frozen),
    );
    let mut waits = others.ended.borrow().clone();
    waits.sort_unstable();
    let longest = waits.last().copied().unwrap_or_default();
    println!(
        "{} revocations by the others while one was frozen {freezings} times: median {:?}, longest {longest:?}, \
         and {usual:?} while nobody was",
        waits.len(),
        waits[waits.len() / 2]
    );
    assert!(longest < HELD_UP + usual, "one waited for {longest:?}, where {usual:?} is usual");
    for instance in [first, second, frozen] {
        instance.stop().await;
    }
}
