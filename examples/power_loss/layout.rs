//! A look at sled's trees behind the engine's back: what the store contract has no words for, the
//! names of all records and the content of the feed.

use std::{fs, io::ErrorKind, path::Path, time::Duration};

use jeton::domain::{change::Change, client::Client, grant::Grant, user::User};
use sled::Db;

use crate::tracked::{Tracked, change_digest};

/// Must be what the engine made the store with.
const SEGMENT_BYTES: usize = 8 << 20;

/// The engine's trees, while the engine is closed.
pub(crate) struct Layout(Db);

impl Layout {
    /// Opens the store of a data directory.
    pub(crate) async fn open(dir: &Path) -> sled::Result<Self> {
        // It would not fit what sled makes of its files by opening them.
        match fs::remove_file(dir.join("seal")) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
        let config = sled::Config::default()
            .path(dir.join("store"))
            .segment_size(SEGMENT_BYTES)
            .flush_every_ms(None)
            .use_compression(false);
        let mut attempts = 0;
        // sled's lock outlives the engine by a moment, while its threads finish.
        loop {
            match config.open() {
                Err(sled::Error::Io(_)) if attempts < 2_000 => attempts += 1,
                opened => return opened.map(Self),
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// The names of all records.
    pub(crate) fn names(&self) -> sled::Result<Vec<String>> {
        let mut names = self.names_in::<Grant>("grants")?;
        names.extend(self.names_in::<Client>("clients")?);
        names.extend(self.names_in::<User>("users")?);
        Ok(names)
    }

    fn names_in<R: Tracked>(&self, tree: &str) -> sled::Result<Vec<String>> {
        let keys = self.0.open_tree(tree)?.iter().keys();
        keys.map(|key| {
            let key = R::parse_key(&key?).map_err(|_| unreadable("a key"))?;
            Ok(R::name_of(&key))
        })
        .collect()
    }

    /// The feed: each place with its change.
    pub(crate) fn feed(&self) -> sled::Result<Vec<(u64, String)>> {
        let events = self.0.open_tree("changes")?.iter();
        events
            .map(|event| {
                let (place, change) = event?;
                let place = place.as_ref().try_into().map_err(|_| unreadable("a place"))?;
                let change = Change::from_bytes(&change).map_err(|_| unreadable("a change"))?;
                Ok((u64::from_be_bytes(place), change_digest(&change)))
            })
            .collect()
    }
}

fn unreadable(what: &str) -> sled::Error {
    sled::Error::ReportableBug(format!("{what} cannot be read"))
}
