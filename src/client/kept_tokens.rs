//! Tokens by the one that each came of, bounded in number and in bytes.

use std::collections::{BTreeMap, HashMap};

/// SHA-256 of a token that was shown. The token itself is not kept as a key.
pub(super) type Shown = [u8; 32];

/// The services and the scopes that a token is asked for, each in order and once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) audience: Vec<String>,
    pub(super) scopes: Vec<String>,
}

/// Maximum of what is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Number of tokens.
    pub(super) tokens: usize,
    /// Number of bytes, as their weights say.
    pub(super) bytes: usize,
}

/// The tokens. Of more than fit, those go first whose parent was shown first.
pub(super) struct KeptTokens<T> {
    families: HashMap<Shown, Family<T>>,
    /// The parents, by the number of their first use.
    order: BTreeMap<u64, Shown>,
    next: u64,
    tokens: usize,
    bytes: usize,
    room: Room,
}

/// The tokens that came of one token.
struct Family<T> {
    /// Its place in the order.
    place: u64,
    children: Vec<Child<T>>,
}

struct Child<T> {
    kind: Kind,
    token: T,
    bytes: usize,
}

impl Kind {
    /// Names and scopes in any order, and as often as a caller repeats them.
    pub(super) fn new(mut audience: Vec<String>, mut scopes: Vec<String>) -> Self {
        for names in [&mut audience, &mut scopes] {
            names.sort_unstable();
            names.dedup();
        }
        Self { audience, scopes }
    }

    /// Returns the number of bytes of its names.
    pub(super) fn bytes(&self) -> usize {
        self.audience.iter().chain(&self.scopes).map(|name| size_of::<String>() + name.len()).sum()
    }
}

impl<T: Clone> KeptTokens<T> {
    pub(super) fn new(room: Room) -> Self {
        let (families, order) = (HashMap::new(), BTreeMap::new());
        Self { families, order, next: 0, tokens: 0, bytes: 0, room }
    }

    /// Returns the number of tokens.
    pub(super) const fn len(&self) -> usize {
        self.tokens
    }

    /// Returns the token of a kind that came of `shown`.
    pub(super) fn get(&self, shown: &Shown, kind: &Kind) -> Option<T> {
        let children = &self.families.get(shown)?.children;
        let child = children.iter().find(|child| child.kind == *kind)?;
        Some(child.token.clone())
    }

    /// Keeps a token that is not kept, and takes so many bytes.
    pub(super) fn insert(&mut self, shown: Shown, kind: Kind, token: T, bytes: usize) {
        let family = self.families.entry(shown).or_insert_with(|| {
            let place = self.next;
            self.next += 1;
            self.order.insert(place, shown);
            Family { place, children: Vec::new() }
        });
        family.children.push(Child { kind, token, bytes });
        self.tokens += 1;
        self.bytes += bytes;
        self.make_room();
    }

    /// Notes the number of bytes that a token takes, if it is kept.
    pub(super) fn weigh(&mut self, shown: &Shown, kind: &Kind, bytes: usize) {
        let family = self.families.get_mut(shown);
        let children = family.map(|family| &mut family.children);
        let child = children.into_iter().flatten().find(|child| child.kind == *kind);
        if let Some(child) = child {
            self.bytes = self.bytes - child.bytes + bytes;
            child.bytes = bytes;
            self.make_room();
        }
    }

    /// Forgets all that came of `shown`.
    pub(super) fn forget(&mut self, shown: &Shown) {
        if let Some(family) = self.families.remove(shown) {
            self.order.remove(&family.place);
            self.tokens -= family.children.len();
            self.bytes -= family.children.iter().map(|child| child.bytes).sum::<usize>();
        }
    }

    /// Forgets the oldest, as long as all of their tokens have ended.
    pub(super) fn forget_ended(&mut self, has_ended: impl Fn(&T) -> bool) {
        while let Some(oldest) = self.oldest()
            && self
                .families
                .get(&oldest)
                .is_none_or(|family| family.children.iter().all(|child| has_ended(&child.token)))
        {
            self.forget(&oldest);
        }
    }

    fn make_room(&mut self) {
        while self.tokens > self.room.tokens || self.bytes > self.room.bytes {
            let Some(oldest) = self.oldest() else { return };
            self.forget(&oldest);
        }
    }

    fn oldest(&self) -> Option<Shown> {
        self.order.first_key_value().map(|(_, shown)| *shown)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROOM: Room = Room { tokens: 8, bytes: 100 };

    fn kind(name: u8) -> Kind {
        Kind::new(vec![name.to_string()], Vec::new())
    }

    proptest! {
        #[test]
        fn there_are_never_more_than_fit_and_counts_are_those_of_what_is_kept(
            steps in prop::collection::vec((0..6_u8, 0..4_u8, 0..60_usize, 0..8_u8), 0..200),
        ) {
            let mut kept = KeptTokens::new(ROOM);
            for (parent, name, bytes, step) in steps {
                let (shown, kind) = ([parent; 32], kind(name));
                match step {
                    0 => kept.forget(&shown),
                    1 => kept.forget_ended(|token| *token == name),
                    _ if kept.get(&shown, &kind).is_some() => kept.weigh(&shown, &kind, bytes),
                    _ => kept.insert(shown, kind, name, bytes),
                }
                let children = || kept.families.values().flat_map(|family| &family.children);
                prop_assert_eq!(kept.tokens, children().count());
                prop_assert_eq!(kept.bytes, children().map(|child| child.bytes).sum::<usize>());
                prop_assert!(kept.tokens <= ROOM.tokens && kept.bytes <= ROOM.bytes);
                prop_assert_eq!(kept.order.len(), kept.families.len());
            }
        }
    }

    #[test]
    fn the_oldest_parent_goes_with_all_that_came_of_it() {
        let mut kept = KeptTokens::new(ROOM);
        for name in 0..4 {
            kept.insert([0; 32], kind(name), name, 1);
            kept.insert([1; 32], kind(name), name, 1);
        }
        kept.insert([2; 32], kind(0), 0, 1);
        assert!((0..4).all(|name| kept.get(&[0; 32], &kind(name)).is_none()));
        assert!((0..4).all(|name| kept.get(&[1; 32], &kind(name)) == Some(name)));
        kept.weigh(&[2; 32], &kind(0), 101);
        assert_eq!(kept.len(), 0, "the heavy one itself is the last to go");
    }

    #[test]
    fn a_kind_is_the_same_in_any_order() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let one = Kind::new(names(&["a", "b"]), names(&["read", "write"]));
        assert_eq!(one, Kind::new(names(&["b", "a", "b"]), names(&["write", "read"])));
        assert_ne!(one, Kind::new(names(&["a"]), names(&["read", "write"])));
    }
}
