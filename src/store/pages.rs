//! Iterates over all records of one type, page by page.

use super::{ReadError, Record, Records, Stored};

/// The remaining pages.
pub struct Pages<'r, R: Record, T> {
    records: &'r T,
    step: usize,
    after: Option<R::Key>,
    ended: bool,
}

impl<'r, R: Record, T: Records<R>> Pages<'r, R, T> {
    /// Creates an iterator over all of `records`, with at most `step` records a page.
    pub const fn of(records: &'r T, step: usize) -> Self {
        Self { records, step, after: None, ended: false }
    }

    /// Returns the next page, or `None` after the last one.
    ///
    /// # Errors
    /// Fails as [`Records::page`] does.
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
