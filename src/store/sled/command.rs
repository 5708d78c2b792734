//! What the committer is asked to do.

use tokio::sync::oneshot;

use super::index::{ExpiryEntry, Indexed};
use crate::{
    domain::{
        attempts::Attempts, client::Client, grant::Grant, key_ring::KeyId, time::Timestamp,
        user::User,
    },
    store::{Sequence, Version, Write, WriteError},
};

/// Where the outcome of a command goes.
pub(in crate::store) type Reply<T> = oneshot::Sender<Result<T, WriteError>>;

/// What the committer is asked to do.
#[expect(clippy::large_enum_variant, reason = "moved once; a box would cost each write more")]
pub enum Command {
    Grant(Write<Grant>, Reply<Version>),
    Client(Write<Client>, Reply<Version>),
    User(Write<User>, Reply<Version>),
    Attempts(Write<Attempts>, Reply<Version>),
    /// Expiry entries that do not say what their grant says: move or drop them. Those of damaged
    /// grants go to the time that is given.
    Settle(Vec<ExpiryEntry>, Timestamp, Reply<()>),
    /// Forget the oldest events up to this one, so many at most.
    Trim(Sequence, usize, Reply<usize>),
    /// Note whether records may name a server key from now on.
    SetKey(KeyId, bool, Reply<()>),
    /// Commit what is queued, then stop.
    Close,
}

/// A record type that the committer writes.
pub trait Committed: Indexed {
    /// The command that asks for `write`.
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
