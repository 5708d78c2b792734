//! The interface of a record type to the engines.

use std::{fmt::Debug, hash::Hash};

use crate::domain::{
    attempts::{Attempts, AttemptsId},
    change::Change,
    client::Client,
    client_id::ClientId,
    grant::Grant,
    grant_id::GrantId,
    record::Corrupt,
    subject::UserId,
    used_assertion::{AssertionId, UsedAssertion},
    user::User,
};

/// A type of record.
pub trait Record: Clone + Debug + PartialEq + Send + Sync + 'static {
    /// Type of the key.
    type Key: Clone + Debug + Eq + Hash + Ord + Send + Sync + 'static;

    /// Name of the record type, one word.
    const NAME: &'static str;

    /// Returns the key of this record.
    fn key(&self) -> Self::Key;

    /// Returns the key as bytes, in the key's order.
    fn key_bytes(key: &Self::Key) -> &[u8];

    /// Parses a key.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if the bytes are not a key.
    fn parse_key(bytes: &[u8]) -> Result<Self::Key, Corrupt>;

    /// Encodes the record without its key.
    fn encode(&self) -> Vec<u8>;

    /// Decodes a record.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if the bytes are not a record.
    fn decode(key: &Self::Key, bytes: &[u8]) -> Result<Self, Corrupt>;

    /// Returns the feed's event for a replacement of `old` with `new`. `None` stands for no record.
    fn change(old: Option<&Self>, new: Option<&Self>) -> Option<Change>;

    /// Returns the number of bytes that the record takes in memory, within the overhead of a few
    /// allocations. Caches are bounded by it.
    fn memory_bytes(&self) -> usize;
}

/// Bytes that a map entry, the shared pointer and the heap's own headers add to a cached record.
const CACHE_OVERHEAD: usize = 160;
/// Two confirmations: most are hashes or SPIFFE IDs.
const BOUND_BYTES: usize = 256;

impl Record for Grant {
    type Key = GrantId;

    const NAME: &'static str = "grants";

    fn key(&self) -> GrantId {
        self.id
    }

    fn key_bytes(key: &GrantId) -> &[u8] {
        key.as_bytes()
    }

    fn parse_key(bytes: &[u8]) -> Result<GrantId, Corrupt> {
        bytes.try_into().map(GrantId::from_bytes).map_err(|_| Corrupt)
    }

    fn encode(&self) -> Vec<u8> {
        self.to_bytes()
    }

    fn decode(key: &GrantId, bytes: &[u8]) -> Result<Self, Corrupt> {
        Self::from_bytes(*key, bytes)
    }

    fn change(old: Option<&Self>, new: Option<&Self>) -> Option<Change> {
        Change::of_grant(old, new)
    }

    fn memory_bytes(&self) -> usize {
        let names: usize = self.audience.names().map(|name| name.len() + 32).sum();
        let origin = [&self.origin.peer, &self.origin.user_agent];
        let origin: usize = origin.into_iter().flatten().map(|text| text.len()).sum();
        let text = self.client_id.as_str().len() + self.scopes.as_str().len();
        let clients = self.delegation.iter().flat_map(|delegation| &delegation.actors);
        let clients = clients.map(|client| 2 * (client.as_str().len() + 64)).sum::<usize>();
        let delegates = self.delegates.clients.len() + self.delegates.services.len();
        let bound = if self.bindings.is_empty() { 0 } else { BOUND_BYTES };
        let kin = clients + delegates * 64 + bound;
        size_of::<Self>() + CACHE_OVERHEAD + names + origin + text + kin
    }
}

impl Record for Client {
    type Key = ClientId;

    const NAME: &'static str = "clients";

    fn key(&self) -> ClientId {
        self.id.clone()
    }

    fn key_bytes(key: &ClientId) -> &[u8] {
        key.as_str().as_bytes()
    }

    fn parse_key(bytes: &[u8]) -> Result<ClientId, Corrupt> {
        let text = std::str::from_utf8(bytes).map_err(|_| Corrupt)?;
        ClientId::parse(text).map_err(|_| Corrupt)
    }

    fn encode(&self) -> Vec<u8> {
        self.to_bytes()
    }

    fn decode(key: &ClientId, bytes: &[u8]) -> Result<Self, Corrupt> {
        Self::from_bytes(key.clone(), bytes)
    }

    fn change(old: Option<&Self>, new: Option<&Self>) -> Option<Change> {
        Change::of_client(old, new)
    }

    fn memory_bytes(&self) -> usize {
        // Clients are few. Their encoding is about as long as their text in memory.
        size_of::<Self>() + CACHE_OVERHEAD + 2 * self.to_bytes().len()
    }
}

impl Record for User {
    type Key = UserId;

    const NAME: &'static str = "users";

    fn key(&self) -> UserId {
        self.id
    }

    fn key_bytes(key: &UserId) -> &[u8] {
        key.as_bytes()
    }

    fn parse_key(bytes: &[u8]) -> Result<UserId, Corrupt> {
        bytes.try_into().map(UserId::from_bytes).map_err(|_| Corrupt)
    }

    fn encode(&self) -> Vec<u8> {
        self.to_bytes()
    }

    fn decode(key: &UserId, bytes: &[u8]) -> Result<Self, Corrupt> {
        Self::from_bytes(*key, bytes)
    }

    fn change(old: Option<&Self>, new: Option<&Self>) -> Option<Change> {
        Change::of_user(old, new)
    }

    fn memory_bytes(&self) -> usize {
        let text = self.name.as_str().len() + self.password.0.len() + self.attributes.bytes();
        let identities: usize =
            self.identities.iter().map(|identity| identity.subject.len() + 128).sum();
        size_of::<Self>() + CACHE_OVERHEAD + text + identities + self.declared.len() * 128
    }
}

impl Record for Attempts {
    type Key = AttemptsId;

    const NAME: &'static str = "attempts";

    fn key(&self) -> AttemptsId {
        self.id
    }

    fn key_bytes(key: &AttemptsId) -> &[u8] {
        key.as_bytes()
    }

    fn parse_key(bytes: &[u8]) -> Result<AttemptsId, Corrupt> {
        bytes.try_into().map(AttemptsId::from_bytes).map_err(|_| Corrupt)
    }

    fn encode(&self) -> Vec<u8> {
        self.to_bytes()
    }

    fn decode(key: &AttemptsId, bytes: &[u8]) -> Result<Self, Corrupt> {
        Self::from_bytes(*key, bytes)
    }

    /// No cached answer depends on failed logins.
    fn change(_old: Option<&Self>, _new: Option<&Self>) -> Option<Change> {
        None
    }

    fn memory_bytes(&self) -> usize {
        let client = self.of.as_ref().map_or(0, |of| of.client.as_str().len());
        size_of::<Self>() + CACHE_OVERHEAD + client
    }
}

impl Record for UsedAssertion {
    type Key = AssertionId;

    const NAME: &'static str = "assertions";

    fn key(&self) -> AssertionId {
        self.id
    }

    fn key_bytes(key: &AssertionId) -> &[u8] {
        key.as_bytes()
    }

    fn parse_key(bytes: &[u8]) -> Result<AssertionId, Corrupt> {
        bytes.try_into().map(AssertionId::from_bytes).map_err(|_| Corrupt)
    }

    fn encode(&self) -> Vec<u8> {
        self.to_bytes()
    }

    fn decode(key: &AssertionId, bytes: &[u8]) -> Result<Self, Corrupt> {
        Self::from_bytes(*key, bytes)
    }

    /// No cached answer depends on assertions.
    fn change(_old: Option<&Self>, _new: Option<&Self>) -> Option<Change> {
        None
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + CACHE_OVERHEAD
    }
}
