//! The access tokens that are introspected: issued before the load begins, all of them different.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tonic::Status;

use super::calls::Caller;

/// Tokens that are issued at once: enough to fill the server's batches.
const AT_ONCE: usize = 256;

/// A supply of tokens. Streams walk through it with different strides, so that neighbours in time
/// are not neighbours in the store.
pub(super) struct Supply {
    tokens: Vec<String>,
    batch: usize,
}

impl Supply {
    pub(super) async fn issue(callers: &[Caller], count: u32, batch: u32) -> Result<Self, Status> {
        let each = (0..count as usize).map(|at| callers[at % callers.len()].clone());
        let tokens = stream::iter(each.map(|caller| async move { caller.issue().await }))
            .buffer_unordered(AT_ONCE);
        Ok(Self { tokens: tokens.try_collect().await?, batch: batch as usize })
    }

    /// The token of one stream's step.
    pub(super) fn token(&self, stream: u32, step: u32) -> String {
        self.tokens[self.place(stream, step)].clone()
    }

    /// A batch of tokens for one stream's step.
    pub(super) fn batch(&self, stream: u32, step: u32) -> Vec<String> {
        let from = self.place(stream, step);
        self.tokens.iter().cycle().skip(from).take(self.batch).cloned().collect()
    }

    /// Multiples of an odd constant, well spread over all 64 bits (Knuth's multiplicative hash).
    fn place(&self, stream: u32, step: u32) -> usize {
        let mixed = (u64::from(stream) << 32 | u64::from(step)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let places = self.tokens.len() as u64;
        usize::try_from((mixed >> 16) % places).unwrap_or(0)
    }
}
