//! Reads a paged list to its end, or as far as is wanted.

use tonic::Status;

/// Most entries of a page: what the server allows.
const PAGE: usize = 1000;

/// Collects at most `limit` entries. `page` is given how many entries are wanted and where to go
/// on, and answers with them and where the next page begins; nowhere is the end.
pub(super) async fn collect<T>(
    limit: Option<usize>,
    mut page: impl AsyncFnMut(i32, String) -> Result<(Vec<T>, String), Status>,
) -> Result<Vec<T>, Status> {
    let limit = limit.unwrap_or(usize::MAX);
    let mut entries = Vec::new();
    let mut next = String::new();
    while entries.len() < limit {
        let size = PAGE.min(limit - entries.len());
        let wanted = i32::try_from(size).expect("a page is at most 1,000");
        let (more, after) = page(wanted, next).await?;
        entries.extend(more);
        next = after;
        if next.is_empty() {
            break;
        }
    }
    // A server may send more than was asked for.
    entries.truncate(limit);
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pages of the numbers below 2,500, of which every other is empty.
    async fn numbers(limit: Option<usize>) -> (Vec<i32>, usize) {
        let mut calls = 0;
        let collected = collect(limit, async |size, token: String| {
            calls += 1;
            let from: i32 = token.trim_start_matches('-').parse().unwrap_or(0);
            if !token.starts_with('-') && from > 0 {
                return Ok((Vec::new(), format!("-{from}")));
            }
            let to = (from + size).min(2_500);
            let next = if to == 2_500 { String::new() } else { to.to_string() };
            Ok(((from..to).collect(), next))
        });
        (collected.await.expect("no page fails"), calls)
    }

    #[tokio::test]
    async fn every_page_is_read_an_empty_one_is_not_the_end() {
        assert_eq!(numbers(None).await, ((0..2_500).collect(), 5));
    }

    #[tokio::test]
    async fn no_more_is_read_than_the_limit() {
        assert_eq!(numbers(Some(1_500)).await, ((0..1_500).collect(), 3));
        assert_eq!(numbers(Some(3)).await, (vec![0, 1, 2], 1));
        assert_eq!(numbers(Some(0)).await, (vec![], 0));
    }
}
