//! Encodes frames as bytes, each with a letter for its type.

use super::{BackupError, Counts, Entry, FORMAT, Header};
use crate::{
    domain::{
        client::Client, key_ring::KeyId, signing_key_id::SigningKeyId, signing_register::NeededKey,
        time::Timestamp, user::User,
    },
    store::{MAX_RECORD_BYTES, Record},
};

/// First bytes of the file, before its format version.
const NAME: &[u8; 15] = b"jeton backup\r\n\x00";
/// Number of bytes before the compressed frames.
pub(super) const MAGIC_BYTES: usize = NAME.len() + 1;
/// Number of bytes before a frame's payload.
pub(super) const HEAD_BYTES: usize = 5;
/// Maximum length of a payload: a record of the largest size with its key.
pub(super) const MAX_PAYLOAD_BYTES: usize = MAX_RECORD_BYTES + (1 << 10);

const HEADER: u8 = b'H';
const KEY: u8 = b'K';
/// A signing key: an older release refuses a backup with one.
const SIGNING_KEY: u8 = b'S';
const CLIENT: u8 = b'C';
const USER: u8 = b'U';
const GRANT: u8 = b'G';
const NO_CLIENT: u8 = b'c';
const NO_USER: u8 = b'u';
const TRAILER: u8 = b'T';

/// Returns the file's first bytes.
pub(super) fn magic() -> [u8; MAGIC_BYTES] {
    let mut magic = [FORMAT; MAGIC_BYTES];
    magic[..NAME.len()].copy_from_slice(NAME);
    magic
}

/// Checks the file's first bytes.
pub(super) fn check_magic(bytes: &[u8; MAGIC_BYTES]) -> Result<(), BackupError> {
    match bytes.split_last() {
        Some((&FORMAT, name)) if name == NAME => Ok(()),
        Some((&found, name)) if name == NAME && found > FORMAT => Err(BackupError::Newer { found }),
        Some(_) | None => Err(BackupError::NotABackup),
    }
}

/// A frame: the header, an entry or the trailer.
#[expect(clippy::large_enum_variant, reason = "one at a time, and most are the largest")]
pub(super) enum Frame {
    Header(Header),
    Entry(Entry),
    Trailer { end_time: Timestamp, counts: Counts },
}

impl Frame {
    /// Appends the frame to `out`.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Header(header) => {
                let time = header.begin_time.as_millis().to_be_bytes();
                put(out, HEADER, &[&header.store_id, &time]);
            }
            Self::Entry(Entry::Key(id)) => put(out, KEY, &[id.as_bytes()]),
            Self::Entry(Entry::SigningKey(NeededKey { key, until })) => {
                let until = until.as_millis().to_be_bytes();
                put(out, SIGNING_KEY, &[key.as_bytes(), &until]);
            }
            Self::Entry(Entry::Client(client)) => put_record(out, CLIENT, client),
            Self::Entry(Entry::User(user)) => put_record(out, USER, user),
            Self::Entry(Entry::Grant(grant)) => put_record(out, GRANT, grant),
            Self::Entry(Entry::NoClient(id)) => put(out, NO_CLIENT, &[Client::key_bytes(id)]),
            Self::Entry(Entry::NoUser(id)) => put(out, NO_USER, &[User::key_bytes(id)]),
            Self::Trailer { end_time, counts } => {
                let Counts { clients, users, grants, keys, repeats } = *counts;
                let numbers = [end_time.as_millis(), clients, users, grants, keys, repeats];
                put(
                    out,
                    TRAILER,
                    &numbers.map(u64::to_be_bytes).each_ref().map(<[u8; 8]>::as_slice),
                );
            }
        }
    }

    /// Decodes a frame from its letter and payload.
    pub(super) fn read(letter: u8, payload: &[u8]) -> Result<Self, BackupError> {
        let entry = match letter {
            HEADER => return Ok(Self::Header(header(payload)?)),
            TRAILER => return trailer(payload),
            KEY => {
                let id = payload.try_into().map(KeyId::from_bytes);
                Entry::Key(id.map_err(|_| BackupError::Damaged("a key's name is unreadable"))?)
            }
            SIGNING_KEY => Entry::SigningKey(signing_key(payload).ok_or(UNREADABLE)?),
            CLIENT => Entry::Client(record(payload)?),
            USER => Entry::User(record(payload)?),
            GRANT => Entry::Grant(record(payload)?),
            NO_CLIENT => Entry::NoClient(Client::parse_key(payload).map_err(|_| UNREADABLE)?),
            NO_USER => Entry::NoUser(User::parse_key(payload).map_err(|_| UNREADABLE)?),
            _ => return Err(BackupError::Damaged("it holds an unknown kind of entry")),
        };
        Ok(Self::Entry(entry))
    }
}

const UNREADABLE: BackupError = BackupError::Damaged("a record is unreadable");

fn put(out: &mut Vec<u8>, letter: u8, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let length = u32::try_from(length).expect("a record is at most MAX_RECORD_BYTES long");
    out.push(letter);
    out.extend(length.to_be_bytes());
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// Appends a record's payload: the length of its key as two bytes, the key, the record.
fn put_record<R: Record>(out: &mut Vec<u8>, letter: u8, record: &R) {
    let key = record.key();
    let key = R::key_bytes(&key);
    let key_bytes = u16::try_from(key.len()).expect("keys are short");
    put(out, letter, &[&key_bytes.to_be_bytes(), key, &record.encode()]);
}

fn record<R: Record>(payload: &[u8]) -> Result<R, BackupError> {
    let (length, rest) = payload.split_first_chunk().ok_or(UNREADABLE)?;
    let split = rest.split_at_checked(u16::from_be_bytes(*length).into());
    let (key, body) = split.ok_or(UNREADABLE)?;
    let key = R::parse_key(key).map_err(|_| UNREADABLE)?;
    R::decode(&key, body).map_err(|_| UNREADABLE)
}

/// Reads a key's name and a time.
fn signing_key(payload: &[u8]) -> Option<NeededKey> {
    let (key, until) = payload.split_first_chunk()?;
    let until = Timestamp::from_millis(u64::from_be_bytes(until.try_into().ok()?));
    Some(NeededKey { key: SigningKeyId::from_bytes(*key), until })
}

fn header(payload: &[u8]) -> Result<Header, BackupError> {
    let damaged = BackupError::Damaged("its header is unreadable");
    let Some((store_id, time)) = payload.split_first_chunk() else { return Err(damaged) };
    let Ok(time) = time.try_into().map(u64::from_be_bytes) else { return Err(damaged) };
    Ok(Header { store_id: *store_id, begin_time: Timestamp::from_millis(time) })
}

fn trailer(payload: &[u8]) -> Result<Frame, BackupError> {
    let (numbers, rest) = payload.as_chunks();
    let numbers: Vec<_> = numbers.iter().copied().map(u64::from_be_bytes).collect();
    let (&[end_time, clients, users, grants, keys, repeats], []) = (&*numbers, rest) else {
        return Err(BackupError::Damaged("its trailer is unreadable"));
    };
    let end_time = Timestamp::from_millis(end_time);
    Ok(Frame::Trailer { end_time, counts: Counts { clients, users, grants, keys, repeats } })
}
