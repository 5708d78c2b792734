//! No answer says more than what the store has confirmed.

use std::{future::Future as _, pin::pin, task::Poll};

use futures_util::future::poll_fn;
use jeton::{
    domain::{cause::Cause, error::Error, grant::Origin},
    store::{
        MAX_RECORD_BYTES, ReadError, WriteError,
        faulty::{Gate, ReadFault, WriteFault},
    },
};

use super::world::{READ_ERRORS, WRITE_ERRORS, World, is_failure};

#[tokio::test]
async fn a_revocation_that_fails_is_not_acknowledged_and_the_token_is_still_active() {
    let world = World::new(1).await;
    let pair = world.issue(None).await.expect("a pair");
    for error in WRITE_ERRORS {
        world.fail_writes(&WriteFault::Fails(error));
        let refused = world.revoke(&pair.access).await.expect_err("nothing was written");
        assert!(is_failure(&refused), "{error}: {refused}");
        assert_eq!(world.is_active(&pair.access).await, Ok(true), "{error}");
    }
    world.store.mend();
    for error in READ_ERRORS {
        world.store.plan_reads(move || Some(ReadFault::Fails(error)));
        let refused = world.revoke(&pair.access).await.expect_err("nothing was read");
        assert!(is_failure(&refused), "{error}: {refused}");
    }
    world.store.mend();
    assert_eq!(world.is_active(&pair.access).await, Ok(true));
    world.revoke(&pair.access).await.expect("the store is well");
    assert_eq!(world.is_active(&pair.access).await, Ok(false));
}

#[tokio::test]
async fn a_revocation_whose_outcome_is_unknown_is_not_acknowledged_until_it_is_known() {
    let world = World::new(2).await;
    let pair = world.issue(None).await.expect("a pair");
    world.fail_writes(&WriteFault::Acknowledgement);
    assert_eq!(world.revoke(&pair.refresh).await, Err(Error::UNAVAILABLE));
    assert_eq!(world.is_active(&pair.access).await, Ok(false), "it did happen");
    world.store.mend();
    world.revoke(&pair.refresh).await.expect("a second revocation finds the first");
}

#[tokio::test]
async fn a_revocation_is_answered_after_its_write_and_seen_no_earlier() {
    let world = World::new(3).await;
    let pair = world.issue(None).await.expect("a pair");
    let gate = Gate::closed();
    world.fail_writes(&WriteFault::Waits(gate.clone()));
    let mut revoking = pin!(world.revoke(&pair.access));
    let early = poll_fn(|context| Poll::Ready(revoking.as_mut().poll(context).is_ready())).await;
    gate.arrived(1).await;
    assert!(!early, "nothing is written yet");
    assert_eq!(world.is_active(&pair.access).await, Ok(true));
    gate.open();
    revoking.await.expect("the write went through");
    assert_eq!(world.is_active(&pair.access).await, Ok(false));
}

#[tokio::test]
async fn ending_everything_of_a_user_or_a_client_is_not_acknowledged_when_it_fails() {
    let world = World::new(4).await;
    let pair = world.issue(None).await.expect("a pair");
    for error in WRITE_ERRORS {
        world.fail_writes(&WriteFault::Fails(error));
        let refused = world.end_all_of_user().await.expect_err("no write");
        assert!(is_failure(&refused), "{error}: {refused}");
        let refused = world.end_all_of_client().await.expect_err("no write");
        assert!(is_failure(&refused), "{error}: {refused}");
    }
    world.store.mend();
    assert_eq!(world.is_active(&pair.access).await, Ok(true));
    assert_eq!(world.end_all_of_user().await, Ok(()));
    assert_eq!(world.is_active(&pair.access).await, Ok(false));
}

/// Each of the reads behind an answer fails in turn.
#[tokio::test]
async fn introspection_that_cannot_read_is_unavailable_and_never_inactive() {
    let world = World::new(5).await;
    let pair = world.issue(None).await.expect("a pair");
    for error in READ_ERRORS {
        let mut failed = 0;
        for healthy in 0.. {
            let mut reads = 0;
            world.store.plan_reads(move || {
                reads += 1;
                (reads > healthy).then_some(ReadFault::Fails(error))
            });
            match world.is_active(&pair.access).await {
                Ok(active) => {
                    assert!(active);
                    break;
                }
                Err(refused) if error == ReadError::Unavailable => {
                    assert_eq!(refused, Error::UNAVAILABLE);
                }
                Err(refused) => assert!(matches!(refused, Error::Internal { .. }), "{refused}"),
            }
            failed += 1;
        }
        assert_eq!(failed, 3, "grant, client and user are read");
    }
}

#[tokio::test]
async fn a_replay_whose_ending_cannot_be_written_is_unavailable() {
    let faults = WRITE_ERRORS.map(WriteFault::Fails).into_iter();
    for (number, fault) in faults.chain([WriteFault::Acknowledgement]).enumerate() {
        let world = World::new(6 + number as u64).await;
        let first = world.issue(None).await.expect("a pair");
        let second = world.refresh(&first.refresh).await.expect("a pair");
        let third = world.refresh(&second.refresh).await.expect("a pair");
        world.fail_writes(&fault);
        assert_eq!(world.refresh(&first.refresh).await, Err(Error::UNAVAILABLE), "{fault:?}");
        let happened = matches!(fault, WriteFault::Acknowledgement);
        assert_eq!(world.is_active(&third.access).await, Ok(!happened), "{fault:?}");
        world.store.mend();
        assert_eq!(
            world.refresh(&first.refresh).await,
            Err(Error::InvalidGrant(Cause::Replayed)),
            "{fault:?}"
        );
        assert_eq!(world.is_active(&third.access).await, Ok(false), "{fault:?}");
    }
}

#[tokio::test]
async fn what_is_too_large_to_be_kept_is_the_callers_to_mend() {
    let world = World::new(11).await;
    let peer = Some("x".repeat(MAX_RECORD_BYTES).into());
    let refused = world.issue_from(None, Origin { peer, user_agent: None }).await;
    assert!(matches!(refused, Err(Error::InvalidRequest { .. })), "{refused:?}");
    world.store.script_writes([Some(WriteFault::Fails(WriteError::TooLarge))]);
    let refused = world.end_all_of_user().await;
    assert!(matches!(refused, Err(Error::InvalidRequest { .. })), "{refused:?}");
}
