//! Commit of a directory, as far as git knows it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What goes into the program.
pub(crate) const INPUTS: [&str; 7] =
    ["Cargo.lock", "Cargo.toml", "build", "build.rs", "examples", "proto", "src"];

/// The commit of a directory, with `+changes` where what goes into the program differs from it. There
/// is none without git, and none unless the directory is the top of a repository: an archive that was
/// unpacked within another repository is not that one's.
pub(crate) fn of(directory: &Path) -> Option<String> {
    let top = git(directory, &["rev-parse", "--show-toplevel"])?;
    if fs::canonicalize(top).ok()? != fs::canonicalize(directory).ok()? {
        return None;
    }
    let commit = git(directory, &["rev-parse", "--short=12", "HEAD"])?;
    let status = ["status", "--porcelain", "--untracked-files=no", "--"];
    let changed = !git(directory, &[&status[..], &INPUTS].concat())?.is_empty();
    Some(if changed { format!("{commit}+changes") } else { commit })
}

/// The file that each commit and each checkout adds a line to.
pub(crate) fn log(directory: &Path) -> Option<PathBuf> {
    git(directory, &["rev-parse", "--git-path", "logs/HEAD"]).map(|path| directory.join(path))
}

/// The release and, where it is known, the commit.
pub(crate) fn version(release: &str, commit: &str) -> String {
    if commit.is_empty() { release.to_owned() } else { format!("{release} ({commit})") }
}

fn git(directory: &Path, arguments: &[&str]) -> Option<String> {
    // A build only looks: without this, status would write to the index.
    let mut command = Command::new("git");
    command.arg("--no-optional-locks").arg("-C").arg(directory).args(arguments);
    let output = command.output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
