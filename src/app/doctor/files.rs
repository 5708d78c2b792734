//! Settings file, data directory, key ring and audit file: whose they are, and who else can read them.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{self as posix, Access},
    process::geteuid,
};

use super::{
    super::{KeyFiles, StartError, access::exposures, named_keys::NamedKeys, open::refuse_foreign},
    finding::Findings,
};
use crate::{
    config::{AuditSettings, Settings, Warning},
    domain::key_ring::KeyId,
    store::sled::{SledStore, look},
    telemetry::LogError,
};

/// Reports faults of the settings file, and of the files that it names, as far as reading them has
/// shown.
pub(super) fn settings(config: &Path, warnings: &[Warning], findings: &mut Findings) {
    let mut exposed = false;
    for warning in warnings {
        if let Warning::Exposed { path } = warning {
            exposed = true;
            let found = format!("{} holds secrets and others can read it", path.display());
            findings.warn("settings", found, format!("chmod 600 {}", path.display()));
        }
    }
    if !exposed {
        findings.good("settings", format!("{} can be used", config.display()));
    }
}

/// Checks that root does not run this for a server of another user: root's rights prove nothing
/// about that user.
pub(super) fn user(settings: &Settings, findings: &mut Findings) {
    let paths = [&settings.store.path, &settings.keys.path];
    let owner = paths.into_iter().find_map(|path| fs::metadata(path).ok()).map(|file| file.uid());
    if let Some(owner) = owner.filter(|owner| *owner != 0 && geteuid().is_root()) {
        let found = format!("root looks at what belongs to user {owner}, and may do everything");
        let remedy = format!("run it as that user: setpriv --reuid {owner} --clear-groups");
        findings.warn("user", found, remedy);
    }
}

/// Checks the data directory. Returns whether a server has it open.
pub(super) fn store(path: &Path, findings: &mut Findings) -> bool {
    let shown = path.display();
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            absent("store", path, findings);
            return false;
        }
        Err(error) => {
            let error = StartError::Store { path: shown.to_string(), error: error.into() };
            findings.error("store", error.to_string(), "make it readable");
            return false;
        }
        Ok(file) if !file.is_dir() => {
            findings.error("store", format!("{shown} is no directory"), "name another");
            return false;
        }
        Ok(_) => {}
    }
    let serving = is_locked(&path.join("lock"));
    if serving {
        findings.good("store", format!("{shown} holds a store, in use by a server"));
        return true;
    }
    match look(path) {
        Ok(()) if SledStore::exists(path) => {
            findings.good("store", format!("{shown} holds a store, in use by nobody"));
        }
        Ok(()) => {
            let found = format!("{shown} is empty: a start makes a new store in it");
            findings.good("store", found);
        }
        Err(error) => {
            let error = StartError::Store { path: shown.to_string(), error };
            let remedy = "give it to the user that serves, or see docs/operating.md";
            findings.error("store", error.to_string(), remedy);
        }
    }
    false
}

/// The key ring, which a start needs unless there is no store yet.
pub(super) fn keys(settings: &Settings, findings: &mut Findings) {
    let (path, store) = (&settings.keys.path, &settings.store.path);
    let shown = path.display();
    let embedded = settings.store.url.is_none();
    match KeyFiles::new(path).load() {
        Err(error) => {
            let error = StartError::from(error).to_string();
            findings.error("keys", error, "mend it, or restore the key ring");
        }
        Ok(Some(ring)) => {
            let (count, active) = (ring.ids().count(), ring.active().id());
            findings.good("keys", format!("{shown} holds {count}, {active} is active"));
            let named = if embedded { NamedKeys::read(store) } else { Vec::new() };
            compare(&named, &ring.ids().collect::<Vec<_>>(), findings);
        }
        Ok(None) if embedded && SledStore::exists(store) => {
            let found = StartError::ForeignKeys.to_string();
            findings.error("keys", found, "restore the key ring, or correct keys.path");
        }
        Ok(None) => absent("keys", path, findings),
    }
    if settings.store.url.is_none() && resolved(path).starts_with(resolved(store)) {
        let found = format!("{shown} lies in the data directory: a copy of one is a copy of both");
        findings.warn("keys", found, "move it elsewhere and change keys.path");
    }
}

/// The keys that records name, beside those of the ring.
pub(super) fn compare(named: &[KeyId], held: &[KeyId], findings: &mut Findings) {
    if let Err(error) = refuse_foreign(named, held) {
        findings.error("keys", error.to_string(), "restore the key ring, or correct keys.path");
        return;
    }
    for id in named.iter().filter(|id| !held.contains(id)) {
        let found = format!("the key ring lacks the key {id} that records name");
        findings.warn("keys", found, "copy it to the ring: its tokens are UNAVAILABLE without it");
    }
}

/// The audit's file, if it has one: opened as a start opens it, but not made.
pub(super) fn audit(audit: &AuditSettings, findings: &mut Findings) {
    let AuditSettings::File(path) = audit else { return };
    let opened = if path.exists() {
        File::options().append(true).open(path).map(drop)
    } else {
        let writable = posix::access(parent(path), Access::WRITE_OK | Access::EXEC_OK);
        writable.map_err(io::Error::from)
    };
    match opened {
        Ok(()) => findings.good("audit", format!("{} can be written", path.display())),
        Err(error) => {
            let error = LogError::Audit { path: path.clone(), error };
            findings.error("audit", error.to_string(), "give it to the user that serves");
        }
    }
}

/// A directory that a start would make.
fn absent(subject: &'static str, path: &Path, findings: &mut Findings) {
    let nearest = path.ancestors().skip(1).map(or_here).find(|parent| parent.exists());
    let nearest = nearest.unwrap_or_else(|| PathBuf::from("/"));
    let shown = path.display();
    match posix::access(&nearest, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => findings.good(subject, format!("{shown} is not there: a start makes it")),
        Err(error) => {
            let found = format!("{shown} cannot be made in {}: {error}", nearest.display());
            findings.error(subject, found, "make it, for the user that serves");
        }
    }
}

/// Reports data, keys and the private key of TLS that others can reach.
pub(super) fn access(settings: &Settings, findings: &mut Findings) {
    let exposures = exposures(settings);
    if exposures.is_empty() {
        findings.good("access", "nobody else can change data or keys, or read a private key");
    }
    for exposure in exposures {
        let (found, remedy) = (exposure.to_string(), exposure.remedy());
        if exposure.is_error() {
            findings.error("access", found, remedy);
        } else {
            findings.warn("access", found, remedy);
        }
    }
}

/// Returns whether a process holds the lock. A lock that cannot be opened counts as free: its owner
/// has a finding already.
fn is_locked(lock: &Path) -> bool {
    let locked = File::open(lock).map(|file| file.try_lock());
    matches!(locked, Ok(Err(TryLockError::WouldBlock)))
}

/// The directory of a file.
fn parent(path: &Path) -> PathBuf {
    or_here(path.parent().unwrap_or(path))
}

/// The empty path is the working directory.
fn or_here(path: &Path) -> PathBuf {
    if path.as_os_str().is_empty() { ".".into() } else { path.into() }
}

/// Without links, as far as there is something.
fn resolved(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}
