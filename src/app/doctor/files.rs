//! Settings file, data directory, key ring and audit file: whose they are, and who else can read them.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use rustix::fs::{self as posix, Access};

use super::{
    super::{KeyFiles, access::exposures},
    finding::Findings,
};
use crate::{
    config::{AuditSettings, Settings, Warning},
    store::sled::SledStore,
};

/// The settings file, and those that it names, as far as reading them has told.
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

/// The data directory. Tells whether a server has it open.
pub(super) fn store(path: &Path, findings: &mut Findings) -> bool {
    let shown = path.display();
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            absent("store", path, findings);
            return false;
        }
        Err(error) => {
            findings.error("store", format!("{shown}: {error}"), "make it readable");
            return false;
        }
        Ok(file) if !file.is_dir() => {
            findings.error("store", format!("{shown} is no directory"), "name another");
            return false;
        }
        Ok(_) => {}
    }
    if !SledStore::exists(path) {
        findings.good("store", format!("{shown} is empty: a start makes a new store in it"));
        return false;
    }
    let serving = is_locked(&path.join("lock"));
    let state = if serving { "in use by a server" } else { "in use by nobody" };
    findings.good("store", format!("{shown} holds a store, {state}"));
    serving
}

/// The key ring, which a start needs unless there is no store yet.
pub(super) fn keys(settings: &Settings, findings: &mut Findings) {
    let (path, store) = (&settings.keys.path, &settings.store.path);
    let shown = path.display();
    match KeyFiles::new(path).load() {
        Err(error) => findings.error("keys", error.to_string(), "mend it, or restore the key ring"),
        Ok(Some(ring)) => {
            let (count, active) = (ring.ids().count(), ring.active().id());
            findings.good("keys", format!("{shown} holds {count}, {active} is active"));
        }
        Ok(None) if settings.store.url.is_none() && SledStore::exists(store) => {
            let found = format!("{shown} holds none, and there is a store");
            findings.error("keys", found, "restore the key ring, or correct keys.path");
        }
        Ok(None) => absent("keys", path, findings),
    }
    if settings.store.url.is_none() && resolved(path).starts_with(resolved(store)) {
        let found = format!("{shown} lies in the data directory: a copy of one is a copy of both");
        findings.warn("keys", found, "move it elsewhere and change keys.path");
    }
}

/// The audit's file, if it has one.
pub(super) fn audit(audit: &AuditSettings, findings: &mut Findings) {
    let AuditSettings::File(path) = audit else { return };
    let shown = path.display();
    let target = if path.exists() { path.clone() } else { parent(path) };
    match posix::access(&target, Access::WRITE_OK) {
        Ok(()) => findings.good("audit", format!("{shown} can be written")),
        Err(error) => findings.error(
            "audit",
            format!("{shown} cannot be written: {error}"),
            "give it to the user that serves",
        ),
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

/// What others can reach of data, keys and the private key of TLS.
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

/// Whether a process holds the lock. One that cannot be opened is held by nobody that matters here:
/// the owner has been told of.
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
