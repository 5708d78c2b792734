//! Commands to the committer.

use tokio::sync::oneshot;

use super::index::{ExpiryEntry, Indexed};
use crate::{
    domain::{
        attempts::Attempts,
        client::Client,
        grant::Grant,
        key_ring::KeyId,
        signing_register::{SigningChange, SigningStanding},
        time::Timestamp,
        used_assertion::UsedAssertion,
        user::User,
    },
    store::{Sequence, Version, Write, WriteError},
};

/// Sender for the outcome of a command.
pub(in crate::store) type Reply<T> = oneshot::Sender<Result<T, WriteError>>;

/// A command to the committer.
pub enum Command {
    Grant(Write<Grant>, Reply<Version>),
    Client(Write<Client>, Reply<Version>),
    User(Write<User>, Reply<Version>),
    Attempts(Write<Attempts>, Reply<Version>),
    Assertion(Write<UsedAssertion>, Reply<Version>),
    /// Moves or drops expiry entries that differ from their grants. Entries of damaged grants move
    /// to the given time.
    Settle(Vec<ExpiryEntry>, Timestamp, Reply<()>),
    /// Trims the oldest events up to this position, at most this number of them.
    Trim(Sequence, usize, Reply<usize>),
    /// Notes that records may name a server key from now on, or that none does.
    SetKey(KeyId, bool, Reply<()>),
    /// Changes the register of signing keys at this time.
    Signing(SigningChange, Timestamp, Reply<SigningStanding>),
    /// Commits the queue, then stops.
    Close,
}

/// A type of record that the committer writes.
pub trait Committed: Indexed {
    /// Returns the command for `write`.
    fn command(write: Write<Self>, reply: Reply<Version>) -> Command;
}

impl Committed for Grant {
    fn command(write: Write<Self>, reply: Reply<Version>) -> Command {
        Command::Grant(write, reply)
    }
}

impl Committed for Client {
    fn command(write: Write<Self>, reply: Reply<Version>) -> Command {
        Command::Client(write, reply)
    }
}

impl Committed for User {
    fn command(write: Write<Self>, reply: Reply<Version>) -> Command {
        Command::User(write, reply)
    }
}

impl Committed for Attempts {
    fn command(write: Write<Self>, reply: Reply<Version>) -> Command {
        Command::Attempts(write, reply)
    }
}

impl Committed for UsedAssertion {
    fn command(write: Write<Self>, reply: Reply<Version>) -> Command {
        Command::Assertion(write, reply)
    }
}
