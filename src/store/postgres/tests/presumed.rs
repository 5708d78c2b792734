//! Writes of one opening that were decided on what it remembers, while another one writes.

use super::{empty, open};
use crate::{
    domain::grant::Grant,
    store::{
        Records as _, Store as _, Write, WriteError,
        conformance::{
            an_own_write_is_not_served_after_another_one, grant,
            what_was_decided_on_an_outdated_state_is_not_written,
        },
    },
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn what_was_decided_on_a_state_that_another_instance_has_changed_is_not_written() {
    let one = empty("presumed").await;
    let other = open("presumed").await;
    what_was_decided_on_an_outdated_state_is_not_written(&one, &other).await;
    an_own_write_is_not_served_after_another_one(&one, &other).await;
}

/// Without a read: the writer remembers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn an_own_write_is_remembered_and_good_until_another_instance_writes() {
    let one = empty("remembered").await;
    let other = open("remembered").await;
    let next = |grant: &Grant| {
        let mut next = grant.clone();
        next.current.number += 1;
        next
    };
    let id = grant(1).id;
    one.grants().write(Write::Insert(grant(1))).await.expect("a grant");
    for _ in 0..3 {
        let held = one.grants().remembered(&id).expect("it wrote it");
        let written = one.grants().replace_if(held.version(), next(&held), &[]).await;
        written.expect("nobody else has written");
    }
    assert!(one.grants().cached(&id).is_none(), "no reader is served by it");
    let found = other.grants().presumed(&id).await.expect("a read").expect("the grant");
    other.grants().replace_if(found.version(), next(&found), &[]).await.expect("a rotation");
    let outdated = one.grants().remembered(&id).expect("a rotation is no event");
    let written = one.grants().replace_if(outdated.version(), next(&outdated), &[]).await;
    assert_eq!(written, Err(WriteError::Conflict));
    let found = one.grants().get(&id).await.expect("a read").expect("the grant");
    assert_eq!(found.current.number, outdated.current.number + 1, "the other's state");
}
