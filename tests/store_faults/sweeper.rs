//! The sweeper trims the changes feed, and takes up what a fault has left.

use jeton::{
    domain::user::User,
    service::SWEEP_STEP,
    store::{FeedError, Records, Sequence, Store as _, Write, WriteError, faulty::WriteFault},
};

use super::{
    parties::user_id,
    world::{World, is_failure},
};

/// Events that are kept at any age.
const EVENTS: u64 = 100_000;
/// Time for which an event is kept in any case, in milliseconds.
const AGE: u64 = 10 * 60 * 1_000;
/// Events beyond those that are kept: one step does not trim them all.
const SURPLUS: u64 = SWEEP_STEP as u64 + 50;

/// Fills the feed until it ends with that event.
async fn fill(world: &World, end: u64) {
    while world.memory.head().await.expect("memory does not fail").0 < end {
        let user = Records::<User>::get(&world.memory, &user_id(0)).await;
        let user = user.expect("memory does not fail").expect("the user");
        let replace = Write::Replace(user.version(), (*user).clone());
        world.memory.users().write(replace).await.expect("a replace");
    }
}

/// The oldest cursor that is still good.
async fn oldest(world: &World) -> u64 {
    match world.memory.changes(Sequence(0), 1).await {
        Ok(_) => 0,
        Err(FeedError::TooOld { oldest }) => oldest.0,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn old_events_beyond_a_number_are_trimmed_in_steps_and_a_step_that_fails_is_taken_again() {
    let world = World::new(41).await;
    fill(&world, EVENTS + SURPLUS).await;
    assert_eq!(world.service.upkeep.sweep(SWEEP_STEP).await, Ok(0));
    world.clock.advance(AGE - 1);
    fill(&world, EVENTS + 2 * SURPLUS).await;
    assert_eq!(world.service.upkeep.sweep(SWEEP_STEP).await, Ok(0), "the events are young");
    world.clock.advance(1);

    world.store.script_writes([Some(WriteFault::Fails(WriteError::Unavailable))]);
    let failed = world.service.upkeep.sweep(SWEEP_STEP).await.expect_err("the trimming fails");
    assert!(is_failure(&failed), "{failed}");
    assert_eq!(oldest(&world).await, 0);
    let mut trimmed = 0;
    loop {
        let met = world.service.upkeep.sweep(SWEEP_STEP).await.expect("the store is well");
        trimmed += met as u64;
        assert_eq!(oldest(&world).await, trimmed);
        if met < SWEEP_STEP {
            break;
        }
    }
    // An event from the time of the surplus is as old, and a later one makes room for it.
    assert_eq!(trimmed, 2 * SURPLUS);
    assert_eq!(world.memory.head().await, Ok(Sequence(EVENTS + 2 * SURPLUS)));
}
