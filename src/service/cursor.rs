//! A place in the feed of revocations, as text that callers keep.

use crate::{
    domain::base62,
    store::{Sequence, StoreId},
};

const CURSOR_BYTES: usize = 24;

/// Which store's feed, and how far into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    store: StoreId,
    sequence: Sequence,
}

impl Cursor {
    pub(super) const fn new(store: StoreId, sequence: Sequence) -> Self {
        Self { store, sequence }
    }

    /// The text of the wire: letters and digits.
    pub fn to_text(self) -> String {
        let mut bytes = [0; CURSOR_BYTES];
        bytes[..16].copy_from_slice(&self.store);
        bytes[16..].copy_from_slice(&self.sequence.0.to_be_bytes());
        let mut text = String::with_capacity(base62::text_len(CURSOR_BYTES));
        base62::encode_into(&bytes, &mut text);
        text
    }
}
