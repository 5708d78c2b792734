//! Records as bytes: a format version, then postcard. What a release has written, later ones read.

use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

use super::{
    attempts::{Attempts, AttemptsId},
    change::Change,
    client::Client,
    client_id::ClientId,
    grant::Grant,
    grant_id::GrantId,
    subject::UserId,
    user::User,
};

/// The format that is written. Reading goes through [`decode`], which knows every older one.
const FORMAT: u8 = 1;

/// A record that cannot be read: damage, or a newer release wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the record cannot be decoded")]
pub struct Corrupt;

fn encode<T: Serialize>(record: &T) -> Vec<u8> {
    postcard::to_extend(record, vec![FORMAT])
        .expect("a record in memory always has an encoding: no map or sequence of unknown length")
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Corrupt> {
    match bytes.split_first() {
        Some((&FORMAT, body)) => match postcard::take_from_bytes(body) {
            Ok((record, [])) => Ok(record),
            Ok(_) | Err(_) => Err(Corrupt),
        },
        Some(_) | None => Err(Corrupt),
    }
}

/// Whether a record is in the form of a newer release, as far as its first byte can be believed.
pub fn is_newer(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|format| *format > FORMAT)
}

impl Grant {
    /// The record's bytes, without its id, which is its key.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads the record stored under `id`.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are not a grant's.
    pub fn from_bytes(id: GrantId, bytes: &[u8]) -> Result<Self, Corrupt> {
        decode(bytes).map(|grant| Self { id, ..grant })
    }
}

impl Client {
    /// The record's bytes, without its id, which is its key.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads the record stored under `id`.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are not a client's.
    pub fn from_bytes(id: ClientId, bytes: &[u8]) -> Result<Self, Corrupt> {
        decode(bytes).map(|client| Self { id, ..client })
    }
}

impl User {
    /// The record's bytes, without its id, which is its key.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads the record stored under `id`.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are not a user's.
    pub fn from_bytes(id: UserId, bytes: &[u8]) -> Result<Self, Corrupt> {
        decode(bytes).map(|user| Self { id, ..user })
    }
}

impl Attempts {
    /// The record's bytes, without its id, which is its key.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads the record stored under `id`.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are not such a record's.
    pub fn from_bytes(id: AttemptsId, bytes: &[u8]) -> Result<Self, Corrupt> {
        decode(bytes).map(|attempts| Self { id, ..attempts })
    }
}

impl Change {
    /// The event's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads an event back.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are not an event's.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Corrupt> {
        decode(bytes)
    }
}
