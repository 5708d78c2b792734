//! The message about the server.

use crate::{
    grpc::convert::timestamp,
    proto::v1,
    service::{HeavyClient, IssuerState, KeyCondition, KeyState, Status},
};

/// Returns the message of the server's state.
pub(super) fn message(status: Status) -> v1::GetStatusResponse {
    let store = v1::StoreStatus {
        engine: status.engine.to_owned(),
        writable: status.store.writable,
        free_bytes: status.store.free_bytes,
        disk_bytes: status.store.disk_bytes,
        grants: status.store.grants,
        clock_skew: status.store.clock_skew.map(signed),
        damaged_records: status.store.damaged,
    };
    v1::GetStatusResponse {
        version: status.version.to_owned(),
        start_time: Some(timestamp(status.start_time)),
        server_time: Some(timestamp(status.server_time)),
        store: Some(store),
        keys: status.keys.into_iter().map(key).collect(),
        minting_clients: status.minting_clients.iter().map(minting).collect(),
        sweeper_backlog: status.sweeper_backlog,
        key_ring_fault: status.key_ring_fault.unwrap_or_default(),
        issuers: status.issuers.into_iter().map(issuer).collect(),
    }
}

fn signed(millis: i64) -> prost_types::Duration {
    let nanos = i32::try_from(millis % 1_000 * 1_000_000).unwrap_or(0);
    prost_types::Duration { seconds: millis / 1_000, nanos }
}

fn key(key: KeyState) -> v1::KeyStatus {
    v1::KeyStatus { key_id: key.id.to_string(), active: key.active, in_use: key.in_use }
}

fn issuer(issuer: IssuerState) -> v1::IssuerStatus {
    let KeyCondition { keys, age, fault } = issuer.keys;
    v1::IssuerStatus {
        name: issuer.name.to_string(),
        keys: u32::try_from(keys).unwrap_or(u32::MAX),
        key_age: age.and_then(|age| prost_types::Duration::try_from(age).ok()),
        fault: fault.map(String::from).unwrap_or_default(),
        review_fault: issuer.review_fault.map(String::from).unwrap_or_default(),
    }
}

fn minting(minting: &HeavyClient) -> v1::MintingClient {
    v1::MintingClient { client_id: minting.client_id.to_string(), live_tokens: minting.live_tokens }
}
