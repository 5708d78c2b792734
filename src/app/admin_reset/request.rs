//! The files by which a server is asked for a new secret, and answers. They name the client and the hash of
//! its new secret, and never the secret.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use rustix::process::geteuid;

use crate::{
    app::first_admin::{HASH_PREFIX, secret_hash},
    config::RegularFile,
    domain::{client_id::ClientId, client_secret::SecretHash, secret::Secret, time::Timestamp},
    store::new_file,
};

/// The request, in the data directory.
const REQUEST: &str = "admin-reset";
/// Its answer.
const ANSWER: &str = "admin-reset.answer";
/// Answer after success.
const DONE: &str = "done\n";
/// Longest of both.
const MAX_BYTES: u64 = 1024;
/// Greatest age of a request: the command that made an older one has stopped waiting.
const OLDEST: Duration = Duration::from_secs(120);

/// Request to a server.
pub(super) struct Request {
    pub(super) id: ClientId,
    pub(super) hash: SecretHash,
}

impl Request {
    /// Takes the request out of the data directory; `None` where there is none. One that others could have
    /// made, that is older than its maker waits, or that cannot be read is refused, and is gone as well.
    pub(super) fn take(directory: &Path, now: Timestamp) -> Option<Result<Self, String>> {
        let path = directory.join(REQUEST);
        let found = fs::symlink_metadata(&path).ok()?;
        let read =
            if found.is_file() { Self::read(&path, now) } else { Err("it is no file".to_owned()) };
        Some(fs::remove_file(&path).map_err(|error| error.to_string()).and(read))
    }

    fn read(path: &Path, now: Timestamp) -> Result<Self, String> {
        let file = RegularFile::read(path, MAX_BYTES).map_err(|error| error.to_string())?;
        let owner = file.metadata.uid();
        if ![geteuid().as_raw(), 0].contains(&owner) || file.metadata.mode() & 0o022 != 0 {
            return Err("others can have written it".to_owned());
        }
        let made = file.metadata.modified().map_err(|error| error.to_string())?;
        let made = made.duration_since(UNIX_EPOCH).unwrap_or_default();
        if now.since(Timestamp::default().after(made)) > OLDEST {
            return Err("it is too old".to_owned());
        }
        let text = str::from_utf8(&file.bytes).ok().and_then(Self::parse);
        text.ok_or_else(|| "it is none".to_owned())
    }

    fn parse(text: &str) -> Option<Self> {
        let (id, hash) = text.strip_suffix('\n')?.split_once('\n')?;
        let hash = SecretHash::parse_hex(hash.strip_prefix(HASH_PREFIX)?)?;
        Some(Self { id: ClientId::parse_new(id).ok()?, hash })
    }
}

/// Puts a request in the data directory, as a file of its owner's: root asks for a server that is not root.
pub(super) fn put(directory: &Path, id: &ClientId, secret: &Secret) -> io::Result<()> {
    let text = format!("{id}\n{}\n", secret_hash(secret));
    new_file::replace_for_owner(directory, REQUEST, text.as_bytes())
}

/// Takes a request back that was not answered.
pub(super) fn withdraw(directory: &Path) -> io::Result<()> {
    remove(&directory.join(REQUEST))
}

/// Answers that it is done, or why it is not.
pub(super) fn answer(directory: &Path, answer: &Result<(), String>) -> io::Result<()> {
    let text = match answer {
        Ok(()) => DONE.to_owned(),
        Err(why) => format!("{why}\n"),
    };
    new_file::replace(directory, ANSWER, text.as_bytes())
}

/// Takes the answer out of the data directory, if there is one.
pub(super) fn take_answer(directory: &Path) -> io::Result<Option<Result<(), String>>> {
    let path = directory.join(ANSWER);
    // Root reads what the server's user may have put there: nothing through a link.
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
        Ok(found) if found.is_file() => {}
        Ok(_) => return remove(&path).map(|()| None),
    }
    let bytes = RegularFile::read(&path, MAX_BYTES)?.bytes;
    remove(&path)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(Some(if text == DONE { Ok(()) } else { Err(text.trim_end().to_owned()) }))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{File, Permissions},
        os::unix::fs::{PermissionsExt as _, symlink},
    };

    use super::*;
    use crate::{
        app::{SystemClock, new_client_secret},
        domain::time::Clock as _,
    };

    #[test]
    fn a_request_is_read_once_and_answered_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let (place, secret, now) = (directory.path(), new_client_secret(), SystemClock.now());
        let id = ClientId::parse("root").expect("a client id");
        assert!(Request::take(place, now).is_none());
        put(place, &id, &secret).expect("put");
        let text = fs::read_to_string(place.join(REQUEST)).expect("the request");
        assert!(!text.contains(secret.expose()));
        let request = Request::take(place, now).expect("one").expect("a request");
        assert!(request.id == id && request.hash == SecretHash::of(&secret));
        assert!(Request::take(place, now).is_none());

        for told in [Ok(()), Err("the store is busy".to_owned())] {
            answer(place, &told).expect("answered");
            assert_eq!(take_answer(place).expect("read"), Some(told));
            assert_eq!(take_answer(place).expect("read"), None);
        }
    }

    #[test]
    fn a_request_that_others_could_have_made_or_that_is_old_or_none_is_refused_and_gone() {
        let directory = tempfile::tempdir().expect("a directory");
        let (place, path, now) =
            (directory.path(), directory.path().join(REQUEST), SystemClock.now());
        let hash = format!("sha256:{}", "0a".repeat(32));
        let good = format!("root\n{hash}\n");
        let refused = || Request::take(place, now).expect("one").err();
        for text in ["", "root\n", "root", &format!("root\n{hash}"), &format!("jet on\n{hash}\n")] {
            fs::write(&path, text).expect("a file");
            assert_eq!(refused().as_deref(), Some("it is none"), "{text:?}");
        }
        fs::write(&path, &good).expect("a file");
        fs::set_permissions(&path, Permissions::from_mode(0o620)).expect("a mode");
        assert_eq!(refused().as_deref(), Some("others can have written it"));
        fs::write(&path, &good).expect("a file");
        let old = UNIX_EPOCH + Duration::from_secs(1);
        File::options()
            .write(true)
            .open(&path)
            .and_then(|file| file.set_modified(old))
            .expect("old");
        assert_eq!(refused().as_deref(), Some("it is too old"));
        let elsewhere = place.join("elsewhere");
        fs::write(&elsewhere, &good).expect("a file");
        symlink(&elsewhere, &path).expect("a link");
        assert_eq!(refused().as_deref(), Some("it is no file"));
        assert!(Request::take(place, now).is_none());
    }
}
