//! A position in the feed of revocations.

/// Number of characters that name the store. The others are the position in its feed.
const STORE_CHARS: usize = 22;
/// Number of characters in a cursor.
const CHARS: usize = 33;

/// A cursor as the token service returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cursor(String);

impl Cursor {
    /// Returns `None` if `text` does not have the form with an order.
    pub(super) fn new(text: String) -> Option<Self> {
        (text.len() == CHARS && text.is_ascii()).then_some(Self(text))
    }

    /// Returns `true` if everything up to `other` is applied once everything up to this cursor is.
    /// Cursors of one store are ordered byte by byte; cursors of two stores are not.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.0[..STORE_CHARS] == other.0[..STORE_CHARS] && self.0 >= other.0
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(store: char, position: u32) -> Cursor {
        let store = store.to_string().repeat(STORE_CHARS);
        Cursor::new(format!("{store}{position:011}")).expect("a cursor")
    }

    #[test]
    fn a_cursor_covers_itself_and_the_earlier_ones_of_its_store() {
        assert!(cursor('a', 7).covers(&cursor('a', 7)));
        assert!(cursor('a', 10).covers(&cursor('a', 9)));
        assert!(!cursor('a', 9).covers(&cursor('a', 10)));
    }

    #[test]
    fn no_cursor_covers_one_of_another_store() {
        assert!(!cursor('b', 7).covers(&cursor('a', 1)));
        assert!(!cursor('a', 1).covers(&cursor('b', 7)));
    }

    #[test]
    fn other_text_is_no_cursor() {
        for text in ["", "short", &"a".repeat(CHARS + 1), &"é".repeat(CHARS)] {
            assert_eq!(Cursor::new(text.to_owned()), None);
        }
    }
}
