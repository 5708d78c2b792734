//! One page of a list, bounded in entries, in bytes and in what is looked at for it.

use crate::{
    domain::{error::Error, page_token::ListId},
    store::{ReadError, Record, Records, Stored},
};

/// Entries of a page when the caller does not say how many.
const STANDARD_SIZE: usize = 100;
/// Most entries of a page.
const MAX_SIZE: usize = 1_000;
/// Records that are looked at for one page: a filter that fits few must not hold a call for long.
const MAX_LOOKED_AT: usize = 10_000;
/// Bytes of records on a page, as the store counts them: a page is sent as one message.
const MAX_BYTES: usize = 512 << 10;
/// Records read at a time.
const STEP: usize = 256;

/// Request for a page.
#[derive(Clone, Debug, Default)]
pub struct PageRequest {
    /// At most so many entries; 0 for the standard 100, more than 1,000 for 1,000.
    pub size: usize,
    /// The token that the page before ended with; empty for the first page.
    pub token: String,
}

/// One page.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// Its entries: at most as many as asked, perhaps none.
    pub entries: Vec<T>,
    /// For the next page; empty at the end of the list.
    pub next_token: String,
}

/// A page that is being filled.
pub(in crate::service) struct PageBuilder<T> {
    list: ListId,
    size: usize,
    /// The key that the page begins behind, then the last one that was looked at.
    after: Option<Vec<u8>>,
    looked_at: usize,
    bytes: usize,
    entries: Vec<T>,
}

impl<T> PageBuilder<T> {
    /// # Errors
    /// `InvalidRequest` for a token of another list.
    pub(in crate::service) fn new(list: ListId, request: &PageRequest) -> Result<Self, Error> {
        let after = match request.token.as_str() {
            "" => None,
            token => Some(list.key_of(token).ok_or(BAD_TOKEN)?),
        };
        let size = if request.size == 0 { STANDARD_SIZE } else { request.size.min(MAX_SIZE) };
        Ok(Self { list, size, after, looked_at: 0, bytes: 0, entries: Vec::new() })
    }

    /// The place that the page goes on behind.
    ///
    /// # Errors
    /// `InvalidRequest` when the token holds no key of the list.
    pub(in crate::service) fn after<R: Record>(&self) -> Result<Option<R::Key>, Error> {
        let key = self.after.as_deref().map(R::parse_key).transpose();
        key.map_err(|_| BAD_TOKEN)
    }

    /// Returns the number of records to read next: more if the first ones were not enough, since a
    /// filter drops many.
    pub(in crate::service) fn step(&self) -> usize {
        if self.looked_at == 0 { self.size.min(STEP) } else { STEP }
    }

    /// Passes a record, and takes it when `entry` says so. `true` once the page is full.
    pub(in crate::service) fn pass<R: Record>(
        &mut self,
        key: &R::Key,
        bytes: usize,
        entry: Option<T>,
    ) -> bool {
        self.after = Some(R::key_bytes(key).to_vec());
        self.looked_at += 1;
        if let Some(entry) = entry {
            self.bytes += bytes;
            self.entries.push(entry);
        }
        self.entries.len() >= self.size
            || self.bytes >= MAX_BYTES
            || self.looked_at >= MAX_LOOKED_AT
    }

    /// The page, when it is full or nothing is left to read.
    pub(in crate::service) fn finish(self, more: bool) -> Page<T> {
        let next = |after: Vec<u8>| self.list.token_after(&after);
        let next_token = self.after.filter(|_| more).map(next).unwrap_or_default();
        Page { entries: self.entries, next_token }
    }
}

const BAD_TOKEN: Error =
    Error::InvalidRequest { field: "page_token", problem: "must be of the page before this one" };

/// A page of those records that `wanted` keeps.
///
/// # Errors
/// `InvalidRequest` for a token of another list, and what `read_failed` makes of the store's.
pub(in crate::service) async fn records<R: Record>(
    records: &impl Records<R>,
    list: ListId,
    request: &PageRequest,
    wanted: impl Fn(&R) -> bool,
    read_failed: impl Fn(ReadError) -> Error,
) -> Result<Page<Stored<R>>, Error> {
    let mut page = PageBuilder::new(list, request)?;
    loop {
        let (after, step) = (page.after::<R>()?, page.step());
        let found = records.page(after.as_ref(), step).await.map_err(&read_failed)?;
        let more = found.len() == step;
        let mut found = found.into_iter().peekable();
        while let Some(record) = found.next() {
            let (key, bytes) = (record.key(), record.memory_bytes());
            let entry = wanted(&record).then_some(record);
            if page.pass::<R>(&key, bytes, entry) {
                return Ok(page.finish(more || found.peek().is_some()));
            }
        }
        if !more {
            return Ok(page.finish(false));
        }
    }
}
