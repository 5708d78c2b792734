//! A store full of grants that are all due to be freed at one moment.

use std::{path::Path, time::Duration};

use futures_util::future::join_all;
use jeton::{
    app::{SystemClock, SystemEntropy},
    domain::{
        audience::Audience,
        client_id::ClientId,
        entropy::draw,
        epoch::Epoch,
        grant::{AccessSlot, Generation, Grant, Origin},
        grant_id::GrantId,
        key_ring::ServerKey,
        scopes::Scopes,
        subject::Subject,
        time::{Clock as _, Timestamp},
        token::{Token, TokenKind, TokenSecret},
    },
    metrics::Stopwatch,
    store::{
        Records as _, Store as _, Write,
        sled::{SledOptions, SledStore},
    },
};

/// For how long the sweeper keeps spent grants.
const KEPT: Duration = Duration::from_secs(60 * 60);
/// Grants written with one sync.
const GROUP: u64 = 256;
/// Time for the server to start, beside the quiet time.
const START: Duration = Duration::from_secs(10);

/// Fills a new store under `dir`. Says when its grants are due, and how many seconds it took.
pub(crate) async fn fill(dir: &Path, grants: u64, quiet: Duration) -> (Timestamp, f64) {
    assert!(!dir.exists(), "{} is there already", dir.display());
    let stopwatch = Stopwatch::start();
    let options = SledOptions { path: dir.join("data"), cache_bytes: 256 << 20, min_free_space: 0 };
    let store = SledStore::open(&options, &SystemEntropy).expect("the store opens");
    // Filling takes time that is not known before: a generous guess, from a rate of 10,000 a second.
    let filling = Duration::from_millis(grants / 10);
    let due = SystemClock.now().after(filling + START + quiet);
    let key = ServerKey::new(&draw(&SystemEntropy));
    let mut left = grants;
    while left > 0 {
        let group = left.min(GROUP);
        let writes = (0..group).map(|_| store.grants().write(Write::Insert(spent_at(due, &key))));
        for written in join_all(writes).await {
            written.expect("a grant is written");
        }
        left -= group;
    }
    store.close().await.expect("the store closes");
    drop(store);
    let late = SystemClock.now().after(START) > due;
    assert!(!late, "the disk is too slow for these grants: they are due already");
    (due, stopwatch.seconds())
}

/// A grant of one access token, of which the sweeper frees everything at `due`.
fn spent_at(due: Timestamp, key: &ServerKey) -> Grant {
    let spent = due.before(KEPT);
    let issued = spent.before(KEPT);
    let id = GrantId::generate(issued, &SystemEntropy);
    let secret = TokenSecret::generate(&SystemEntropy);
    let token = Token::mint(TokenKind::Access, key, id, 0, secret);
    Grant {
        id,
        client_id: ClientId::parse("fleet").expect("a client id"),
        client_epoch: Epoch::generate(&SystemEntropy),
        subject: Subject::Client,
        scopes: Scopes::parse("read write").expect("scopes"),
        audience: Audience::default(),
        issue_time: issued,
        expire_time: spent,
        end: None,
        request: None,
        origin: Origin {
            peer: Some("10.20.30.40".into()),
            user_agent: Some("grpc-go/1.71".into()),
        },
        last_used: None,
        current: Generation {
            number: 0,
            key_id: key.id(),
            issue_time: issued,
            access: AccessSlot { hash: Some(token.hash()), expire_time: spent, scopes: None },
            refresh: None,
        },
        previous: None,
        salt: None,
    }
}
