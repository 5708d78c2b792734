//! Records that the settings file declared, and declares no more.

use std::collections::BTreeSet;

use crate::{
    domain::{client::Client, declared::Declared, entropy::Entropy, time::Timestamp, user::User},
    store::{Pages, ReadError, Record, Records, Stored},
};

/// Stands among the fields of a record that was taken out of the file; holds whether that disabled it.
const REMOVED: &str = "removed";
/// Records that are read at a time.
const STEP: usize = 1024;

/// A record that a settings file may declare.
pub(super) trait Declarable: Record {
    /// Returns the values that the file last applied.
    fn declared(&self) -> &Declared;

    /// The same, to be changed.
    fn declared_mut(&mut self) -> &mut Declared;

    /// Returns its kind and name, for people.
    fn title(&self) -> String;

    /// Returns whether it is refused everywhere.
    fn is_disabled(&self) -> bool;

    /// The record without a declaration: disabled, and its grants ended.
    fn left_out(&self, entropy: &dyn Entropy, now: Timestamp) -> Self;
}

impl Declarable for Client {
    fn declared(&self) -> &Declared {
        &self.declared
    }

    fn declared_mut(&mut self) -> &mut Declared {
        &mut self.declared
    }

    fn title(&self) -> String {
        format!("client {}", self.id)
    }

    fn is_disabled(&self) -> bool {
        self.disabled
    }

    fn left_out(&self, entropy: &dyn Entropy, now: Timestamp) -> Self {
        let declared = mark(self.disabled);
        Self { disabled: true, declared, ..self.clone() }.following(self, entropy, now)
    }
}

impl Declarable for User {
    fn declared(&self) -> &Declared {
        &self.declared
    }

    fn declared_mut(&mut self) -> &mut Declared {
        &mut self.declared
    }

    fn title(&self) -> String {
        format!("user {}", self.name)
    }

    fn is_disabled(&self) -> bool {
        self.disabled
    }

    fn left_out(&self, entropy: &dyn Entropy, now: Timestamp) -> Self {
        let declared = mark(self.disabled);
        Self { disabled: true, declared, ..self.clone() }.following(self, entropy, now)
    }
}

/// Removes the mark of a record that had left the file and is declared again. Returns whether
/// leaving the file had disabled it.
pub(super) fn is_back(declared: &mut Declared) -> bool {
    declared.remove(REMOVED).is_some_and(|disabled| *disabled == [1])
}

/// The records that were declared and are not among the `declared` ones, in order of their keys.
pub(super) async fn removed<R: Declarable>(
    records: &impl Records<R>,
    declared: &BTreeSet<R::Key>,
) -> Result<Vec<Stored<R>>, ReadError> {
    let (mut found, mut pages) = (Vec::new(), Pages::of(records, STEP));
    while let Some(page) = pages.next().await? {
        let gone = page
            .into_iter()
            .filter(|record| is_declared(record.declared()) && !declared.contains(&record.key()));
        found.extend(gone);
    }
    Ok(found)
}

fn is_declared(declared: &Declared) -> bool {
    !declared.is_empty() && !declared.contains_key(REMOVED)
}

fn mark(was_disabled: bool) -> Declared {
    [(REMOVED.into(), [u8::from(!was_disabled)].into())].into()
}
