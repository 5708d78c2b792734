//! The backup file: every record of a store of any engine, compressed, with a checksum over
//! everything.
//!
//! | bytes | what |
//! |---|---|
//! | 16 | the file's name and format version, in the clear |
//! | … | one raw deflate stream (RFC 1951) of frames: a header, entries, a trailer |
//! | 32 | SHA-256 of all bytes before |
//!
//! A frame is a letter, the length of the payload as four bytes, most significant first, and the
//! payload. An entry is a key that records may name (never the key's bytes), a record, or a note
//! that a record was deleted. Of several entries for one record the last one holds. Records have
//! their stored form, which every later release reads.
//!
//! The checksum finds damage, not forgery: a writer of the file can compute a new checksum.

mod body;
mod checksum;
mod frame;
mod reader;
mod restore;
mod writer;

use std::io;

use thiserror::Error;

pub use self::{
    checksum::PassingChecksum,
    reader::BackupReader,
    restore::{Grants, RestoreError, Restored, restore},
    writer::BackupWriter,
};
use super::StoreId;
use crate::domain::{
    client::Client, client_id::ClientId, grant::Grant, key_ring::KeyId,
    signing_register::NeededKey, subject::UserId, time::Timestamp, user::User,
};

/// Version of the file that is written. Older versions are read.
pub const FORMAT: u8 = 1;

/// The origin of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The id of the store that was backed up.
    pub store_id: StoreId,
    /// Time at which the backup began. Everything acknowledged before is in it.
    pub begin_time: Timestamp,
}

/// One item of a store.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// A key that records may name.
    Key(KeyId),
    /// A signing key that signed something that could be good.
    SigningKey(NeededKey),
    /// A client.
    Client(Client),
    /// A user.
    User(User),
    /// A grant.
    Grant(Grant),
    /// A client, earlier in the file, that was deleted meanwhile.
    NoClient(ClientId),
    /// A user, earlier in the file, that was deleted meanwhile.
    NoUser(UserId),
}

/// Numbers of the entries in a backup, by type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Number of clients, each counted once.
    pub clients: u64,
    /// Number of users, each counted once.
    pub users: u64,
    /// Number of grants, each counted once, including ended ones.
    pub grants: u64,
    /// Number of keys that records may name.
    pub keys: u64,
    /// Number of entries that repeat a record because it changed while the backup was made.
    pub repeats: u64,
}

impl Counts {
    /// Returns the number of all records, without repeats.
    pub fn records(&self) -> u64 {
        self.clients + self.users + self.grants
    }
}

/// Contents of a complete backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The backup's header.
    pub header: Header,
    /// Everything that had ended at this time is ended in the backup.
    pub end_time: Timestamp,
    /// Numbers of the entries.
    pub counts: Counts,
    /// Keys that the backup's records may name.
    pub keys: Vec<KeyId>,
}

/// The reason for a rejected file.
#[derive(Debug, Error)]
pub enum BackupError {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// The file is of another kind.
    #[error("is not a jeton backup")]
    NotABackup,
    /// The file was written by a newer release.
    #[error("has format {found}, this release knows {FORMAT}: run the newer release")]
    Newer {
        /// The format version of the file.
        found: u8,
    },
    /// Something is missing, changed or added. The text names the first fault; nothing in the file
    /// can be trusted.
    #[error("is damaged: {0}")]
    Damaged(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{client_id::ClientId, entropy::Entropy, user_name::UserName},
        store::{Record, Records, Store as _, Stored, conformance, memory::MemoryStore},
    };

    struct Nines;

    impl Entropy for Nines {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(9);
        }
    }

    const BEGIN: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const END: Timestamp = Timestamp::from_millis(1_800_000_001_000);
    const LATER: Timestamp = Timestamp::from_millis(1_800_000_002_000);
    const HEADER: Header = Header { store_id: [9; 16], begin_time: BEGIN };

    async fn get<R: Record>(records: &impl Records<R>, key: &R::Key) -> Option<Stored<R>> {
        records.get(key).await.expect("a read")
    }

    fn user(number: u8, name: &str) -> User {
        User { name: UserName::parse(name).expect("a name"), ..conformance::user(number) }
    }

    fn written(added: impl IntoIterator<Item = Entry>, repeated: &[Entry]) -> Vec<u8> {
        let mut writer = BackupWriter::new(HEADER);
        let mut bytes = Vec::new();
        for entry in added {
            writer.add(entry);
            bytes.extend(writer.take());
        }
        for entry in repeated {
            writer.repeat(entry.clone());
        }
        bytes.extend(writer.take());
        bytes.extend(writer.finish(END));
        bytes
    }

    fn small() -> Vec<u8> {
        let grants = [3, 4].map(conformance::grant).map(Entry::Grant);
        let first = [
            Entry::Key(KeyId::from_bytes([5; 4])),
            Entry::Client(conformance::client(1)),
            Entry::User(conformance::user(2)),
        ];
        written(first.into_iter().chain(grants), &[])
    }

    fn reader(bytes: &[u8]) -> Result<BackupReader<&[u8]>, BackupError> {
        BackupReader::new(bytes)
    }

    fn verify(bytes: &[u8]) -> Result<Summary, BackupError> {
        reader(bytes)?.verify()
    }

    async fn restored(bytes: &[u8], grants: Grants) -> Result<MemoryStore, RestoreError> {
        let store = MemoryStore::new();
        restore(reader(bytes)?, &store, grants, &Nines, LATER).await?;
        Ok(store)
    }

    #[test]
    fn what_was_written_is_read_back_in_order_and_summed_up() {
        let bytes = small();
        let mut reader = reader(&bytes).expect("a backup");
        let mut entries = Vec::new();
        while let Some(entry) = reader.next_entry().expect("an entry") {
            entries.push(entry);
        }
        assert_eq!(entries.len(), 5);
        assert_eq!(entries[3], Entry::Grant(conformance::grant(3)));
        let summary = reader.verify().expect("a summary");
        let counts = Counts { clients: 1, users: 1, grants: 2, keys: 1, repeats: 0 };
        let keys = vec![KeyId::from_bytes([5; 4])];
        assert_eq!(summary, Summary { header: HEADER, end_time: END, counts, keys });
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let bytes = small();
        verify(&bytes).expect("whole");
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                assert!(verify(&flipped).is_err(), "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn every_truncation_and_every_addition_is_noticed() {
        let bytes = small();
        for length in 0..bytes.len() {
            assert!(verify(&bytes[..length]).is_err(), "{length} bytes");
        }
        for byte in [0, 0xff] {
            assert!(verify(&[bytes.as_slice(), &[byte]].concat()).is_err());
        }
        assert!(verify(&[bytes.as_slice(), &bytes].concat()).is_err());
    }

    #[test]
    fn the_checksum_of_what_streams_by_is_right_for_the_whole_alone() {
        let bytes = small();
        let passed = |bytes: &[u8], size| {
            let mut checksum = PassingChecksum::default();
            bytes.chunks(size).for_each(|piece| checksum.update(piece));
            checksum.is_right()
        };
        for size in [1, 31, 32, 33, bytes.len()] {
            assert!(passed(&bytes, size));
            assert!(!passed(&bytes[..bytes.len() - 1], size) && !passed(&bytes[1..], size));
        }
        assert!(!passed(&[], 1));
    }

    #[test]
    fn other_files_and_newer_formats_are_told_apart_from_damage() {
        let other = verify(&[7; 500]);
        assert!(matches!(other, Err(BackupError::NotABackup)));
        let mut newer = small();
        newer[15] = FORMAT + 1;
        assert!(matches!(verify(&newer), Err(BackupError::Newer { found: 2 })));
    }

    #[tokio::test]
    async fn a_restored_store_holds_the_last_state_of_each_record_and_nothing_deleted() {
        let mut changed = conformance::client(1);
        changed.disabled = true;
        let grant = conformance::grant(3);
        let ended = grant.ended(crate::domain::grant::EndCause::Revoked, END);
        let added = [
            Entry::Client(conformance::client(1)),
            Entry::Client(conformance::client(2)),
            Entry::User(conformance::user(4)),
            Entry::Grant(grant),
            Entry::Key(KeyId::from_bytes([5; 4])),
        ];
        let gone = ClientId::parse("client-2").expect("an id");
        let repeated = [
            Entry::Client(changed.clone()),
            Entry::NoClient(gone.clone()),
            Entry::NoUser(conformance::user(4).id),
            Entry::Grant(ended.clone()),
        ];
        let bytes = written(added, &repeated);
        let store = restored(&bytes, Grants::Keep).await.expect("restored");
        let client = get::<Client>(&store, &changed.id).await.expect("a client");
        assert_eq!(*client, changed);
        assert!(get::<Client>(&store, &gone).await.is_none());
        assert!(get::<User>(&store, &conformance::user(4).id).await.is_none());
        assert_eq!(*get::<Grant>(&store, &ended.id).await.expect("it"), ended);
        assert_eq!(store.key_ids().await, Ok(vec![KeyId::from_bytes([5; 4])]));
    }

    #[tokio::test]
    async fn without_keeping_grants_every_epoch_moves_and_no_key_is_needed() {
        let bytes = small();
        let store = restored(&bytes, Grants::End).await.expect("restored");
        let client = conformance::client(1);
        let found = get::<Client>(&store, &client.id).await.expect("the client");
        assert_ne!(found.epoch, client.epoch);
        assert_eq!((found.update_time, &found.allowed_scopes), (LATER, &client.allowed_scopes));
        let user = conformance::user(2);
        let found = get::<User>(&store, &user.id).await.expect("the user");
        assert_ne!(found.epoch, user.epoch);
        assert!(store.key_ids().await.is_ok_and(|keys| keys.is_empty()));
    }

    #[tokio::test]
    async fn users_who_exchanged_their_names_meanwhile_are_restored() {
        let added = [user(1, "x"), user(2, "y"), user(3, "z"), user(4, "x")].map(Entry::User);
        let repeated = [user(1, "y"), user(2, "z"), user(3, "w")].map(Entry::User);
        let bytes = written(added, &repeated);
        let store = restored(&bytes, Grants::Keep).await.expect("restored");
        for (number, name) in [(1, "y"), (2, "z"), (3, "w"), (4, "x")] {
            let name = UserName::parse(name).expect("a name");
            let found = store.user_by_name(&name).await.expect("a read").expect("a user");
            assert_eq!(found.id, user(number, "any").id);
        }
        let twice = written([user(1, "x"), user(2, "x")].map(Entry::User), &[]);
        let refused = restored(&twice, Grants::Keep).await;
        assert!(matches!(refused, Err(RestoreError::Backup(BackupError::Damaged(_)))));
    }
}
