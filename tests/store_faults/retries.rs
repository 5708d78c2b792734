//! A caller without an answer asks again, and there is still one grant and one successor.

use std::{future::Future as _, pin::pin, task::Poll};

use futures_util::future::poll_fn;
use jeton::{
    domain::error::Error,
    store::{
        WriteError,
        faulty::{Gate, WriteFault},
    },
};

use super::world::{World, is_failure};

/// A write that happened and one that did not: a caller that gets `Unknown` cannot distinguish
/// them.
const UNKNOWN: [WriteFault; 2] =
    [WriteFault::Acknowledgement, WriteFault::Fails(WriteError::Unknown)];

#[tokio::test]
async fn an_issue_of_unknown_outcome_that_is_repeated_makes_one_grant() {
    for fault in UNKNOWN {
        let world = World::new(21).await;
        world.store.script_writes([Some(fault.clone()), Some(fault.clone())]);
        for _ in 0..2 {
            assert_eq!(world.issue(Some("request")).await, Err(Error::UNAVAILABLE), "{fault:?}");
        }
        let pair = world.issue(Some("request")).await.expect("a pair");
        assert_eq!(world.grants().await.len(), 1, "{fault:?}");
        assert_eq!(world.is_active(&pair.access).await, Ok(true), "{fault:?}");
        world.refresh(&pair.refresh).await.expect("the pair is good");
    }
}

#[tokio::test]
async fn a_refresh_of_unknown_outcome_that_is_repeated_gives_the_one_successor() {
    for fault in UNKNOWN {
        let world = World::new(22).await;
        let first = world.issue(None).await.expect("a pair");
        world.store.script_writes([Some(fault.clone())]);
        let unknown = world.refresh(&first.refresh).await;
        assert_eq!(unknown, Err(Error::UNAVAILABLE), "{fault:?}");
        let second = world.refresh(&first.refresh).await.expect("a pair");
        assert_eq!(world.refresh(&first.refresh).await.as_ref(), Ok(&second), "{fault:?}");
        let [grant] = &world.grants().await[..] else { panic!("one grant: {fault:?}") };
        assert_eq!(grant.current.number, 1, "{fault:?}: one rotation");
        world.refresh(&second.refresh).await.expect("the successor is good");
    }
}

#[tokio::test]
async fn an_issue_or_a_refresh_that_was_not_written_is_not_answered_and_changes_nothing() {
    let world = World::new(23).await;
    let first = world.issue(None).await.expect("a pair");
    let before = world.grants().await;
    for error in [WriteError::Busy, WriteError::Unavailable, WriteError::Corrupt] {
        world.fail_writes(&WriteFault::Fails(error));
        let refused = world.refresh(&first.refresh).await.expect_err("nothing was written");
        assert!(is_failure(&refused), "{error}: {refused}");
        let refused = world.issue(None).await.expect_err("nothing was written");
        assert!(is_failure(&refused), "{error}: {refused}");
    }
    let after = world.grants().await;
    assert_eq!(after.len(), 1);
    assert_eq!(after[0].version(), before[0].version());
    world.store.mend();
    world.refresh(&first.refresh).await.expect("the token was not used up");
}

/// The first refresh decides, is held up before its write, and is overtaken by the second.
#[tokio::test]
async fn a_refresh_that_is_overtaken_answers_what_overtook_it() {
    let world = World::new(24).await;
    let first = world.issue(None).await.expect("a pair");
    let gate = Gate::closed();
    world.store.script_writes([Some(WriteFault::Waits(gate.clone()))]);
    let mut slow = pin!(world.refresh(&first.refresh));
    let early = poll_fn(|context| Poll::Ready(slow.as_mut().poll(context).is_ready())).await;
    gate.arrived(1).await;
    assert!(!early);
    let second = world.refresh(&first.refresh).await.expect("a pair");
    gate.open();
    assert_eq!(slow.await.as_ref(), Ok(&second));
    assert_eq!(world.is_active(&second.access).await, Ok(true));
}

#[tokio::test]
async fn a_conflict_that_does_not_end_is_told_as_contention_and_changes_nothing() {
    let world = World::new(25).await;
    let first = world.issue(None).await.expect("a pair");
    world.fail_writes(&WriteFault::Fails(WriteError::Conflict));
    assert_eq!(world.refresh(&first.refresh).await, Err(Error::Conflict));
    assert_eq!(world.revoke(&first.access).await, Err(Error::Conflict));
    world.store.mend();
    assert_eq!(world.is_active(&first.access).await, Ok(true));
}
