//! A store in memory that fails on command.

use jeton::{
    domain::{client::Client, user::User},
    store::{
        ReadError, Records, Write, WriteError,
        faulty::{FaultyStore, ReadFault, WriteFault},
        memory::MemoryStore,
    },
};

pub(crate) type FailingStore = FaultyStore<MemoryStore>;

/// Operation that fails.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    /// Everything.
    All(ReadError),
    /// Writing only.
    Writes(WriteError),
}

/// From now on this fails, and nothing else.
pub(crate) fn fail(store: &FailingStore, failure: Failure) {
    store.mend();
    let writes = match failure {
        Failure::Writes(error) => error,
        Failure::All(error) => {
            store.plan_reads(move || Some(ReadFault::Fails(error)));
            error.into()
        }
    };
    store.plan_writes(move || Some(WriteFault::Fails(writes)));
}

/// Records that tests put there before the first request.
pub(crate) async fn insert_client(store: &FailingStore, client: Client) {
    Records::<Client>::write(store, Write::Insert(client)).await.expect("a new client");
}

pub(crate) async fn insert_user(store: &FailingStore, user: User) {
    Records::<User>::write(store, Write::Insert(user)).await.expect("a new user");
}
