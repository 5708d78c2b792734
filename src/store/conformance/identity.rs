//! The store's id and its noted keys.

use crate::{domain::key_ring::KeyId, store::Store};

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
