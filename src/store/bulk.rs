//! The writes of bulk work: so many at a time that neither a queue nor a pool of connections refuses
//! them because of each other.

use std::future::Future;

use futures_util::stream::{self, StreamExt as _};

/// Writes that are under way at a time. An engine over a network has some sixteen connections, each of
/// which is waited for two seconds; a committer takes what has come.
const AT_ONCE: usize = 32;

/// What the writes come to, in their order.
pub fn in_turn<F: Future>(
    writes: impl IntoIterator<Item = F>,
) -> impl Future<Output = Vec<F::Output>> {
    let writes: Vec<F> = writes.into_iter().collect();
    stream::iter(writes).buffered(AT_ONCE).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn no_more_are_under_way_than_the_bound_and_all_are_done_in_order() {
        let (under_way, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let done = in_turn((0..300).map(async |number| {
            most.fetch_max(under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            under_way.fetch_sub(1, Ordering::SeqCst);
            number
        }));
        assert!(done.await.into_iter().eq(0..300));
        assert_eq!(most.into_inner(), AT_ONCE);
    }
}
