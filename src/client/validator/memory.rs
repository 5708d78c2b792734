//! The validator's memory: answers by the hash of their token, and their removal.

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use super::{
    bounded::Bounded,
    clock::Moment,
    ended::{Ended, EventTime, Name, Order, Position},
    fingerprint::{Fingerprint, Fingerprints},
    packed::{Packed, facts},
};
use crate::{
    bearer::Claims,
    proto::v1::{IntrospectResponse, Revocation, revocation::Event},
};

/// One in so many answers whose claims had to be decoded is kept decoded from then on: a flood of
/// tokens that are used once does not push out those that are used all the time.
const DECODED_ONCE_IN: u8 = 8;

/// An answer that a token is active.
pub(super) struct Answer {
    packed: Packed,
    /// Time of the question.
    pub(super) asked: Moment,
    /// Time at which the server must be asked again.
    end: Moment,
    /// Position in the order of revocations when it was stored.
    since: Position,
}

/// Claims of an answer that was used often.
struct Decoded {
    /// Time of the question: no two answers about one token have the same.
    asked: Moment,
    claims: Arc<Claims>,
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

/// A signed token whose signature was verified.
#[cfg(feature = "jwt")]
pub(super) struct Signed {
    /// Facts of the token.
    pub(super) facts: IntrospectResponse,
    /// Time of its issue, in seconds since 1970.
    pub(super) issue_time: u32,
    /// Time of its expiry, since 1970.
    pub(super) expire_time: Duration,
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

/// Maximum numbers of entries in a memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Active tokens.
    pub(super) answers: usize,
    /// Inactive tokens.
    pub(super) refusals: usize,
    /// Active tokens whose claims are kept decoded as well, which a lookup would spend half of its
    /// time for.
    pub(super) decoded: usize,
}

/// The answers, bounded by their number.
pub(super) struct Memory {
    answers: Bounded<Answer>,
    decoded: Bounded<Decoded>,
    /// Inactive tokens, each with the time for the next question. They are separate, so that a
    /// flood of invalid tokens evicts no valid ones.
    refusals: Bounded<Moment>,
    ended: Ended,
    fingerprints: Fingerprints,
}

impl Memory {
    pub(super) fn new(room: Room) -> Self {
        Self {
            answers: Bounded::new(room.answers),
            decoded: Bounded::new(room.decoded),
            refusals: Bounded::new(room.refusals),
            ended: Ended::new(),
            fingerprints: Fingerprints::new(),
        }
    }

    pub(super) fn fingerprint(&self, token: &str) -> Fingerprint {
        self.fingerprints.of(token)
    }

    /// Returns the claims of an active token. `None` if its answer is unknown, has ended, was named by
    /// a revocation since, or is not `trusted`.
    pub(super) fn claims(
        &self,
        token: &Fingerprint,
        now: Moment,
        trusted: impl FnOnce(&Answer) -> bool,
    ) -> Option<Arc<Claims>> {
        let known = self.answers.get(token, |answer| {
            let good = now < answer.end
                && self.ended.spares(answer.since, answer.packed.names())
                && trusted(answer);
            good.then(|| self.decoded(token, answer)).flatten()
        });
        known.flatten()
    }

    fn decoded(&self, token: &Fingerprint, answer: &Answer) -> Option<Arc<Claims>> {
        let same = |decoded: &Decoded| {
            (decoded.asked == answer.asked).then(|| Arc::clone(&decoded.claims))
        };
        if let Some(claims) = self.decoded.get(token, same).flatten() {
            return Some(claims);
        }
        let claims = Arc::new(answer.packed.claims()?);
        if fastrand::u8(..DECODED_ONCE_IN) == 0 {
            let decoded = Decoded { asked: answer.asked, claims: Arc::clone(&claims) };
            self.decoded.insert(*token, decoded);
        }
        Some(claims)
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
        self.ended.position()
    }

    /// Remembers that a token is active.
    ///
    /// # Errors
    /// Fails if a revocation that the answer can lack was applied, or could have been.
    pub(super) fn keep(
        &self,
        token: Fingerprint,
        found: &Found,
        answer: IntrospectResponse,
    ) -> Result<Arc<Claims>, NotKept> {
        let names = self.names(&answer);
        let each = || names.iter().copied();
        let answer = facts(answer);
        let packed = Packed::of(&names, &answer);
        let claims = Arc::new(Claims::from(answer));
        let order = self.ended.order();
        if !self.ended.spares(found.since, each())
            || self.ended.named_beyond(&order, found.feed_position, each())
        {
            return Err(NotKept::Overtaken);
        }
        if found.feed_position < order.forgotten {
            return Err(NotKept::Behind(claims));
        }
        self.refusals.remove(&token);
        if !found.ttl.is_zero() {
            let (asked, end) = (found.asked, found.asked.after(found.ttl));
            let answer = Answer { packed, asked, end, since: self.ended.position() };
            self.answers.insert(token, answer);
        }
        Ok(claims)
    }

    /// Remembers a signed token that is seen for the first time until `end`, unless a revocation can
    /// concern it.
    #[cfg(feature = "jwt")]
    pub(super) fn keep_signed(
        &self,
        token: Fingerprint,
        signed: Signed,
        end: Moment,
    ) -> Option<Arc<Claims>> {
        let Signed { facts, issue_time, .. } = signed;
        let names = self.names(&facts);
        let packed = Packed::of(&names, &facts);
        let order = self.ended.order();
        if !self.ended.spares_issued(&order, issue_time, names.into_iter()) {
            return None;
        }
        // Nothing but the proof of memory trusts it: no question was asked.
        let (asked, since) = (Moment(0), self.ended.position());
        self.answers.insert(token, Answer { packed, asked, end, since });
        Some(Arc::new(Claims::from(facts)))
    }

    /// Removes every active token, but nothing that was revoked.
    #[cfg(feature = "jwt")]
    pub(super) fn forget_answers(&self) {
        let _order = self.ended.order();
        self.answers.clear();
        self.decoded.clear();
    }

    /// Notes that every revocation since `time` comes, or has come.
    pub(super) fn complete_since(&self, time: EventTime) {
        self.ended.order().complete_since(time);
    }

    /// Returns the names whose revocation ends an answer: those of its grant, and of the grants that this one
    /// came of by token exchange.
    fn names(&self, answer: &IntrospectResponse) -> Vec<Name> {
        let own = [
            self.ended.name("grant", &answer.grant_id),
            self.ended.name("subject", &answer.subject),
            self.ended.name("client", &answer.client_id),
        ];
        let ancestors = answer.ancestors.iter().flat_map(|ancestor| {
            let grant = self.ended.name("grant", &ancestor.grant_id);
            [grant, self.ended.name("client", &ancestor.client_id)]
        });
        own.into_iter().chain(ancestors).collect()
    }

    /// Remembers until `end` that a token is inactive. A wrong entry can only be too strict.
    pub(super) fn refuse(&self, token: Fingerprint, end: Moment) {
        self.answers.remove(&token);
        self.refusals.insert(token, end);
    }

    /// Removes the answers that revocations name, here and on their way. The revocations' positions
    /// in the feed are at most `feed_position`, and their times at most `time` unless they state others.
    pub(super) fn apply(&self, revocations: &[Revocation], feed_position: u64, time: EventTime) {
        let mut order = self.ended.order();
        for revocation in revocations {
            let stated = revocation.event_time.as_ref().map(|time| time.seconds);
            let stated = stated.and_then(|seconds| u32::try_from(seconds).ok()).map(EventTime);
            let time = order.reach(stated.unwrap_or(time));
            let name = match &revocation.event {
                Some(Event::GrantEnded(event)) => self.ended.name("grant", &event.grant_id),
                Some(Event::AccessTokenRevoked(event)) => self.ended.name("grant", &event.grant_id),
                Some(Event::SubjectEpochMoved(event)) => self.ended.name("subject", &event.subject),
                Some(Event::UserChanged(event)) => self.ended.name("subject", &event.subject),
                Some(Event::ClientEpochMoved(event)) => self.ended.name("client", &event.client_id),
                Some(Event::ClientChanged(event)) => self.ended.name("client", &event.client_id),
                // A kind that this version does not know can concern any token.
                None => {
                    let complete = order.is_complete().then_some(time);
                    self.forget(&mut order, feed_position, complete);
                    continue;
                }
            };
            self.ended.end(&mut order, name, feed_position, time);
        }
    }

    /// Notes that no revocation that comes has happened before `time`.
    pub(super) fn reached(&self, time: EventTime) {
        self.ended.order().reach(time);
    }

    /// Removes every active token: the feed is followed from `feed_position` on.
    pub(super) fn begin(&self, feed_position: u64) {
        self.forget(&mut self.ended.order(), feed_position, None);
    }

    /// Removes every active token, and invalidates every answer on its way.
    pub(super) fn forget_all(&self) {
        // The positions of another feed can start at zero again.
        self.forget(&mut self.ended.order(), 0, None);
    }

    fn forget(&self, order: &mut Order, feed_position: u64, complete: Option<EventTime>) {
        // Answers to earlier questions are not stored any more.
        self.ended.end_all(order, feed_position, complete);
        self.answers.clear();
        self.decoded.clear();
    }
}
