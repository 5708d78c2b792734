//! The names that the last start found declared, in a file beside the store: a check reads it while a
//! server has the store open.

use std::{collections::BTreeSet, io, path::Path};

use crate::{
    config::{DeclaredClient, DeclaredUser, RegularFile, Settings},
    store::new_file,
};

const FILE: &str = "declared";
/// Most bytes that are read: a hundred thousand names.
const MAX_BYTES: u64 = 16 << 20;

/// Writes the list, if it is another than before.
pub(super) fn put(directory: &Path, settings: &Settings) -> io::Result<()> {
    let mut text = names(settings).into_iter().collect::<Vec<_>>().join("\n");
    text.push('\n');
    let before = RegularFile::read(&directory.join(FILE), MAX_BYTES);
    if before.is_ok_and(|before| *before.bytes == *text.as_bytes()) {
        return Ok(());
    }
    new_file::replace(directory, FILE, text.as_bytes())
}

/// The clients and users that the last start found declared and that `settings` do not declare, such as
/// `client orders`. None where there is no list.
pub fn left_out(settings: &Settings) -> Vec<String> {
    if settings.store.url.is_some() {
        return Vec::new();
    }
    let Ok(file) = RegularFile::read(&settings.store.path.join(FILE), MAX_BYTES) else {
        return Vec::new();
    };
    let declared = names(settings);
    let text = String::from_utf8_lossy(&file.bytes).into_owned();
    let before = text.lines().filter(|line| !line.is_empty() && !declared.contains(*line));
    before.map(str::to_owned).collect()
}

fn names(settings: &Settings) -> BTreeSet<String> {
    let clients = settings.clients.iter().map(|DeclaredClient { id, .. }| format!("client {id}"));
    let users = settings.users.iter().map(|DeclaredUser { name, .. }| format!("user {name}"));
    clients.chain(users).collect()
}
