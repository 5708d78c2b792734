//! Update masks: which fields of a message are read.

use prost_types::FieldMask;

use crate::domain::error::Error;

/// The fields that a request speaks of.
pub(super) struct Mask {
    /// Their names; `None` for all.
    paths: Option<Vec<String>>,
    /// The fields that there are.
    known: Vec<&'static str>,
}

impl Mask {
    /// Every field.
    pub(super) const fn all() -> Self {
        Self { paths: None, known: Vec::new() }
    }

    /// The fields that `mask` names.
    ///
    /// # Errors
    /// `InvalidRequest` when it names none.
    pub(super) fn of(mask: Option<FieldMask>) -> Result<Self, Error> {
        let paths = mask.unwrap_or_default().paths;
        if paths.is_empty() {
            return Err(Error::missing("update_mask"));
        }
        Ok(Self { paths: Some(paths), known: Vec::new() })
    }

    /// Reads the value of a field, if the request speaks of it.
    ///
    /// # Errors
    /// Those of `read`.
    pub(super) fn read<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce() -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        self.known.push(field);
        let named = self.paths.as_ref().is_none_or(|paths| paths.iter().any(|path| path == field));
        named.then(read).transpose()
    }

    /// Returns whether the mask itself names a field, which a message with every field does not speak of.
    pub(super) fn names(&mut self, field: &'static str) -> bool {
        self.known.push(field);
        self.paths.as_ref().is_some_and(|paths| paths.iter().any(|path| path == field))
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// `InvalidRequest` with this problem when the mask names a field that was not read.
    pub(super) fn finish(self, problem: &'static str) -> Result<(), Error> {
        let unknown = |path: &String| !self.known.contains(&path.as_str());
        if self.paths.iter().flatten().any(unknown) {
            return Err(Error::InvalidRequest { field: "update_mask", problem });
        }
        Ok(())
    }
}
