//! The access tokens that are introspected: issued before the load begins, all of them different.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, BufWriter, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tonic::Status;

use super::calls::Caller;

/// Tokens that are issued at once: enough to fill the server's batches.
const AT_ONCE: usize = 256;

/// The tokens.
pub(super) struct Supply(Vec<String>);

impl Supply {
    pub(super) async fn issue(callers: &[Caller], count: usize) -> Result<Self, Status> {
        let each = (0..count).map(|at| callers[at % callers.len()].clone());
        let tokens = stream::iter(each.map(|caller| async move { caller.issue().await }))
            .buffer_unordered(AT_ONCE);
        Ok(Self(tokens.try_collect().await?))
    }

    /// The first `count` tokens that [`Self::keep`] has written; fewer if there were not as many.
    /// `None` where nothing was kept.
    pub(super) fn kept(path: &Path, count: usize) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let tokens: io::Result<_> = BufReader::new(file).lines().take(count).collect();
        Ok(Some(Self(tokens?)))
    }

    /// Writes the tokens, a line each, for their owner only.
    pub(super) fn keep(&self, path: &Path) -> io::Result<()> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let mut lines = BufWriter::new(file);
        for token in &self.0 {
            writeln!(lines, "{token}")?;
        }
        lines.flush()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn token(&self, place: usize) -> String {
        self.0[place].clone()
    }

    /// So many tokens from a place on.
    pub(super) fn batch(&self, place: usize, length: u32) -> Vec<String> {
        self.0.iter().cycle().skip(place).take(length as usize).cloned().collect()
    }
}
