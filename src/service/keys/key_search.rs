//! Looks through all grants for a live one that names a server key.

use crate::{
    domain::{
        grant::{Generation, Grant},
        grant_id::GrantId,
        key_ring::KeyId,
        liveness,
        time::Timestamp,
    },
    service::owner_cache::OwnerCache,
    store::{ReadError, Records as _, Store},
};

/// Grants looked at in one read.
const PAGE: usize = 256;

/// Result of a search so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyNamed {
    /// This grant may come to need the key.
    By(GrantId),
    /// Nobody, and not all were looked at yet.
    NotYet,
    /// Nobody: nothing live needs the key.
    ByNobody,
}

/// The search for one key that new generations do not use any more.
///
/// A grant needs to be scanned once: a new generation names the active key, and ended grants stay
/// ended. Searches therefore resume where they stopped. If the key becomes active again, a new
/// search begins.
#[derive(Clone, Debug)]
pub struct KeySearch {
    id: KeyId,
    /// The last grant that was passed by.
    after: Option<GrantId>,
    ended: bool,
}

impl KeySearch {
    /// A search from the first grant on. No write that names the key may be under way.
    pub fn new(id: KeyId) -> Self {
        Self { id, after: None, ended: false }
    }

    /// Goes on for at most `pages` reads, or until a grant is found, which is then looked at first
    /// the next time.
    ///
    /// # Errors
    /// If the store cannot be read. The search is where it was before that read.
    pub async fn advance<S: Store>(
        &mut self,
        store: &S,
        pages: usize,
        now: Timestamp,
    ) -> Result<KeyNamed, ReadError> {
        for _ in 0..pages {
            if self.ended {
                return Ok(KeyNamed::ByNobody);
            }
            let page = store.grants().page(self.after.as_ref(), PAGE).await?;
            let mut owners = OwnerCache::default();
            let naming = page.iter().map(|grant| &**grant).filter(|grant| names(grant, self.id));
            owners.meet(store, naming).await?;
            for grant in &page {
                if names(grant, self.id) {
                    let parties = owners.parties(store, grant, now).await?;
                    if !liveness::is_over(grant, parties, now) {
                        return Ok(KeyNamed::By(grant.id));
                    }
                }
                self.after = Some(grant.id);
            }
            self.ended = page.len() < PAGE;
        }
        Ok(if self.ended { KeyNamed::ByNobody } else { KeyNamed::NotYet })
    }

    /// Goes on to the end, or until a grant is found.
    ///
    /// # Errors
    /// As [`Self::advance`].
    pub async fn finish<S: Store>(
        &mut self,
        store: &S,
        now: Timestamp,
    ) -> Result<Option<GrantId>, ReadError> {
        loop {
            match self.advance(store, 1, now).await? {
                KeyNamed::By(id) => return Ok(Some(id)),
                KeyNamed::NotYet => {}
                KeyNamed::ByNobody => return Ok(None),
            }
        }
    }
}

fn names(grant: &Grant, id: KeyId) -> bool {
    let names = |generation: &Generation| generation.key_id == id;
    names(&grant.current) || grant.previous.as_deref().is_some_and(names)
}
