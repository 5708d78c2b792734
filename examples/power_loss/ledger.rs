//! The ledger: one line for each attempt, answer and read, written by one write(2) at that moment.
//!
//! | line | meaning |
//! |---|---|
//! | `I id` | the store with this id is open |
//! | `T number name version state change` | a write is about to be tried |
//! | `A number version head` | it was acknowledged, and the feed then went this far |
//! | `C number` | it was refused |
//! | `S name version` | a reader was shown this version |
//! | `O name version state` | an opening showed this, with nothing under way |
//! | `Q key` | a server key is about to be noted |
//! | `K key` | it was acknowledged |
//! | `Y place` | the feed is about to be trimmed up to this place |
//! | `Z place` | it was, and then began behind this place |
//!
//! `-` stands for no value.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
    str::FromStr,
};

use crate::history::{Attempt, History, Outcome};

/// Appends lines to a ledger.
pub(crate) struct LedgerWriter(File);

impl LedgerWriter {
    /// Opens a ledger, or creates it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(path);
        file.map(Self)
    }

    /// Appends a line.
    pub(crate) fn add(&self, line: &str) {
        (&self.0).write_all(format!("{line}\n").as_bytes()).expect("the ledger can be written");
    }
}

/// The contents of a ledger.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The records by name.
    pub(crate) histories: BTreeMap<String, History>,
    /// The id of the store.
    pub(crate) store: Option<String>,
    /// Server keys that may have been noted.
    pub(crate) tried_keys: BTreeSet<String>,
    /// Server keys that were noted.
    pub(crate) noted_keys: BTreeSet<String>,
    /// The highest head of the feed that was seen.
    pub(crate) head: u64,
    /// The position up to which the feed may have been trimmed.
    pub(crate) may_be_trimmed: u64,
    /// The position up to which the feed was trimmed.
    pub(crate) trimmed: u64,
    /// The highest number of an attempted write.
    pub(crate) last_number: u64,
    /// Number of acknowledged writes.
    pub(crate) acknowledged: u64,
    places: HashMap<u64, (String, usize)>,
}

impl Ledger {
    /// Reads a ledger. A missing file is an empty ledger. A last line without its end does not
    /// count as written.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text?,
        };
        let mut ledger = Self::default();
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            ledger
                .take(line.trim_end())
                .ok_or_else(|| io::Error::other(format!("what does this line say: {line}")))?;
        }
        Ok(ledger)
    }

    fn take(&mut self, line: &str) -> Option<()> {
        let mut words = line.split(' ');
        match (words.next()?, words.next()?) {
            ("I", id) => self.store = Some(id.to_owned()),
            ("Q", key) => drop(self.tried_keys.insert(key.to_owned())),
            ("K", key) => drop(self.noted_keys.insert(key.to_owned())),
            ("Y", place) => self.may_be_trimmed = self.may_be_trimmed.max(place.parse().ok()?),
            ("Z", place) => self.trimmed = self.trimmed.max(place.parse().ok()?),
            ("T", number) => {
                let (number, name) = (number.parse().ok()?, words.next()?.to_owned());
                let attempt = Attempt {
                    expected: optional(words.next()?).ok()?,
                    state: optional(words.next()?).ok()?,
                    change: optional(words.next()?).ok()?,
                    behind: self.head,
                    outcome: Outcome::Unknown,
                };
                let place = self.history(&name).begin(attempt);
                self.places.insert(number, (name, place));
                self.last_number = self.last_number.max(number);
            }
            ("A", number) => {
                let version = words.next()?.parse().ok()?;
                self.end(number, Outcome::Done(version))?;
                self.head = self.head.max(words.next()?.parse().ok()?);
                self.acknowledged += 1;
            }
            ("C", number) => self.end(number, Outcome::Refused)?,
            ("S", name) => {
                let version = words.next()?.parse().ok()?;
                self.history(name).promise(version, true);
            }
            ("O", name) => {
                let version: Option<u64> = optional(words.next()?).ok()?;
                let state: Option<String> = optional(words.next()?).ok()?;
                self.history(name).settle(version.zip(state.as_deref()));
            }
            _ => return None,
        }
        Some(())
    }

    fn history(&mut self, name: &str) -> &mut History {
        self.histories.entry(name.to_owned()).or_default()
    }

    fn end(&mut self, number: &str, outcome: Outcome) -> Option<()> {
        let (name, place) = self.places.remove(&number.parse().ok()?)?;
        self.history(&name).end(place, outcome);
        Some(())
    }
}

/// Parses an optional word: `None` for a dash.
fn optional<T: FromStr>(word: &str) -> Result<Option<T>, T::Err> {
    if word == "-" {
        return Ok(None);
    }
    word.parse().map(Some)
}

/// Formats an optional value: a dash for `None`.
pub(crate) fn or_dash<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}
