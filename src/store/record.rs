//! The interface of a record type to the engines.

use std::{fmt::Debug, hash::Hash};

use crate::domain::{
    attempts::{Attempts, AttemptsId},
    change::Change,
    client::Client,
    client_id::ClientId,
    delegation::{Delegates, Delegation},
    grant::{Generation, Grant, Origin, RefreshSlot},
    grant_id::GrantId,
    record::Corrupt,
    scopes::Scopes,
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

/// Bytes that a cache's entry, its place in the cache's index and the shared pointer add to a record, with what
/// the allocator rounds up (`tests/record_memory.rs`).
const CACHE_OVERHEAD: usize = 160;
/// Two confirmations: most are hashes or SPIFFE IDs.
const BOUND_BYTES: usize = 256;

/// Returns the bytes that a part of a record takes in a place of its own: allocators round up.
const fn heap(bytes: usize) -> usize {
    bytes.next_multiple_of(16)
}

/// Returns the bytes of a generation beyond its own size.
fn generation_heap(generation: &Generation) -> usize {
    let refresh = generation.refresh.as_ref().map_or(0, |_| heap(size_of::<RefreshSlot>()));
    let scopes = generation.access.scopes.as_ref();
    refresh + scopes.map_or(0, |scopes| heap(size_of::<Scopes>()) + heap(scopes.as_str().len()))
}

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
        let names: usize = self.audience.names().map(|name| heap(name.len()) + 16).sum();
        let origin = [&self.origin.peer, &self.origin.user_agent];
        let origin = origin.into_iter().flatten().map(|text| heap(text.len()));
        let origin = heap(size_of::<Origin>()) + origin.sum::<usize>();
        let text = heap(self.client_id.as_str().len()) + heap(self.scopes.as_str().len());
        let previous = self.previous.as_deref();
        let previous = previous.map_or(0, |one| heap(size_of_val(one)) + generation_heap(one));
        let hashes = usize::from(self.request.is_some())
            + usize::from(self.repeated_root.is_some())
            + usize::from(self.signed_by.is_some());
        let small = usize::from(self.end.is_some()) + usize::from(self.salt.is_some());
        let boxed = previous + generation_heap(&self.current) + hashes * 32 + small * 16;
        let clients = self.delegation.iter().flat_map(|delegation| &delegation.actors);
        let clients = clients.map(|client| 2 * (client.as_str().len() + 64)).sum::<usize>();
        let kin = self.delegation.as_ref().map_or(0, |_| heap(size_of::<Delegation>()))
            + self.delegates.as_ref().map_or(0, |_| heap(size_of::<Delegates>()));
        let delegates = self.delegates().clients.len() + self.delegates().services.len();
        let bound = if self.bindings.is_empty() { 0 } else { BOUND_BYTES };
        let kin = kin + clients + delegates * 64 + bound;
        size_of::<Self>() + CACHE_OVERHEAD + names + origin + text + boxed + kin
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
