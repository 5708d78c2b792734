//! Bulk reads and writes, with a bound on the number under way: neither a queue nor a pool of
//! connections refuses one because of the others.

use std::future::Future;

use futures_util::stream::{self, StreamExt as _};

/// Number of reads or writes under way at a time. An engine over a network has some sixteen
/// connections and waits two seconds for one; a committer takes everything that is queued.
pub const AT_ONCE: usize = 32;

/// Runs `work` on each of `items` and calls `done` after each success. An item that fails is tried
/// again as long as others succeed meanwhile: then the store works and is only overloaded.
///
/// # Errors
/// Returns the error of the first failed item once all remaining items fail.
pub async fn do_all<T: Clone, W, E>(
    items: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> W,
    mut done: impl FnMut(),
) -> Result<(), E>
where
    W: Future<Output = Result<(), E>>,
{
    let mut left: Vec<T> = items.into_iter().collect();
    loop {
        let works: Vec<W> = left.iter().cloned().map(&work).collect();
        let mut outcomes = stream::iter(works).buffered(AT_ONCE);
        let (mut failed, mut why) = (Vec::new(), None);
        for item in &left {
            match outcomes.next().await {
                Some(Err(error)) => {
                    failed.push(item.clone());
                    why.get_or_insert(error);
                }
                Some(Ok(())) => done(),
                None => break,
            }
        }
        drop(outcomes);
        match why {
            None => return Ok(()),
            Some(error) if failed.len() == left.len() => return Err(error),
            Some(_) => left = failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn no_more_are_under_way_than_the_bound_and_all_are_done() {
        let (under_way, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (done, mut count) = (AtomicU32::new(0), 0);
        let work = async |number| {
            most.fetch_max(under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            under_way.fetch_sub(1, Ordering::SeqCst);
            done.fetch_add(number, Ordering::SeqCst);
            Ok::<_, ()>(())
        };
        assert_eq!(do_all(0..300, work, || count += 1).await, Ok(()));
        assert_eq!((most.into_inner(), count), (AT_ONCE, 300));
        assert_eq!(done.into_inner(), 299 * 300 / 2, "each is done once");
    }

    #[tokio::test]
    async fn what_a_busy_store_refuses_is_tried_again_until_nothing_is_done_any_more() {
        let (asked, mut count) = (AtomicU32::new(0), 0);
        // The store accepts one item in ten, and never the last one.
        let work = async |number| {
            let taken = asked.fetch_add(1, Ordering::SeqCst) % 10 == 0 && number < 299;
            if taken { Ok(()) } else { Err("busy") }
        };
        assert_eq!(do_all(0..300, work, || count += 1).await, Err("busy"));
        assert!(count > 30, "{count} are done at the first attempt");
        let (asked, mut count) = (AtomicU32::new(u32::MAX), 0);
        // Each round accepts only its first item.
        let work = async |number| {
            let first = asked.swap(number, Ordering::SeqCst) >= number;
            if first { Ok(()) } else { Err("busy") }
        };
        assert_eq!(do_all(1..40, work, || count += 1).await, Ok(()));
        assert_eq!(count, 39);
    }
}
