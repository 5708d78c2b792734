//! Failed logins of one name at one client: what throttling remembers, whether or not there is such a user.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    base62, client_id::ClientId, field_hash::hash_field, subject::UserId, time::Timestamp,
    user_name::UserName,
};

/// Names the pair: a hash, so that a password typed in the wrong place is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptsId([u8; 16]);

impl AttemptsId {
    /// The id of logins of `name` at `client`.
    pub fn of(client: &ClientId, name: &UserName) -> Self {
        Self::hash("jeton attempts", client, name.as_str())
    }

    /// The id of logins with a text that is nobody's name, so that it is treated like any other.
    pub fn of_no_name(client: &ClientId, text: &str) -> Self {
        Self::hash("jeton attempts without a name", client, text)
    }

    fn hash(kind: &str, client: &ClientId, name: &str) -> Self {
        let mut hash = Sha256::new();
        for field in [kind, client.as_str(), name] {
            hash_field(&mut hash, field.as_bytes());
        }
        let digest: [u8; 32] = hash.finalize().into();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self(bytes)
    }

    /// An id from its stored bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes that are stored.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads the text of an id; `None` when it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        base62::decode(text.as_bytes()).map(Self)
    }
}

impl fmt::Display for AttemptsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(base62::text_len(self.0.len()));
        base62::encode_into(&self.0, &mut text);
        f.write_str(&text)
    }
}

/// The client and the user of some logins. Never the name that was typed: people type passwords
/// where names go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptsOf {
    /// The client that asked.
    pub client: ClientId,
    /// The user of that name; `None` when there was none.
    pub user: Option<UserId>,
}

/// The failures since the last success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// Id of the record.
    #[serde(skip, default = "unnamed")]
    pub id: AttemptsId,
    /// Number of failures in a row.
    pub failures: u32,
    /// When the last one was.
    pub last_failure: Timestamp,
    /// Those that are being checked; always none where one process has the store to itself. Written
    /// behind the others, and only where there are some.
    #[serde(skip)]
    pub under_way: UnderWay,
    /// The client and the user; `None` in records of earlier releases.
    #[serde(skip)]
    pub of: Option<AttemptsOf>,
}

/// Logins that have begun to be checked, and whose end is not written down yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnderWay {
    /// Number of checks under way.
    pub count: u32,
    /// When the last one began.
    pub last_begin: Timestamp,
}

impl UnderWay {
    /// One fewer.
    pub(super) fn ended(self) -> Self {
        match self.count {
            0 | 1 => Self::default(),
            count => Self { count: count - 1, ..self },
        }
    }
}

/// The record's key names it; the decoder puts it in place of this.
const fn unnamed() -> AttemptsId {
    AttemptsId::from_bytes([0; 16])
}
