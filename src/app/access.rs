//! Finds data, keys and private keys of TLS that other users can reach, before a start.

use std::{
    fmt,
    fs::{self, Metadata},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use rustix::process::geteuid;

use crate::config::Settings;

/// Access of other users to a directory or a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Everybody on the machine can replace the files in a directory of this user's, which is never
    /// meant.
    Everybody,
    /// Other users can list it, or more.
    Others,
    /// It belongs to another user, who has full access.
    Foreign,
    /// Other users can read a file.
    Readable,
    /// Everybody on the machine can put another directory in its place.
    Moved,
}

/// Something that others can reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Exposure {
    kind: Kind,
    what: &'static str,
    path: PathBuf,
    mode: u32,
}

impl Exposure {
    /// Returns whether a server must not start so.
    pub(super) const fn is_error(&self) -> bool {
        matches!(self.kind, Kind::Everybody)
    }

    /// Returns the command or change that mends it.
    pub(super) fn remedy(&self) -> String {
        let path = self.path.display();
        match self.kind {
            Kind::Everybody | Kind::Others => format!("chmod 700 {path}"),
            Kind::Foreign => "give it to the user that serves".to_owned(),
            Kind::Readable => format!("chmod 600 {path}"),
            Kind::Moved => format!("chmod o-w {path}, or chmod +t {path}"),
        }
    }
}

/// One line, without the remedy.
impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, path, mode) = (self.what, self.path.display(), self.mode);
        match self.kind {
            Kind::Everybody => {
                write!(f, "{what} {path} can be replaced by everybody here (mode {mode:o})")
            }
            Kind::Others => write!(f, "{what} {path} is open to others (mode {mode:o})"),
            Kind::Foreign => write!(f, "{what} {path} belongs to another user"),
            Kind::Readable => write!(f, "{what} {path} can be read by others (mode {mode:o})"),
            Kind::Moved => write!(
                f,
                "{what} lies below {path}, where everybody here can put another in its place (mode \
                 {mode:o})"
            ),
        }
    }
}

/// Returns the paths in `settings` that others can reach. A path that does not exist yet will be
/// made for this user alone.
pub(super) fn exposures(settings: &Settings) -> Vec<Exposure> {
    let user = geteuid().as_raw();
    let data = Some(&settings.store.path).filter(|_| settings.store.url.is_none());
    let directories = [("the data directory", data), ("the key ring", Some(&settings.keys.path))];
    let directories = directories.into_iter().filter_map(|(what, path)| Some((what, path?)));
    let directories = directories.flat_map(|(what, path)| {
        [directory(what, path, user), above(what, path)].into_iter().flatten()
    });
    let key = settings.tls.as_ref().and_then(|tls| private_key(&tls.key, user));
    directories.chain(key).collect()
}

fn directory(what: &'static str, path: &Path, user: u32) -> Option<Exposure> {
    let found = fs::metadata(path).ok().filter(Metadata::is_dir)?;
    let kind = of_directory(found.uid(), found.mode(), user)?;
    Some(Exposure { kind, what, path: path.to_owned(), mode: found.mode() & 0o7777 })
}

/// Returns the fault of the directory at `path` if everybody can replace files in it.
pub(super) fn replaceable(what: &'static str, path: &Path) -> Option<Exposure> {
    directory(what, path, geteuid().as_raw()).filter(Exposure::is_error)
}

/// The nearest directory above `path` where everybody may rename what lies in it. Kubernetes has volumes
/// of this mode, which no other container sees: it is no error.
fn above(what: &'static str, path: &Path) -> Option<Exposure> {
    let path = std::path::absolute(path).ok()?;
    // A path that does not exist yet will be made in the nearest directory that does.
    let nearest = path.ancestors().find_map(|path| fs::canonicalize(path).ok())?;
    let itself = fs::symlink_metadata(&path).is_ok();
    nearest.ancestors().skip(itself.into()).find_map(|above| {
        let mode = fs::metadata(above).ok()?.mode() & 0o7777;
        let open = mode & 0o1002 == 0o002;
        open.then(|| Exposure { kind: Kind::Moved, what, path: above.to_owned(), mode })
    })
}

/// A directory of root's may be open to its group: that is how Kubernetes hands volumes over
/// (`fsGroup`). In one with the sticky bit nobody replaces what is another's.
fn of_directory(owner: u32, mode: u32, user: u32) -> Option<Kind> {
    let (everybody, sticky) = (mode & 0o002 != 0, mode & 0o1000 != 0);
    let handed_over = owner == 0 && user != 0;
    if everybody && !sticky {
        return Some(if owner == user { Kind::Everybody } else { Kind::Others });
    }
    if owner != user && owner != 0 {
        return Some(Kind::Foreign);
    }
    (!handed_over && mode & 0o077 != 0).then_some(Kind::Others)
}

fn private_key(path: &Path, user: u32) -> Option<Exposure> {
    let found = fs::metadata(path).ok()?;
    let handed_over = found.uid() == 0 && user != 0;
    let mode = found.mode() & 0o777;
    let exposed = mode & if handed_over { 0o037 } else { 0o077 } != 0;
    let what = "the private key of TLS";
    exposed.then(|| Exposure { kind: Kind::Readable, what, path: path.to_owned(), mode })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: u32 = 1000;

    #[test]
    fn what_is_meant_is_left_alone_and_what_cannot_be_is_an_error() {
        for (owner, mode, expected) in [
            (ME, 0o700, None),
            (ME, 0o755, Some(Kind::Others)),
            (ME, 0o775, Some(Kind::Others)),
            (ME, 0o777, Some(Kind::Everybody)),
            (ME, 0o2777, Some(Kind::Everybody)),
            (ME, 0o1777, Some(Kind::Others)),
            (0, 0o755, None),
            (0, 0o2775, None),
            (0, 0o3777, None),
            (0, 0o777, Some(Kind::Others)),
            (7, 0o700, Some(Kind::Foreign)),
            (7, 0o777, Some(Kind::Others)),
        ] {
            assert_eq!(of_directory(owner, mode, ME), expected, "{owner} {mode:o}");
        }
        assert_eq!(of_directory(0, 0o2775, 0), Some(Kind::Others));
        assert_eq!(of_directory(0, 0o777, 0), Some(Kind::Everybody));
    }
}
