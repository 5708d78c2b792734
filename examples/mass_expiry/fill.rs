//! A store full of grants that are all due for deletion.

use std::{path::Path, time::Duration};

use futures_util::future::join_all;
use jeton::{
    app::{SystemClock, SystemEntropy},
    domain::{
        audience::Audience,
        client_id::ClientId,
        entropy::draw,
        epoch::Epoch,
        grant::{AccessSlot, Bindings, Generation, Grant, Origin},
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

/// Time for which the sweeper keeps spent grants.
const KEPT: Duration = Duration::from_secs(60 * 60);
/// Number of grants written concurrently, in a few batches.
const GROUP: u64 = 1024;
/// Fills a new store under `dir` and returns the seconds that this took.
pub(crate) async fn fill(dir: &Path, grants: u64) -> f64 {
    assert!(!dir.exists(), "{} is there already", dir.display());
    let stopwatch = Stopwatch::start();
    let data = dir.join("data");
    let options = SledOptions::new(data, 256 << 20);
    let store = SledStore::open(&options, &SystemEntropy).expect("the store opens");
    let key = ServerKey::new(&draw(&SystemEntropy));
    let due = SystemClock.now();
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
    stopwatch.seconds()
}

/// Returns a grant of one access token that the sweeper deletes from `due` on.
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
        origin: Box::new(Origin {
            peer: Some("10.20.30.40".into()),
            user_agent: Some("grpc-go/1.71".into()),
        }),
        repeated_root: None,
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
        signed_by: None,
        delegation: None,
        delegates: None,
        bindings: Bindings::default(),
    }
}
