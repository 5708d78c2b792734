//! Clients by the certificates and identities that they list.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use crate::{
    domain::{
        certificate::CertificateIdentity, change::Change, client::Client, client_id::ClientId,
        issuer_name::IssuerName,
    },
    store::{FeedError, Pages, ReadError, Records as _, Sequence, Store, StoreId},
};

/// Records that are read at a time.
const STEP: usize = 256;

/// A credential that clients list, and by which they are found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::service) enum Listed {
    /// A certificate.
    Certificate(CertificateIdentity),
    /// A subject of a trusted issuer, with any uid.
    Subject(IssuerName, Box<str>),
}

type Holders = HashMap<Listed, BTreeSet<ClientId>>;

/// Clients by what they list, as of one position in the feed of changes.
#[derive(Default)]
pub(in crate::service) struct ListedIndex {
    known: ArcSwap<Known>,
    /// Held during an update.
    turn: Mutex<()>,
}

#[derive(Clone, Default)]
struct Known {
    /// Store and position in its feed; `None` before the first read.
    as_of: Option<(StoreId, Sequence)>,
    holders: Arc<Holders>,
}

impl ListedIndex {
    /// The clients that list one of these, as of now.
    pub(in crate::service) async fn listing<S: Store>(
        &self,
        store: &S,
        shown: &[Listed],
    ) -> Result<BTreeSet<ClientId>, ReadError> {
        let known = self.at(store, store.head().await?).await?;
        let listing = shown.iter().filter_map(|listed| known.holders.get(listed));
        Ok(listing.flatten().cloned().collect())
    }

    /// The index as of `head` or later, as far as the feed shows it: an event is shown before the
    /// write that it speaks of is answered.
    async fn at<S: Store>(&self, store: &S, head: Sequence) -> Result<Arc<Known>, ReadError> {
        let known = self.known.load_full();
        if known.covers(store.id(), head) {
            return Ok(known);
        }
        let _turn = self.turn.lock().await;
        let mut known = Known::clone(&self.known.load());
        while !known.covers(store.id(), head) {
            let next = match known.as_of {
                Some((of, as_of)) if of == store.id() => known.caught_up(store, as_of).await?,
                Some(_) | None => Some(Known::read(store).await?),
            };
            match next {
                Some(next) => known = next,
                None => break,
            }
        }
        let known = Arc::new(known);
        self.known.store(Arc::clone(&known));
        Ok(known)
    }
}

impl Known {
    /// Returns whether it reflects everything up to `head` in the feed of `store`.
    fn covers(&self, store: StoreId, head: Sequence) -> bool {
        self.as_of.is_some_and(|(of, as_of)| of == store && as_of >= head)
    }

    /// Reads every client.
    async fn read<S: Store>(store: &S) -> Result<Self, ReadError> {
        // Before the first page: what changes meanwhile is met in the feed.
        let of = store.id();
        let as_of = (of, store.head().await?);
        let mut holders = Holders::new();
        let mut pages = Pages::of(store.clients(), STEP);
        while let Some(page) = pages.next().await? {
            for client in &page {
                add(&mut holders, client);
            }
        }
        Ok(Self { as_of: Some(as_of), holders: Arc::new(holders) })
    }

    /// Reads on in the feed and reads its clients again. `None` if it shows nothing new.
    async fn caught_up<S: Store>(
        &self,
        store: &S,
        as_of: Sequence,
    ) -> Result<Option<Self>, ReadError> {
        let events = match store.changes(as_of, STEP).await {
            Ok(events) => events,
            Err(FeedError::TooOld { .. } | FeedError::Ahead) => {
                return Self::read(store).await.map(Some);
            }
            Err(FeedError::Unavailable) => return Err(ReadError::Unavailable),
            Err(FeedError::Corrupt) => return Err(ReadError::Corrupt),
        };
        let Some(&(last, _)) = events.last() else { return Ok(None) };
        let mut holders = Arc::clone(&self.holders);
        let changed: BTreeSet<_> = events.iter().filter_map(|(_, change)| client(change)).collect();
        for id in changed {
            let holders = Arc::make_mut(&mut holders);
            holders.retain(|_, clients| {
                clients.remove(id);
                !clients.is_empty()
            });
            if let Some(client) = store.clients().get(id).await? {
                add(holders, &client);
            }
        }
        Ok(self.as_of.map(|(of, _)| Self { as_of: Some((of, last)), holders }))
    }
}

fn client(change: &Change) -> Option<&ClientId> {
    match change {
        Change::ClientChanged(change) | Change::ClientEpochMoved(change) => Some(&change.client_id),
        Change::GrantEnded(_)
        | Change::FamilyEnded(_)
        | Change::AccessRevoked(_)
        | Change::UserChanged(_)
        | Change::UserEpochMoved(_) => None,
    }
}

fn add(holders: &mut Holders, client: &Client) {
    let certificates = client.certificates.iter().cloned().map(Listed::Certificate);
    let subjects = client.identities.iter();
    let subjects = subjects.map(|held| Listed::Subject(held.issuer.clone(), held.subject.clone()));
    for listed in certificates.chain(subjects) {
        holders.entry(listed).or_default().insert(client.id.clone());
    }
}
