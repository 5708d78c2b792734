//! Tests of answers that are stored, are overtaken by a revocation, or are removed.

use super::{
    super::ended::{EventTime, REMEMBERED},
    *,
};
use crate::proto::v1::{
    AccessTokenRevoked, AncestorGrant, ClientChanged, ClientEpochMoved, GrantEnded,
    SubjectEpochMoved, UserChanged,
};

const TTL: Duration = Duration::from_secs(60);

fn memory() -> Memory {
    Memory::new(Room { answers: 100, refusals: 100, decoded: 10 })
}

fn answer(grant: &str) -> IntrospectResponse {
    IntrospectResponse {
        active: true,
        grant_id: grant.into(),
        subject: "usr_1".into(),
        client_id: "shop".into(),
        ..Default::default()
    }
}

fn event(event: Event) -> Revocation {
    Revocation { event: Some(event), event_time: None }
}

fn ended(grant: &str) -> Revocation {
    event(Event::GrantEnded(GrantEnded { grant_id: grant.into() }))
}

fn keep(memory: &Memory, token: &str, since: Position) -> Result<Arc<Claims>, NotKept> {
    let found = Found { since, feed_position: 0, asked: Moment(0), ttl: TTL };
    memory.keep(memory.fingerprint(token), &found, answer(token))
}

/// Returns the result of storing a new answer that reflects the feed so far.
fn keep_at(memory: &Memory, token: &str, feed_position: u64) -> Result<Arc<Claims>, NotKept> {
    let found = Found { since: memory.position(), feed_position, asked: Moment(0), ttl: TTL };
    memory.keep(memory.fingerprint(token), &found, answer(token))
}

fn stands(memory: &Memory, token: &str) -> bool {
    memory.claims(&memory.fingerprint(token), Moment(1), |_| true).is_some()
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
        let memory = memory();
        keep(&memory, "a", memory.position()).expect("kept");
        memory.apply(std::slice::from_ref(&revocation), 0, EventTime(100));
        assert_eq!(stands(&memory, "a"), !ends, "{revocation:?}");
    }
}

#[test]
fn an_end_of_a_grant_or_client_that_a_token_came_of_ends_its_answer() {
    let events = [
        (ended("login"), true),
        (ended("between"), true),
        (ended("other"), false),
        (event(Event::ClientEpochMoved(client("app"))), true),
        (event(Event::ClientChanged(changed("orders"))), true),
        (event(Event::ClientEpochMoved(client("login"))), false),
    ];
    let ancestor = |grant_id: &str, client_id: &str| AncestorGrant {
        grant_id: grant_id.into(),
        client_id: client_id.into(),
    };
    for (revocation, ends) in events {
        let memory = memory();
        let ancestors = vec![ancestor("between", "orders"), ancestor("login", "app")];
        let answer = IntrospectResponse { ancestors, ..answer("a") };
        let found =
            Found { since: memory.position(), feed_position: 0, asked: Moment(0), ttl: TTL };
        let claims = memory.keep(memory.fingerprint("a"), &found, answer.clone()).expect("kept");
        assert_eq!(claims.ancestors.len(), 2);
        memory.apply(std::slice::from_ref(&revocation), 1, EventTime(100));
        assert_eq!(stands(&memory, "a"), !ends, "{revocation:?}");
        let late = memory.keep(memory.fingerprint("b"), &found, answer);
        assert_eq!(late.is_err(), ends, "on its way: {revocation:?}");
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
    let memory = memory();
    let since = memory.position();
    memory.apply(&[ended("a")], 0, EventTime(100));
    keep(&memory, "a", since).expect_err("overtaken");
    assert!(!stands(&memory, "a"));
    keep(&memory, "b", since).expect("another grant");
    keep(&memory, "a", memory.position()).expect("asked for again");
    assert!(stands(&memory, "a") && stands(&memory, "b"));
}

#[test]
fn an_answer_loses_to_more_revocations_than_are_remembered() {
    let memory = memory();
    let since = memory.position();
    for _ in 0..=REMEMBERED {
        memory.apply(&[ended("b")], 0, EventTime(100));
    }
    keep(&memory, "a", since).expect_err("overtaken by who knows what");
}

#[test]
fn an_answer_loses_to_forgetting_everything_and_later_revocations_change_nothing_about_it() {
    let memory = memory();
    keep(&memory, "a", memory.position()).expect("kept");
    let since = memory.position();
    memory.forget_all();
    assert!(!stands(&memory, "a"));
    memory.apply(&[ended("x"), ended("y"), ended("z")], 0, EventTime(100));
    keep(&memory, "a", since).expect_err("overtaken");
}

#[test]
fn an_answer_of_an_instance_that_is_behind_a_revocation_of_it_is_asked_for_again() {
    let memory = memory();
    memory.begin(3);
    memory.apply(&[ended("a"), ended("b")], 5, EventTime(100));
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
    let memory = memory();
    memory.begin(floor);
    for _ in 0..2 {
        let told = keep_at(&memory, "a", floor - 1);
        let Err(NotKept::Behind(claims)) = told else { panic!("{told:?}") };
        assert_eq!(claims.grant_id, "a");
        assert!(!stands(&memory, "a"));
        keep_at(&memory, "a", floor).expect("it is not behind");
        // More revocations than are remembered, and then one of unknown kind.
        for _ in 0..=REMEMBERED {
            floor += 1;
            memory.apply(&[ended("b")], floor, EventTime(100));
        }
        let told = keep_at(&memory, "a", floor - REMEMBERED as u64 - 1);
        assert!(matches!(told, Err(NotKept::Behind(_))), "{told:?}");
        keep_at(&memory, "a", floor - REMEMBERED as u64).expect("what it may lack is remembered");
        floor += 1;
        memory.apply(&[Revocation::default()], floor, EventTime(100));
    }
}

#[test]
fn another_feed_begins_at_its_own_position() {
    let memory = memory();
    memory.begin(1_000);
    memory.apply(&[ended("a")], 1_001, EventTime(100));
    memory.forget_all();
    keep_at(&memory, "a", 0).expect("nothing is followed");
    memory.begin(2);
    assert!(!stands(&memory, "a"));
    keep_at(&memory, "a", 2).expect("kept");
}

#[test]
fn grants_of_one_user_end_together() {
    let memory = memory();
    keep(&memory, "a", memory.position()).expect("kept");
    keep(&memory, "b", memory.position()).expect("kept");
    memory.apply(&[event(Event::SubjectEpochMoved(subject("usr_1")))], 0, EventTime(100));
    assert!(!stands(&memory, "a") && !stands(&memory, "b"));
}

#[test]
fn claims_are_those_of_the_last_answer_decoded_or_not() {
    let memory = memory();
    let token = memory.fingerprint("a");
    for (asked, username) in [(0, "ann"), (1, "bob"), (2, "eve")] {
        let answer = IntrospectResponse { username: username.into(), ..answer("a") };
        let (since, asked) = (memory.position(), Moment(asked));
        let found = Found { since, feed_position: 0, asked, ttl: TTL };
        memory.keep(token, &found, answer).expect("kept");
        for _ in 0..100 {
            let claims = memory.claims(&token, Moment(3), |_| true).expect("known");
            assert_eq!(claims.username.as_deref(), Some(username));
        }
    }
    assert_eq!(memory.decoded.len(), 1);
}

#[test]
fn what_may_not_be_cached_is_told_and_not_kept() {
    let memory = memory();
    let token = memory.fingerprint("a");
    let (since, ttl) = (memory.position(), Duration::ZERO);
    let found = Found { since, feed_position: 0, asked: Moment(0), ttl };
    let told = memory.keep(token, &found, answer("a"));
    assert_eq!(told.expect("told").grant_id, "a");
    assert!(memory.claims(&token, Moment(1), |_| true).is_none());
}

#[test]
fn a_refusal_takes_the_answers_place_and_an_answer_the_refusals() {
    let memory = memory();
    let token = memory.fingerprint("a");
    keep(&memory, "a", memory.position()).expect("kept");
    memory.refuse(token, Moment(9));
    assert!(!stands(&memory, "a") && memory.refuses(&token, Moment(8)));
    assert!(!memory.refuses(&token, Moment(9)));
    keep(&memory, "a", memory.position()).expect("kept");
    assert!(stands(&memory, "a") && !memory.refuses(&token, Moment(8)));
}
