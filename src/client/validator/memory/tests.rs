//! Tests of answers that are stored, are overtaken by a revocation, or are removed.

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

fn keep(memory: &Memory, token: &str, since: Position) -> Result<Arc<Claims>, NotKept> {
    let found = Found { since, feed_position: 0, asked: Moment(0), ttl: TTL };
    memory.keep(Fingerprint::of(token), &found, claims(token))
}

/// Returns the result of storing a new answer that reflects the feed so far.
fn keep_at(memory: &Memory, token: &str, feed_position: u64) -> Result<Arc<Claims>, NotKept> {
    let found = Found { since: memory.position(), feed_position, asked: Moment(0), ttl: TTL };
    memory.keep(Fingerprint::of(token), &found, claims(token))
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
        memory.apply(std::slice::from_ref(&revocation), 0);
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
    memory.apply(&[ended("a")], 0);
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
        memory.apply(&[ended("b")], 0);
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
    memory.apply(&[ended("x"), ended("y"), ended("z")], 0);
    keep(&memory, "a", since).expect_err("overtaken");
}

#[test]
fn an_answer_of_an_instance_that_is_behind_a_revocation_of_it_is_asked_for_again() {
    let memory = Memory::new(10, 10);
    memory.begin(3);
    memory.apply(&[ended("a"), ended("b")], 5);
    let behind = keep_at(&memory, "a", 4);
    assert!(matches!(behind, Err(NotKept::Overtaken)), "{behind:?}");
    assert!(!stands(&memory, "a"));
    keep_at(&memory, "c", 4).expect("nothing that it may lack concerns it");
    keep_at(&memory, "a", 5).expect("it knows");
    assert!(stands(&memory, "a") && stands(&memory, "c"));
}

#[test]
fn an_answer_that_may_lack_what_is_not_remembered_is_told_and_not_kept() {
    let mut floor = 7;
    let memory = Memory::new(10, 10);
    memory.begin(floor);
    for _ in 0..2 {
        let told = keep_at(&memory, "a", floor - 1);
        let Err(NotKept::Behind(claims)) = told else { panic!("{told:?}") };
        assert_eq!(claims.grant_id, "a");
        assert!(!stands(&memory, "a"));
        keep_at(&memory, "a", floor).expect("it is not behind");
        // More revocations than are remembered, and then one of unknown kind.
        for _ in 0..=RECENT {
            floor += 1;
            memory.apply(&[ended("b")], floor);
        }
        let told = keep_at(&memory, "a", floor - RECENT as u64 - 1);
        assert!(matches!(told, Err(NotKept::Behind(_))), "{told:?}");
        keep_at(&memory, "a", floor - RECENT as u64).expect("what it may lack is remembered");
        floor += 1;
        memory.apply(&[Revocation::default()], floor);
    }
}

#[test]
fn another_feed_begins_at_its_own_position() {
    let memory = Memory::new(10, 10);
    memory.begin(1_000);
    memory.apply(&[ended("a")], 1_001);
    memory.forget_all();
    keep_at(&memory, "a", 0).expect("nothing is followed");
    memory.begin(2);
    assert!(!stands(&memory, "a"));
    keep_at(&memory, "a", 2).expect("kept");
}

#[test]
fn grants_share_the_mark_of_their_user_and_end_together() {
    let memory = Memory::new(10, 10);
    keep(&memory, "a", memory.position()).expect("kept");
    keep(&memory, "b", memory.position()).expect("kept");
    memory.apply(&[event(Event::SubjectEpochMoved(subject("usr_1")))], 0);
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
    memory.apply(&(0..20_000).map(|grant| ended(&grant.to_string())).collect::<Vec<_>>(), 0);
    assert_eq!(memory.ledger().recent.len(), RECENT);
}

#[test]
fn what_may_not_be_cached_is_told_and_not_kept() {
    let memory = Memory::new(10, 10);
    let token = Fingerprint::of("a");
    let (since, ttl) = (memory.position(), Duration::ZERO);
    let found = Found { since, feed_position: 0, asked: Moment(0), ttl };
    let told = memory.keep(token, &found, claims("a"));
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
