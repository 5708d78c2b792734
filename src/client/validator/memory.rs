//! The validator's memory: answers by the hash of their token, and their removal.

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

/// Number of revocations remembered for answers that are still on their way. If more revocations
/// have overtaken an answer, the server is asked again.
const RECENT: usize = 8_192;
/// Minimum number of marks before unused marks are searched for.
const MARKS: usize = 1_024;

/// SHA-256 of a token's text. The token itself is never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(super) fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

/// A position in the order of the applied revocations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position(u64);

/// The subject of a revocation: a grant, a subject or a client, hashed under a key of this
/// validator. Two names with the same hash are dropped together, which is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Name(u64);

/// `true` once a revocation has named the owner of the mark.
type Mark = AtomicBool;

/// An answer that a token is active.
pub(super) struct Answer {
    pub(super) claims: Arc<Claims>,
    /// Time of the question.
    pub(super) asked: Moment,
    /// Time at which the server must be asked again.
    end: Moment,
    /// Marks of the grant, the subject and the client.
    marks: [Arc<Mark>; 3],
}

impl Answer {
    /// Returns `true` if memory allows its use: it has not ended and no revocation has named it.
    pub(super) fn stands(&self, now: Moment) -> bool {
        now < self.end && !self.marks.iter().any(|mark| mark.load(Ordering::Acquire))
    }
}

/// An answer from the server that a token is active.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// Position in the order of revocations at the time of the question.
    pub(super) since: Position,
    /// Position in the feed that the answer reflects, as reported by the server. Zero if the server
    /// reports none.
    pub(super) feed_position: u64,
    /// Time of the question.
    pub(super) asked: Moment,
    /// Time for which the answer can be used after the question.
    pub(super) ttl: Duration,
}

/// The reason for an answer that is not stored.
#[derive(Debug)]
pub(super) enum NotKept {
    /// A revocation that concerns the answer was applied, and the answering instance may not have
    /// known it.
    Overtaken,
    /// The answer can lack revocations older than the remembered ones, like any first answer of an
    /// instance that lags behind. It can be used once; nothing would remove it from memory.
    Behind(Arc<Claims>),
}

/// The answers, bounded by their number.
pub(super) struct Memory {
    answers: Bounded<Answer>,
    /// Inactive tokens, each with the time for the next question. They are separate, so that a
    /// flood of invalid tokens evicts no valid ones.
    refusals: Bounded<Moment>,
    ledger: Mutex<Ledger>,
    key: RandomState,
}

/// The order of answers and revocations. Its lock is held while an answer is stored and while a
/// revocation is applied, never for a lookup.
#[derive(Default)]
struct Ledger {
    marks: HashMap<Name, Weak<Mark>>,
    /// Number of applied revocations.
    applied: u64,
    /// The last applied revocations, oldest first.
    recent: VecDeque<Named>,
    /// Position in the feed up to which revocations are no longer remembered.
    forgotten: u64,
    /// Number of marks that starts the next search for unused ones.
    purge: usize,
}

/// A revocation of a name.
struct Named {
    name: Name,
    /// Maximum position of the revocation in the feed.
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

    /// Returns the result of `look` for the answer. Use it only if the answer
    /// [stands](Answer::stands) and is proven fresh.
    pub(super) fn answer<T>(
        &self,
        token: &Fingerprint,
        look: impl FnOnce(&Answer) -> Option<T>,
    ) -> Option<T> {
        self.answers.get(token, look).flatten()
    }

    /// Returns `true` if the token is remembered as inactive.
    pub(super) fn refuses(&self, token: &Fingerprint, now: Moment) -> bool {
        self.refusals.get(token, |end| now < *end).unwrap_or(false)
    }

    /// Returns the number of active tokens.
    pub(super) fn len(&self) -> usize {
        self.answers.len()
    }

    /// Returns the position in the order of revocations for a question that is asked now.
    pub(super) fn position(&self) -> Position {
        Position(self.ledger().applied)
    }

    /// Remembers that a token is active.
    ///
    /// # Errors
    /// Fails if a revocation that the answer can lack was applied, or could have been.
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

    /// Remembers until `end` that a token is inactive. A wrong entry can only be too strict.
    pub(super) fn refuse(&self, token: Fingerprint, end: Moment) {
        self.answers.remove(&token);
        self.refusals.insert(token, end);
    }

    /// Removes the answers that revocations name, here and on their way. The revocations' positions
    /// in the feed are at most `feed_position`.
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
                // A kind that this version does not know can concern any token.
                None => {
                    self.forget(&mut ledger, feed_position);
                    continue;
                }
            };
            ledger.end(Named { name, feed_position });
        }
    }

    /// Removes every active token: the feed is followed from `feed_position` on.
    pub(super) fn begin(&self, feed_position: u64) {
        self.forget(&mut self.ledger(), feed_position);
    }

    /// Removes every active token, and invalidates every answer on its way.
    pub(super) fn forget_all(&self) {
        // The positions of another feed can start at zero again.
        self.forget(&mut self.ledger(), 0);
    }

    fn forget(&self, ledger: &mut Ledger, feed_position: u64) {
        ledger.applied += 1;
        ledger.forgotten = feed_position;
        // Answers to earlier questions are not stored any more.
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
    /// Returns the only mark of `name`.
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

    /// Ends every answer with the mark of the name, and later answers to older questions.
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

    /// Returns `true` if a revocation after `since` named any of `names`, as far as that is still
    /// known.
    fn named_since(&self, since: Position, names: &[Name]) -> bool {
        let later = usize::try_from(self.applied - since.0).unwrap_or(usize::MAX);
        later > self.recent.len()
            || self.recent.iter().rev().take(later).any(|named| names.contains(&named.name))
    }

    /// Returns `true` if a revocation beyond `feed_position` named any of `names`, as far as that
    /// is still known.
    fn named_beyond(&self, feed_position: u64, names: &[Name]) -> bool {
        let beyond = self.recent.iter().rev();
        let mut beyond = beyond.take_while(|named| named.feed_position > feed_position);
        beyond.any(|named| names.contains(&named.name))
    }
}
