//! HTTP/1.1 and HTTP/2 with their limits: hyper's defaults are wider, and some are none.

use hyper::server::conn::{http1, http2};
use hyper_util::{
    rt::{TokioExecutor, TokioTimer},
    server::conn::auto,
};

use crate::config::LimitSettings;

/// Bytes that one call, and all calls of a connection, may send before they are read (RFC 9113
/// §5.2).
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 256 << 10;

/// Protocol of a listener. The first two are the only protocol that TLS negotiates there (RFC
/// 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// For the OAuth 2.0 endpoints.
    Http1,
    /// For gRPC.
    Http2,
    /// The protocol that the peer begins with, without TLS: for probes.
    Either,
}

pub(super) fn http1(limits: &LimitSettings) -> http1::Builder {
    let headers = usize::try_from(limits.header_bytes.as_u64()).unwrap_or(usize::MAX);
    let mut builder = http1::Builder::new();
    builder
        // `http1_pace` has the time.
        .header_read_timeout(None)
        // A client that has sent all that it has to say still hears the answer (RFC 9112 §9.6).
        .half_close(true)
        .max_header_size(headers);
    builder
}

pub(super) fn http2(limits: &LimitSettings) -> http2::Builder<TokioExecutor> {
    let resets = usize::try_from(limits.resets).unwrap_or(usize::MAX);
    let headers = u32::try_from(limits.header_bytes.as_u64()).unwrap_or(u32::MAX);
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        // gRPC has no use for it, and its other servers send none. Each second it would be one more entry of the
        // table that all answers of a connection are compressed by.
        .auto_date_header(false)
        .max_concurrent_streams(limits.streams)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_local_error_reset_streams(resets)
        .max_pending_accept_reset_streams(resets)
        .max_header_list_size(headers)
        .keep_alive_interval(limits.keepalive_interval)
        .keep_alive_timeout(limits.keepalive_timeout);
    builder
}

pub(super) fn either(limits: &LimitSettings) -> auto::Builder<TokioExecutor> {
    let resets = usize::try_from(limits.resets).unwrap_or(usize::MAX);
    let headers = u32::try_from(limits.header_bytes.as_u64()).unwrap_or(u32::MAX);
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .half_close(true)
        .max_buf_size(usize::try_from(headers).unwrap_or(usize::MAX));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_local_error_reset_streams(resets)
        .max_pending_accept_reset_streams(resets)
        .max_header_list_size(headers)
        .keep_alive_interval(limits.keepalive_interval)
        .keep_alive_timeout(limits.keepalive_timeout);
    builder
}
