//! The keys of one trusted issuer, as far as they are known.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::jose::KeySet;

/// Keys of an issuer. There are none before they were first read.
#[derive(Default)]
pub struct IssuerKeys {
    known: ArcSwapOption<KeySet>,
}

impl IssuerKeys {
    /// Takes what the issuer publishes now in place of what was known.
    pub fn learn(&self, keys: KeySet) {
        self.known.store(Some(Arc::new(keys)));
    }

    /// Returns the keys.
    pub(super) fn known(&self) -> Option<Arc<KeySet>> {
        self.known.load_full()
    }
}
