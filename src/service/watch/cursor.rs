//! A place in the feed of revocations, as text that callers keep.

use crate::{
    domain::base62,
    store::{Sequence, StoreId},
};

const CURSOR_BYTES: usize = 24;

/// Position in the feed of one store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    store: StoreId,
    sequence: Sequence,
}

impl Cursor {
    pub(in crate::service) const fn new(store: StoreId, sequence: Sequence) -> Self {
        Self { store, sequence }
    }

    /// Reads the wire's text; `None` when it is none of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; CURSOR_BYTES] = base62::decode(text.as_bytes())?;
        let (store, sequence) = bytes.split_at(16);
        let sequence = u64::from_be_bytes(sequence.try_into().ok()?);
        Some(Self { store: store.try_into().ok()?, sequence: Sequence(sequence) })
    }

    /// Returns the position in the feed of `store`; `None` if the cursor is of another store.
    pub(in crate::service) fn of_store(self, store: StoreId) -> Option<Sequence> {
        (self.store == store).then_some(self.sequence)
    }

    /// Returns the position in its feed.
    pub const fn position(self) -> Sequence {
        self.sequence
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text_and_tells_stores_apart() {
        let cursor = Cursor::new([7; 16], Sequence(u64::MAX));
        let text = cursor.to_text();
        assert_eq!(text.len(), 33);
        assert_eq!(Cursor::parse(&text), Some(cursor));
        assert_eq!(cursor.of_store([7; 16]), Some(Sequence(u64::MAX)));
        assert_eq!(cursor.of_store([8; 16]), None);
    }

    #[test]
    fn of_two_cursors_of_one_store_the_later_is_the_greater_text() {
        let sequences = [0, 1, 61, 62, 63, 3_843, 3_844, 1 << 32, u64::MAX - 1, u64::MAX];
        let texts = sequences.map(|sequence| Cursor::new([9; 16], Sequence(sequence)).to_text());
        assert!(texts.is_sorted_by(|one, other| one < other), "{texts:?}");
    }

    #[test]
    fn other_text_is_no_cursor() {
        let text = Cursor::new([0; 16], Sequence(5)).to_text();
        let longer = format!("{text}0");
        let beyond = format!("{}LygHa16AHYG", &text[..22]);
        for text in ["", "0", &text[..32], &longer, &beyond, &text.replace('0', "-")] {
            assert_eq!(Cursor::parse(text), None, "{text}");
        }
    }
}
