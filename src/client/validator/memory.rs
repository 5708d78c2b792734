//! What the validator remembers: answers by the hash of their token, and how they are forgotten.

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

/// That a revocation was applied which may or may not have been known to an answer.
#[derive(Debug)]
pub(super) struct Overtaken;

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
    recent: VecDeque<Name>,
    /// How many marks there may be before the next search for those that nobody holds.
    purge: usize,
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

    /// Remembers for `ttl` from `asked` that a token is good.
    ///
    /// # Errors
    /// When a revocation that concerns it was applied after `since`: the answer may be older.
    pub(super) fn keep(
        &self,
        token: Fingerprint,
        since: Position,
        asked: Moment,
        ttl: Duration,
        claims: Claims,
    ) -> Result<Arc<Claims>, Overtaken> {
        let names = [
            self.name("grant", &claims.grant_id),
            self.name("subject", &claims.subject),
            self.name("client", &claims.client_id),
        ];
        let claims = Arc::new(claims);
        let mut ledger = self.ledger();
        if ledger.named_since(since, &names) {
            return Err(Overtaken);
        }
        self.refusals.remove(&token);
        if !ttl.is_zero() {
            let marks = names.map(|name| ledger.mark(name));
            let answer =
                Answer { claims: Arc::clone(&claims), asked, end: asked.after(ttl), marks };
            self.answers.insert(token, answer);
        }
        Ok(claims)
    }

    /// Remembers until `end` that a token is not active. That can only be too strict.
    pub(super) fn refuse(&self, token: Fingerprint, end: Moment) {
        self.answers.remove(&token);
        self.refusals.insert(token, end);
    }

    /// Forgets what revocations name, here and in answers that are on their way.
    pub(super) fn apply(&self, revocations: &[Revocation]) {
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
                    self.forget(&mut ledger);
                    continue;
                }
            };
            ledger.end(name);
        }
    }

    /// Forgets every good token, and every answer that is on its way.
    pub(super) fn forget_all(&self) {
        self.forget(&mut self.ledger());
    }

    fn forget(&self, ledger: &mut Ledger) {
        ledger.applied += 1;
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

    /// Ends every answer that holds the mark of `name`, and those to come that are older.
    fn end(&mut self, name: Name) {
        if let Some(mark) = self.marks.remove(&name).and_then(|mark| mark.upgrade()) {
            mark.store(true, Ordering::Release);
        }
        self.applied += 1;
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(name);
    }

    /// Whether any of `names` was named after `since`, as far as that is still known.
    fn named_since(&self, since: Position, names: &[Name]) -> bool {
        let later = usize::try_from(self.applied - since.0).unwrap_or(usize::MAX);
        later > self.recent.len()
            || self.recent.iter().rev().take(later).any(|name| names.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::v1::{
        AccessTokenRevoked, ClientChanged, ClientEpochMoved, GrantEnded, IntrospectResponse,
        SubjectEpochMoved, UserChanged,
    };

    const TTL: Duration = Duration::from_secs(60);

    fn claims(grant: &str) -> Claims {
        Claims::from(IntrospectResponse {
            grant_id: grant.into(),
            subject: "usr_1".into(),
            client_id: "shop".into(),
            ..Default::default()
        })
    }

    fn event(event: Event) -> Revocation {
        Revocation { event: Some(event), event_time: None }
    }

    fn ended(grant: &str) -> Revocation {
        event(Event::GrantEnded(GrantEnded { grant_id: grant.into() }))
    }

    fn keep(memory: &Memory, token: &str, since: Position) -> Result<Arc<Claims>, Overtaken> {
        memory.keep(Fingerprint::of(token), since, Moment(0), TTL, claims(token))
    }

    fn stands(memory: &Memory, token: &str) -> bool {
        let token = Fingerprint::of(token);
        memory.answer(&token, |answer| answer.stands(Moment(1)).then_some(())).is_some()
    }

    #[test]
    fn each_kind_of_revocation_ends_what_it_names_and_nothing_else() {
        let events = [
            (ended("a"), true),
            (ended("b"), false),
            (event(Event::AccessTokenRevoked(access("a"))), true),
            (event(Event::AccessTokenRevoked(access("b"))), false),
            (event(Event::SubjectEpochMoved(subject("usr_1"))), true),
            (event(Event::SubjectEpochMoved(subject("shop"))), false),
            (event(Event::UserChanged(user("usr_1"))), true),
            (event(Event::UserChanged(user("usr_2"))), false),
            (event(Event::ClientEpochMoved(client("shop"))), true),
            (event(Event::ClientEpochMoved(client("usr_1"))), false),
            (event(Event::ClientChanged(changed("shop"))), true),
            (event(Event::ClientChanged(changed("a"))), false),
            (Revocation::default(), true),
        ];
        for (revocation, ends) in events {
            let memory = Memory::new(10, 10);
            keep(&memory, "a", memory.position()).expect("kept");
            memory.apply(std::slice::from_ref(&revocation));
            assert_eq!(stands(&memory, "a"), !ends, "{revocation:?}");
        }
    }

    fn access(grant: &str) -> AccessTokenRevoked {
        AccessTokenRevoked { grant_id: grant.into(), generation: 0 }
    }

    fn subject(id: &str) -> SubjectEpochMoved {
        SubjectEpochMoved { subject: id.into(), refused: false }
    }

    fn user(id: &str) -> UserChanged {
        UserChanged { subject: id.into(), refused: false }
    }

    fn client(id: &str) -> ClientEpochMoved {
        ClientEpochMoved { client_id: id.into(), refused: false }
    }

    fn changed(id: &str) -> ClientChanged {
        ClientChanged { client_id: id.into(), refused: false }
    }

    #[test]
    fn an_answer_loses_to_a_revocation_that_was_applied_while_it_was_on_its_way() {
        let memory = Memory::new(10, 10);
        let since = memory.position();
        memory.apply(&[ended("a")]);
        keep(&memory, "a", since).expect_err("overtaken");
        assert!(!stands(&memory, "a"));
        keep(&memory, "b", since).expect("another grant");
        keep(&memory, "a", memory.position()).expect("asked for again");
        assert!(stands(&memory, "a") && stands(&memory, "b"));
    }

    #[test]
    fn an_answer_loses_to_more_revocations_than_are_remembered() {
        let memory = Memory::new(10, 10);
        let since = memory.position();
        for _ in 0..=RECENT {
            memory.apply(&[ended("b")]);
        }
        keep(&memory, "a", since).expect_err("overtaken by who knows what");
    }

    #[test]
    fn an_answer_loses_to_forgetting_everything_and_later_revocations_change_nothing_about_it() {
        let memory = Memory::new(10, 10);
        keep(&memory, "a", memory.position()).expect("kept");
        let since = memory.position();
        memory.forget_all();
        assert!(!stands(&memory, "a"));
        memory.apply(&[ended("x"), ended("y"), ended("z")]);
        keep(&memory, "a", since).expect_err("overtaken");
    }

    #[test]
    fn grants_share_the_mark_of_their_user_and_end_together() {
        let memory = Memory::new(10, 10);
        keep(&memory, "a", memory.position()).expect("kept");
        keep(&memory, "b", memory.position()).expect("kept");
        memory.apply(&[event(Event::SubjectEpochMoved(subject("usr_1")))]);
        assert!(!stands(&memory, "a") && !stands(&memory, "b"));
    }

    #[test]
    fn marks_that_nobody_holds_go() {
        let memory = Memory::new(100, 100);
        for token in 0..20_000 {
            keep(&memory, &token.to_string(), memory.position()).expect("kept");
            memory.refuse(Fingerprint::of(&format!("bad{token}")), Moment(9));
        }
        assert!(memory.ledger().marks.len() <= 2 * MARKS, "{}", memory.ledger().marks.len());
        memory.apply(&(0..20_000).map(|grant| ended(&grant.to_string())).collect::<Vec<_>>());
        assert_eq!(memory.ledger().recent.len(), RECENT);
    }

    #[test]
    fn what_may_not_be_cached_is_told_and_not_kept() {
        let memory = Memory::new(10, 10);
        let token = Fingerprint::of("a");
        let told = memory.keep(token, memory.position(), Moment(0), Duration::ZERO, claims("a"));
        assert_eq!(told.expect("told").grant_id, "a");
        assert!(memory.answer(&token, |_| Some(())).is_none());
    }

    #[test]
    fn a_refusal_takes_the_answers_place_and_an_answer_the_refusals() {
        let memory = Memory::new(10, 10);
        let token = Fingerprint::of("a");
        keep(&memory, "a", memory.position()).expect("kept");
        memory.refuse(token, Moment(9));
        assert!(!stands(&memory, "a") && memory.refuses(&token, Moment(8)));
        assert!(!memory.refuses(&token, Moment(9)));
        keep(&memory, "a", memory.position()).expect("kept");
        assert!(stands(&memory, "a") && !memory.refuses(&token, Moment(8)));
    }
}
