//! What commands call a store by: a data directory, or the URL of a database.

use std::path::Path;

use crate::{config, domain::secret::Secret};

/// The URL, if it is one.
pub(super) fn database(store: &Path) -> Option<Secret> {
    config::store_url(store.to_str()?).ok()
}
