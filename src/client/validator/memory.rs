//! What the validator remembers: answers by the hash of their token, and how they are forgotten.

#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sha2::{Digest as _, Sha256};

use super::{bounded::Bounded, clock::Moment};
use crate::{
    client::Claims,
    proto::v1::{Revocation, revocation::Event},
};

/// How many revocations are remembered for answers that are still on their way. An answer that
/// more than these have overtaken is asked for again.
const RECENT: usize = 8_192;
/// How many marks there are at least before those that nobody holds are looked for.
const MARKS: usize = 1_024;

/// SHA-256 of a token's text: a token itself is never kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(super) fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

/// A place in the order of the revocations that were applied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position(u64);

/// What a revocation can name: a grant, a subject or a client, hashed under a key that is this
/// validator's own. Two that fall together are forgotten together, which is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Name(u64);

/// Whether what it marks was named by a revocation.
type Mark = AtomicBool;

/// That a token is good.
pub(super) struct Answer {
    pub(super) claims: Arc<Claims>,
    /// When it was asked for.
    pub(super) asked: Moment,
    /// When it has to be asked for again.
    end: Moment,
    /// Of the grant, the subject and the client.
    marks: [Arc<Mark>; 3],
}

impl Answer {
    /// Whether it may be used as far as it is known: it has not ended and nothing has named it.
    pub(super) fn stands(&self, now: Moment) -> bool {
        now < self.end && !self.marks.iter().any(|mark| mark.load(Ordering::Acquire))
    }
}

/// How an answer was come by that a token is good.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// Where in the order of revocations it was asked for.
    pub(super) since: Position,
    /// How far into the feed it reflects it, as the server told; zero of one that does not tell.
    pub(super) feed_position: u64,
    /// When it was asked for.
    pub(super) asked: Moment,
    /// For how long from then on it may be used.
    pub(super) ttl: Duration,
}

/// Why an answer is not kept.
#[derive(Debug)]
pub(super) enum NotKept {
    /// A revocation that concerns it was applied, and may have been unknown to whoever gave it.
    Overtaken,
    /// It may lack what happened before what is remembered, as any first answer of an instance that is
    /// behind: it is good for one use, and nothing would drop it.
    Behind(Arc<Claims>),
}

/// Bounded by the number of entries.
pub(super) struct Memory {
    answers: Bounded<Answer>,
    /// Tokens that are not active, each with when to ask again. By themselves, so that a flood of
    /// bad tokens drives out no good ones.
    refusals: Bounded<Moment>,
    ledger: Mutex<Ledger>,
    key: RandomState,
}

/// What orders answers and revocations. Its lock is held while an answer is put into memory and
/// while a revocation is applied, and never by a look-up.
#[derive(Default)]
struct Ledger {
    marks: HashMap<Name, Weak<Mark>>,
    /// How many revocations were applied.
    applied: u64,
    /// The last of them, oldest first.
    recent: VecDeque<Named>,
    /// How far into the feed those are that are remembered no more.
    forgotten: u64,
    /// How many marks there may be before the next search for those that nobody holds.
    purge: usize,
}

/// That a revocation named something.
struct Named {
    name: Name,
    /// How far into the feed it was, at most.
    feed_position: u64,
}

impl Memory {
    pub(super) fn new(entries: usize, refusals: usize) -> Self {
        Self {
            answers: Bounded::new(entries),
            refusals: Bounded::new(refusals),
            ledger: Mutex::default(),
            key: RandomState::new(),
        }
    }

    /// What `look` makes of the answer, which is to be used only if it [stands](Answer::stands) and
    /// is proven fresh.
    pub(super) fn answer<T>(
        &self,
        token: &Fingerprint,
        look: impl FnOnce(&Answer) -> Option<T>,
    ) -> Option<T> {
        self.answers.get(token, look).flatten()
    }

    /// Whether the token is remembered as not active.
    pub(super) fn refuses(&self, token: &Fingerprint, now: Moment) -> bool {
        self.refusals.get(token, |end| now < *end).unwrap_or(false)
    }

    /// Where in the order of revocations an answer is that is asked for from now on.
    pub(super) fn position(&self) -> Position {
        Position(self.ledger().applied)
    }

    /// Remembers that a token is good.
    ///
    /// # Errors
    /// When a revocation that it may lack was applied, or may have been.
    pub(super) fn keep(
        &self,
        token: Fingerprint,
        found: &Found,
        claims: Claims,
    ) -> Result<Arc<Claims>, NotKept> {
        let names = [
            self.name("grant", &claims.grant_id),
            self.name("subject", &claims.subject),
            self.name("client", &claims.client_id),
        ];
        let claims = Arc::new(claims);
        let mut ledger = self.ledger();
        if ledger.named_since(found.since, &names)
            || ledger.named_beyond(found.feed_position, &names)
        {
            return Err(NotKept::Overtaken);
        }
        if found.feed_position < ledger.forgotten {
            return Err(NotKept::Behind(claims));
        }
        self.refusals.remove(&token);
        if !found.ttl.is_zero() {
            let marks = names.map(|name| ledger.mark(name));
            let (asked, end) = (found.asked, found.asked.after(found.ttl));
            let answer = Answer { claims: Arc::clone(&claims), asked, end, marks };
            self.answers.insert(token, answer);
        }
        Ok(claims)
    }

    /// Remembers until `end` that a token is not active. That can only be too strict.
    pub(super) fn refuse(&self, token: Fingerprint, end: Moment) {
        self.answers.remove(&token);
        self.refusals.insert(token, end);
    }

    /// Forgets what revocations name, here and in answers that are on their way. They are no further
    /// into the feed than `feed_position`.
    pub(super) fn apply(&self, revocations: &[Revocation], feed_position: u64) {
        let mut ledger = self.ledger();
        for revocation in revocations {
            let name = match &revocation.event {
                Some(Event::GrantEnded(event)) => self.name("grant", &event.grant_id),
                Some(Event::AccessTokenRevoked(event)) => self.name("grant", &event.grant_id),
                Some(Event::SubjectEpochMoved(event)) => self.name("subject", &event.subject),
                Some(Event::UserChanged(event)) => self.name("subject", &event.subject),
                Some(Event::ClientEpochMoved(event)) => self.name("client", &event.client_id),
                Some(Event::ClientChanged(event)) => self.name("client", &event.client_id),
                // A kind that this version does not know may concern anything.
                None => {
                    self.forget(&mut ledger, feed_position);
                    continue;
                }
            };
            ledger.end(Named { name, feed_position });
        }
    }

    /// Forgets every good token: the feed is followed from `feed_position` on.
    pub(super) fn begin(&self, feed_position: u64) {
        self.forget(&mut self.ledger(), feed_position);
    }

    /// Forgets every good token, and every answer that is on its way.
    pub(super) fn forget_all(&self) {
        // Another feed's positions may begin anew.
        self.forget(&mut self.ledger(), 0);
    }

    fn forget(&self, ledger: &mut Ledger, feed_position: u64) {
        ledger.applied += 1;
        ledger.forgotten = feed_position;
        // No answer that was asked for before finds its place in here any more.
        ledger.recent.clear();
        ledger.marks.clear();
        self.answers.clear();
    }

    fn name(&self, kind: &str, id: &str) -> Name {
        Name(self.key.hash_one((kind, id)))
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    /// The one mark of `name`.
    fn mark(&mut self, name: Name) -> Arc<Mark> {
        if let Some(mark) = self.marks.get(&name).and_then(Weak::upgrade) {
            return mark;
        }
        if self.marks.len() >= self.purge.max(MARKS) {
            self.marks.retain(|_, mark| mark.strong_count() > 0);
            self.purge = 2 * self.marks.len();
        }
        let mark = Arc::new(Mark::new(false));
        self.marks.insert(name, Arc::downgrade(&mark));
        mark
    }

    /// Ends every answer that holds the mark of what was named, and those to come that are older.
    fn end(&mut self, named: Named) {
        if let Some(mark) = self.marks.remove(&named.name).and_then(|mark| mark.upgrade()) {
            mark.store(true, Ordering::Release);
        }
        self.applied += 1;
        if self.recent.len() == RECENT
            && let Some(oldest) = self.recent.pop_front()
        {
            self.forgotten = oldest.feed_position;
        }
        self.recent.push_back(named);
    }

    /// Whether any of `names` was named after `since`, as far as that is still known.
    fn named_since(&self, since: Position, names: &[Name]) -> bool {
        let later = usize::try_from(self.applied - since.0).unwrap_or(usize::MAX);
        later > self.recent.len()
            || self.recent.iter().rev().take(later).any(|named| names.contains(&named.name))
    }

    /// Whether any of `names` was named further into the feed than `feed_position`, as far as that is
    /// still known.
    fn named_beyond(&self, feed_position: u64, names: &[Name]) -> bool {
        let beyond = self.recent.iter().rev();
        let mut beyond = beyond.take_while(|named| named.feed_position > feed_position);
        beyond.any(|named| names.contains(&named.name))
    }
}
