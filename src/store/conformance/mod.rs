//! One suite for every engine: a new engine has to pass only [`run`] and [`survives`].
//!
//! Tests for each sentence of the contract:
//!
//! | the contract says | tests |
//! |---|---|
//! | read whole and replaced whole, alone or with others | `records::records_come_back…`, `many_are_read…` |
//! | no two states share a version | `records::a_replace_needs…`, `a_delete_needs…`, `durable` |
//! | when an insert, a replace, a delete succeeds | `records` |
//! | of several writers exactly one succeeds, the others see its state | `rivals::of_many_writers…` |
//! | what returned `Ok` is durable | `durable::survives` |
//! | readers see durable states, and every answered one | `readers`, `rivals::readers_never…`, `pages` |
//! | pages: order, what is in them | `pages` |
//! | a replacement proves what it was decided on | `premises` |
//! | a name is unique | `users` |
//! | the record type decides what is an event | `feed::revocations_and_changes…` |
//! | the end of a grant names the holders of what came of it | `feed::the_end_of_a_grant…` |
//! | the feed's order, without gaps | `feed::followers_of_many_writers…` |
//! | each event once, no earlier than its state, no later than its answer | the same two |
//! | the head is never behind, the position never ahead | `rivals::the_head_is_never…`, `the_position_is_never…` |
//! | trimming, cursors too old and ahead | `feed::what_is_trimmed…`, `durable` |
//! | waiting for news | `feed::whoever_waits…` |
//! | listing by owner, what is spent | `grants` |
//! | the store's id and keys | `identity`, `durable` |
//!
//! Each engine has its own test of the acknowledged state after a power failure.

mod durable;
mod feed;
mod grants;
mod identity;
mod pages;
mod premises;
mod readers;
mod records;
mod rivals;
mod samples;
mod users;
mod waiting;

pub(crate) use self::{
    durable::survives,
    feed::followers_of_many_writers_miss_nothing,
    premises::{
        an_own_write_is_not_served_after_another_one,
        what_was_decided_on_an_outdated_state_is_not_written,
    },
    rivals::the_position_is_never_ahead_of_what_is_read_later,
    samples::{NOW, attempts, client, grant, user},
    waiting::eventually,
};
use super::{Store, memory::MemoryStore};

/// Runs the whole suite against an empty store.
pub(crate) async fn run<S: Store + Clone>(store: &S) {
    records::what_was_never_written_is_absent(store).await;
    records::an_insert_succeeds_only_where_nothing_is(store).await;
    records::a_replace_needs_the_version_that_is_there(store).await;
    records::a_record_beyond_the_limit_is_refused(store).await;
    records::a_delete_needs_the_version_and_frees_the_key_for_a_new_one(store).await;
    records::records_come_back_as_they_were_written(store).await;
    records::many_are_read_as_each_is_alone(store).await;
    users::a_users_name_is_unique_and_follows_renames(store).await;
    users::users_are_found_by_their_identities_as_they_are_now(store).await;
    users::of_many_who_want_a_name_one_gets_it(store).await;
    grants::grants_are_listed_by_their_owners_in_pages(store).await;
    grants::spent_grants_are_found_when_they_are_spent(store).await;
    identity::server_keys_are_remembered(store).await;
    identity::a_key_that_signs_is_needed_from_then_on(store).await;
    identity::a_feed_is_whole_since_the_last_event_that_was_freed(store).await;
    pages::records_are_paged_in_key_order(store).await;
    pages::pages_hold_what_stays_and_nothing_that_is_not_durable(store).await;
    what_was_decided_on_an_outdated_state_is_not_written(store, store).await;
    premises::a_replacement_on_premises_is_an_event_if_it_happens(store).await;
    an_own_write_is_not_served_after_another_one(store, store).await;
    rivals::of_many_writers_that_expect_one_version_one_succeeds(store).await;
    rivals::of_many_writers_each_round_has_one_winner(store).await;
    rivals::readers_never_see_a_state_twice_removed(store).await;
    readers::of_many_readers_none_sees_an_older_state_than_another_before(store).await;
    rivals::the_head_is_never_behind_what_was_read(store).await;
    the_position_is_never_ahead_of_what_is_read_later(store, store).await;
    feed::revocations_and_changes_are_events_and_rotations_are_not(store).await;
    feed::the_end_of_a_grant_names_those_who_hold_what_came_of_it(store).await;
    feed::whoever_waits_hears_of_the_next_event(store).await;
    followers_of_many_writers_miss_nothing(&[store.clone(), store.clone()]).await;
    feed::what_is_trimmed_is_said_to_be_gone(store).await;
}

#[tokio::test]
async fn the_reference_keeps_the_contract() {
    run(&MemoryStore::new()).await;
}

/// It remembers the worst that it can.
#[tokio::test]
async fn the_reference_that_is_shared_keeps_the_contract() {
    run(&MemoryStore::shared()).await;
}

/// The reference keeps its records as long as a handle to it exists.
#[tokio::test]
async fn the_reference_survives_with_the_process() {
    survives(MemoryStore::new(), async |store: MemoryStore| store.clone()).await;
}
