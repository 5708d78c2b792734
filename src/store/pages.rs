//! All records of one type, a page after the other.

use super::{ReadError, Record, Records, Stored};

/// The pages that are left.
pub struct Pages<'r, R: Record, T> {
    records: &'r T,
    step: usize,
    after: Option<R::Key>,
    ended: bool,
}

impl<'r, R: Record, T: Records<R>> Pages<'r, R, T> {
    /// All of `records`, at most `step` at a time.
    pub const fn of(records: &'r T, step: usize) -> Self {
        Self { records, step, after: None, ended: false }
    }

    /// The next page; `None` behind the last one.
    ///
    /// # Errors
    /// As [`Records::page`].
    pub async fn next(&mut self) -> Result<Option<Vec<Stored<R>>>, ReadError> {
        if self.ended {
            return Ok(None);
        }
        let page = self.records.page(self.after.as_ref(), self.step).await?;
        self.ended = page.len() < self.step;
        self.after = page.last().map(|record| record.key());
        Ok(Some(page))
    }
}
