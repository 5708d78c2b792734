//! Status of the server, for administrators.

use super::{Admin, HeavyClient, KeyCondition, Service, TrustedIssuer};
use crate::{
    domain::{error::Error, issuer_name::IssuerName, key_ring::KeyId, time::Timestamp},
    store::{Condition, Store},
};

/// State of the server.
#[derive(Clone, Debug)]
pub struct Status {
    /// The release.
    pub version: &'static str,
    /// When the process started.
    pub start_time: Timestamp,
    /// Time of its clock.
    pub server_time: Timestamp,
    /// The name of its store's engine.
    pub engine: &'static str,
    /// Its store.
    pub store: Condition,
    /// The key ring.
    pub keys: Vec<KeyState>,
    /// Fault for which a start would refuse the key ring on disk.
    pub key_ring_fault: Option<String>,
    /// Grants that are due to be freed.
    pub sweeper_backlog: u64,
    /// Clients that ask for tokens for themselves faster than they expire, at most 20.
    pub minting_clients: Vec<HeavyClient>,
    /// The trusted issuers, in the order of the settings.
    pub issuers: Vec<IssuerState>,
}

/// State of a trusted issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerState {
    /// Its name.
    pub name: IssuerName,
    /// Its keys.
    pub keys: KeyCondition,
    /// Reason for which the last question about one of its tokens was not answered.
    pub review_fault: Option<Box<str>>,
}

/// A server key, and never the key itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyState {
    /// Its name.
    pub id: KeyId,
    /// True if new tokens are made with it.
    pub active: bool,
    /// True if records can name it.
    pub in_use: bool,
}

impl<S: Store> Service<S> {
    /// State of the server.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot show which keys its grants name.
    pub async fn status(&self, _: &Admin) -> Result<Status, Error> {
        let mut keys = Vec::new();
        for (position, id) in self.keys.key_ids().into_iter().enumerate() {
            let in_use = self.keys.is_key_in_use(id).await?;
            keys.push(KeyState { id, active: position == 0, in_use });
        }
        Ok(Status {
            version: env!("CARGO_PKG_VERSION"),
            start_time: self.start_time,
            server_time: self.now(),
            engine: self.records.store.engine(),
            store: self.records.store.condition(),
            keys,
            key_ring_fault: self.keys.key_ring_fault(),
            sweeper_backlog: self.upkeep.sweeper_backlog(),
            minting_clients: self.tokens.minting_clients(),
            issuers: self.issuers().iter().map(state).collect(),
        })
    }
}

fn state(issuer: &TrustedIssuer) -> IssuerState {
    IssuerState {
        name: issuer.rules.name.clone(),
        keys: issuer.keys.condition(),
        review_fault: issuer.reviews.as_ref().and_then(|reviews| reviews.fault()),
    }
}
