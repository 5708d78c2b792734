//! The store's id and its noted keys.

use std::time::Duration;

use crate::{
    domain::{
        key_ring::KeyId,
        signing_key_id::SigningKeyId,
        signing_register::{Announcement, NeededKey, SigningChange},
        signing_times::JwtLife,
        time::Timestamp,
    },
    store::Store,
};

pub(super) async fn server_keys_are_remembered(store: &impl Store) {
    let id = KeyId::from_bytes([1, 2, 3, 4]);
    store.add_key_id(id).await.expect("it is noted");
    store.add_key_id(id).await.expect("noting it twice is noting it once");
    assert_eq!(store.key_ids().await, Ok(vec![id]));
    let other = KeyId::from_bytes([5; 4]);
    store.add_key_id(other).await.expect("it is noted");
    store.remove_key_id(other).await.expect("it is forgotten");
    store.remove_key_id(other).await.expect("forgetting it twice is forgetting it once");
    assert_eq!(store.key_ids().await, Ok(vec![id]));
}

pub(super) async fn a_key_that_signs_is_needed_from_then_on(store: &impl Store) {
    let (key, other) = (SigningKeyId::from_bytes([1; 32]), SigningKeyId::from_bytes([2; 32]));
    let now = Timestamp::from_millis(1_000);
    let announce = |published: &[SigningKeyId]| {
        let (max_age, longest) = (Duration::from_secs(300), JwtLife::default());
        let published = published.to_vec();
        SigningChange::Announce(Announcement {
            wanted: published.clone(),
            published,
            max_age,
            longest,
        })
    };
    let standing = store.register_signing(announce(&[key]), now).await.expect("it is noted");
    assert_eq!(standing.signs.map(|lease| lease.key), Some(key), "the first one");
    let needed = async || {
        let needed = store.needed_signing_keys().await.expect("the keys");
        needed.iter().map(|needed| needed.key).collect::<Vec<_>>()
    };
    assert_eq!(needed().await, [key]);
    let standing = store.register_signing(announce(&[other]), now).await.expect("an answer");
    assert_eq!((standing.missing, standing.signs), (vec![key], None));
    let until = Timestamp::from_millis(u64::MAX / 1_000_000);
    let came = SigningChange::Need(vec![NeededKey { key: other, until }]);
    store.register_signing(came, now).await.expect("it is noted");
    assert_eq!(needed().await, [key, other]);
}

pub(super) async fn a_feed_is_whole_since_the_last_event_that_was_freed(store: &impl Store) {
    let begun = async || store.feed_start().await.expect("the register").map(|start| start.since);
    let trim = async |until| {
        let noted = store.register_signing(SigningChange::Trim(until), Timestamp::default()).await;
        noted.expect("it is noted");
    };
    trim(Timestamp::default()).await;
    let first = begun().await.expect("a beginning");
    let later = first.after(Duration::from_secs(3_600));
    trim(later).await;
    assert_eq!(begun().await, Some(later));
    trim(first).await;
    assert_eq!(begun().await, Some(later), "it has them no more");
}
