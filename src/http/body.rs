//! Reads a request's body: no longer than the limit, no slower than the timeout.

use axum::body::{Body, HttpBody as _};
use tokio::time::timeout;
use tokio_stream::StreamExt as _;
use zeroize::Zeroizing;

use super::{failure::Failure, options::BodyLimits};
use crate::domain::error::Error;

/// Bytes of a longer one that are discarded before it is refused: a client that is still sending
/// when its connection closes never sees the refusal. No limit is above it.
const MAX_DISCARDED_BYTES: usize = 1 << 20;

/// The whole body. It may hold secrets, so it is wiped.
///
/// # Errors
/// `TooLarge`, `TooSlow`, or `InvalidRequest` when it breaks off.
pub(super) async fn read(body: Body, limits: BodyLimits) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let read = timeout(limits.timeout, read_all(body, limits.bytes)).await;
    read.map_err(|_| Failure::TooSlow)?
}

async fn read_all(body: Body, most: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
    // Room for all of it at once: a buffer that grows leaves copies behind that are not wiped.
    let announced = body.size_hint().exact().and_then(|exact| usize::try_from(exact).ok());
    let room = announced.unwrap_or(most).min(most);
    let mut kept = Zeroizing::new(Vec::with_capacity(room));
    let mut length = 0_usize;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| broken_off())?;
        length = length.saturating_add(chunk.len());
        if length > MAX_DISCARDED_BYTES {
            break;
        }
        if length <= most {
            kept.extend_from_slice(&chunk);
        }
    }
    if length > most { Err(Failure::TooLarge { most }) } else { Ok(kept) }
}

fn broken_off() -> Failure {
    Failure::Refused(Error::InvalidRequest { field: "body", problem: "broke off" })
}
