//! One watch as a caller sees it: the responses, and the events in them.

use std::collections::BTreeSet;

use jeton::proto::v1::{
    Revocation, WatchRevocationsRequest, WatchRevocationsResponse, revocation::Event,
};
use tonic::{Request, Status, Streaming};

use crate::common::{caller::Caller, wait::within};

/// A watch under way.
pub(crate) struct Watcher {
    stream: Streaming<WatchRevocationsResponse>,
    /// The last one that was received.
    pub(crate) cursor: String,
    /// Every event so far.
    pub(crate) told: Vec<Revocation>,
}

/// Starts at the end of the feed, or behind a cursor.
pub(crate) fn after(cursor: &str) -> WatchRevocationsRequest {
    WatchRevocationsRequest { cursor: cursor.to_owned(), snapshot: false }
}

/// Starts with everything that is kept.
pub(crate) fn snapshot() -> WatchRevocationsRequest {
    WatchRevocationsRequest { cursor: String::new(), snapshot: true }
}

impl Watcher {
    /// From now on.
    pub(crate) async fn of(caller: &Caller) -> Self {
        let mut watcher = Self::start(caller, after("")).await.expect("a watch");
        let first = watcher.next().await.expect("a first response");
        assert!(first.checkpoint && first.revocations.is_empty(), "{first:?}");
        watcher
    }

    /// Starts a watch at the cursor where another one was cut off.
    pub(crate) async fn resume(caller: &Caller, cursor: &str) -> Self {
        Self::start(caller, after(cursor)).await.expect("a watch")
    }

    /// Starts a watch with this request.
    pub(crate) async fn start(
        caller: &Caller,
        request: WatchRevocationsRequest,
    ) -> Result<Self, Status> {
        Self::open(caller, caller.signed(request)).await
    }

    /// With credentials of the request's own.
    pub(crate) async fn open(
        caller: &Caller,
        request: Request<WatchRevocationsRequest>,
    ) -> Result<Self, Status> {
        let stream = within("to watch", caller.stub.clone().watch_revocations(request)).await?;
        Ok(Self { stream: stream.into_inner(), cursor: String::new(), told: Vec::new() })
    }

    /// The next response.
    pub(crate) async fn next(&mut self) -> Result<WatchRevocationsResponse, Status> {
        let next = within("to be told", self.stream.message()).await?;
        let next = next.expect("a watch has no end of its own");
        assert!(next.cursor >= self.cursor, "the cursor went back");
        self.cursor.clone_from(&next.cursor);
        self.told.extend(next.revocations.iter().cloned());
        Ok(next)
    }

    /// Reads on until everything up to `cursor` has come.
    pub(crate) async fn reach(&mut self, cursor: &str) -> &[Revocation] {
        while *self.cursor < *cursor {
            self.next().await.expect("a response");
        }
        &self.told
    }

    /// Returns every event up to now, by the caller's own barrier.
    pub(crate) async fn up_to_now(&mut self, caller: &Caller) -> &[Revocation] {
        let now = caller.cursor().await;
        self.reach(&now).await
    }

    /// Reads on until the watch ends, and returns the reason.
    pub(crate) async fn end(&mut self) -> Status {
        loop {
            if let Err(status) = self.next().await {
                return status;
            }
        }
    }
}

/// Returns the name in a revocation, as a person would say it.
pub(crate) fn named(revocation: &Revocation) -> String {
    match &revocation.event {
        None => "everything".to_owned(),
        Some(Event::GrantEnded(grant)) => format!("grant {}", grant.grant_id),
        Some(Event::AccessTokenRevoked(grant)) => format!("access {}", grant.grant_id),
        Some(Event::SubjectEpochMoved(user)) => format!("user-epoch {}", user.subject),
        Some(Event::ClientEpochMoved(client)) => format!("client-epoch {}", client.client_id),
        Some(Event::ClientChanged(client)) => format!("client {}", client.client_id),
        Some(Event::UserChanged(user)) => format!("user {}", user.subject),
    }
}

/// Returns the names of several revocations.
pub(crate) fn names(revocations: &[Revocation]) -> Vec<String> {
    revocations.iter().map(named).collect()
}

/// Returns the grants that were ended, each of which must have come once.
pub(crate) fn ended(revocations: &[Revocation]) -> BTreeSet<String> {
    let grants: Vec<_> = revocations
        .iter()
        .filter_map(|revocation| match &revocation.event {
            Some(Event::GrantEnded(grant)) => Some(grant.grant_id.clone()),
            _ => None,
        })
        .collect();
    let once: BTreeSet<_> = grants.iter().cloned().collect();
    assert_eq!(once.len(), grants.len(), "a grant was told twice");
    once
}
