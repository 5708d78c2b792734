//! Reads sled's trees directly, for data that the store contract does not expose: the names of all
//! records and the contents of the feed.

use std::{fs, io::ErrorKind, path::Path, time::Duration};

use jeton::domain::{change::Change, client::Client, grant::Grant, user::User};
use sled::Db;

use crate::tracked::{Tracked, change_digest};

/// Must equal the segment size of the engine.
const SEGMENT_BYTES: usize = 8 << 20;

/// The engine's trees while the engine is closed.
pub(crate) struct Layout(Db);

impl Layout {
    /// Opens the store of a data directory.
    pub(crate) async fn open(dir: &Path) -> sled::Result<Self> {
        // sled changes its files at an opening, so the seal would not match them.
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

    /// Returns the names of all records.
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

    /// Returns the contents of the feed's tree.
    pub(crate) fn feed(&self) -> sled::Result<Feed> {
        let mut feed = Feed::default();
        let entries = self.0.open_tree("changes")?.iter();
        for entry in entries {
            let (place, value) = entry?;
            match to_place(&place)? {
                EDGE => feed.edge = to_place(&value)?,
                place => {
                    let change = Change::from_bytes(&value).map_err(|_| unreadable("a change"))?;
                    feed.events.push((place, change_digest(&change)));
                }
            }
        }
        Ok(feed)
    }
}

/// Key of the last trimmed position. No event has it.
const EDGE: u64 = 0;

/// The feed as it is stored in its tree.
#[derive(Default)]
pub(crate) struct Feed {
    /// The last event that was trimmed; some events up to it can be left over.
    pub(crate) edge: u64,
    /// Each position with its change, in order.
    pub(crate) events: Vec<(u64, String)>,
}

fn to_place(bytes: &[u8]) -> sled::Result<u64> {
    bytes.try_into().map(u64::from_be_bytes).map_err(|_| unreadable("a place"))
}

fn unreadable(what: &str) -> sled::Error {
    sled::Error::ReportableBug(format!("{what} cannot be read"))
}
