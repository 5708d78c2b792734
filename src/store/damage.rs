//! Records that cannot be decoded: reads of many records skip them, and this list remembers their
//! names.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::Record;
use crate::metrics::Registry;

/// Maximum number of remembered records. Beyond it the count stays at this number.
const MOST: usize = 10_000;

/// The damaged records found since the process began. Clones share the list.
#[derive(Clone, Debug, Default)]
pub(super) struct Damage(Arc<Mutex<BTreeSet<Met>>>);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Met {
    records: &'static str,
    key: Box<[u8]>,
}

impl Damage {
    /// Notes that the record under `key` cannot be decoded, and logs it the first time.
    pub(super) fn met<R: Record>(&self, key: &[u8]) {
        let mut met = self.lock();
        if met.len() < MOST && met.insert(Met { records: R::NAME, key: key.into() }) {
            drop(met);
            tracing::error!(
                records = R::NAME,
                key = %Hexadecimal(key),
                "a record is damaged and passed over"
            );
        }
    }

    /// Registers a gauge of the damaged records. Its name and help text are in the tables of
    /// docs/store.md and docs/postgresql.md.
    pub(super) fn serve(&self, registry: &Registry) {
        let damaged = registry.gauge(
            "jeton_store_damaged_records",
            "Records that were met since the start and do not decode; 10,000 stands for all that are more.",
        );
        let damage = self.clone();
        registry.before_reading(move || {
            damaged.set(i64::try_from(damage.count()).unwrap_or(i64::MAX));
        });
    }

    /// Returns the number of damaged records found.
    pub(super) fn count(&self) -> u64 {
        self.lock().len() as u64
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Met>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Hexadecimal<'a>(&'a [u8]);

impl fmt::Display for Hexadecimal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
