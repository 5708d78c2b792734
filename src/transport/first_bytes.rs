//! Detects that a peer has begun to speak: hyper waits for the first bytes of HTTP/2 for ever.

use std::sync::Arc;

use tokio::sync::Notify;

use super::heard::Heard;

/// The length of the client's connection preface (RFC 9113 §3.4).
const PREFACE_BYTES: usize = 24;

/// Returns the stream, and a signal that fires once when a preface's worth of bytes was read from
/// it.
pub(super) fn first_bytes<T>(stream: T) -> (Heard<T, impl FnMut(usize) + Unpin>, Arc<Notify>) {
    let read = Arc::new(Notify::new());
    let (mut missing, mut untold) = (PREFACE_BYTES, Some(Arc::clone(&read)));
    let note = move |bytes: usize| {
        missing = missing.saturating_sub(bytes);
        if missing == 0
            && let Some(read) = untold.take()
        {
            read.notify_one();
        }
    };
    (Heard::of(stream, note), read)
}
