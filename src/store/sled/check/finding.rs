//! The possible faults of a store, with their messages.

use std::fmt;

use crate::{domain::key_ring::KeyId, store::Sequence};

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A record does not decode.
    Undecodable {
        /// Name of the record type.
        tree: &'static str,
        /// The record's key.
        key: Box<[u8]>,
    },
    /// A record has a form that this release does not know.
    Newer {
        /// Name of the record type.
        tree: &'static str,
        /// The record's key.
        key: Box<[u8]>,
    },
    /// A record cannot be found by one of its indexes.
    NotIndexed {
        /// Name of the record type.
        tree: &'static str,
        /// The record's key.
        key: Box<[u8]>,
        /// The missing entry.
        entry: Box<[u8]>,
    },
    /// An entry and the record that it names contradict each other.
    Disagrees {
        /// The entry.
        entry: Box<[u8]>,
    },
    /// An entry belongs to no index.
    UnknownEntry {
        /// The entry.
        entry: Box<[u8]>,
    },
    /// Two users have one name, and the index has the other user.
    Namesake {
        /// The user that cannot be found by name.
        key: Box<[u8]>,
    },
    /// An event of the feed is missing.
    FeedGap {
        /// Position of the first missing event.
        missing: Sequence,
    },
    /// An event of the feed does not decode.
    FeedUndecodable {
        /// Position of the event.
        at: Sequence,
    },
    /// A grant names a key that the store does not list.
    KeyNotNoted(KeyId),
    /// A grant names a key that is not in the ring.
    KeyNotHeld(KeyId),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undecodable { tree, key } => write!(f, "{tree}: {} does not decode", Key(key)),
            Self::Newer { tree, key } => {
                write!(f, "{tree}: {} is in the form of a newer release", Key(key))
            }
            Self::NotIndexed { tree, key, entry } => {
                write!(f, "{tree}: {} lacks its index entry {}", Key(key), Key(entry))
            }
            Self::Disagrees { entry } => {
                write!(f, "index: {} names a record that says otherwise", Key(entry))
            }
            Self::UnknownEntry { entry } => write!(f, "index: {} is of no index", Key(entry)),
            Self::Namesake { key } => {
                write!(f, "users: {} bears the name of another user", Key(key))
            }
            Self::FeedGap { missing } => write!(f, "changes: {} is missing", missing.0),
            Self::FeedUndecodable { at } => write!(f, "changes: {} does not decode", at.0),
            Self::KeyNotNoted(id) => write!(f, "key {id}: named by a grant, not listed"),
            Self::KeyNotHeld(id) => write!(f, "key {id}: named by a grant, not in the key ring"),
        }
    }
}

/// Formats bytes as hexadecimal digits.
struct Key<'a>(&'a [u8]);

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
