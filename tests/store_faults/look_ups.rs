//! Many tokens that memory does not answer are looked up together, and not all of them at once.

use std::{
    future::Future as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Waker},
};

use futures_util::future::join_all;
use jeton::{
    domain::presented_token::TokenText,
    service::Introspection,
    store::faulty::{Gate, ReadFault},
};

use super::world::World;

#[tokio::test]
async fn many_tokens_are_looked_up_eight_times_64_at_a_time_and_the_others_wait() {
    let world = World::new(1).await;
    let pair = world.issue(None).await.expect("a pair");
    let (reads, gate) = (Arc::new(AtomicUsize::new(0)), Gate::closed());
    world.store.plan_reads({
        let (reads, gate) = (Arc::clone(&reads), gate.clone());
        move || {
            reads.fetch_add(1, Ordering::Relaxed);
            Some(ReadFault::Waits(gate.clone()))
        }
    });
    let call = || {
        let tokens: Vec<_> = (0..64).map(|_| TokenText::parse(&pair.access)).collect();
        world.service.introspection.introspect_all(&world.caller, tokens.into_iter())
    };
    let mut calls = Box::pin(join_all((0..12).map(|_| call())));
    assert!(calls.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    // The look-ups of a call are of one grant, which is read once.
    assert_eq!(reads.load(Ordering::Relaxed), 8);
    gate.open();
    for answers in calls.await {
        let answers = answers.expect("answers");
        assert!(answers.iter().all(|answer| matches!(answer, Introspection::Active(_))));
    }
}
