//! `[limits]`: limits for peers of gRPC and HTTP, in amounts and time.

use std::time::Duration;

use bytesize::ByteSize;

use super::{duration, fields::Fields, size};

/// `[limits]`: limits of the gRPC and the HTTP listener. The ops listener has its own, fixed
/// limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitSettings {
    /// Maximum number of connections to each listener; a further one is closed at once. Lower if
    /// the process cannot open so many files. At most 1,000,000, default 10,000.
    pub connections: u32,
    /// Maximum number of concurrent calls on one gRPC connection: at most 100,000, default 256.
    pub streams: u32,
    /// Maximum number of calls that a gRPC peer resets, or provokes a reset of, before they are
    /// served; then its connection is closed (CVE-2023-44487 and similar). At most 100,000, default
    /// 256.
    pub resets: u32,
    /// Maximum size of all headers of a call or request together: 1 KiB to 1 MiB, default 16 KiB.
    pub header_bytes: ByteSize,
    /// Maximum size of a received gRPC message: 1 KiB to 16 MiB, default 256 KiB.
    pub request_bytes: ByteSize,
    /// Maximum size of a sent gRPC message: 64 KiB to 16 MiB, default 1 MiB.
    pub response_bytes: ByteSize,
    /// Maximum size of the body of an HTTP request: 1 KiB to 1 MiB, default 64 KiB.
    pub body_bytes: ByteSize,
    /// Maximum memory for unanswered requests and for answers that their peers have not received,
    /// gRPC and HTTP together: 32 MiB to 1 TiB, default 48 MiB.
    pub pending_bytes: ByteSize,
    /// Maximum time until a gRPC call is answered or its stream begins; the caller can set less. At
    /// least 1 s, default 30 s.
    pub request_timeout: Duration,
    /// The same limit for `AdminService`, which includes calls with one write for each grant. At
    /// least 1 s, default 5 min.
    pub admin_request_timeout: Duration,
    /// Time between keepalive pings to a gRPC peer. At least 1 s, default 60 s.
    pub keepalive_interval: Duration,
    /// Maximum time for the answer to a keepalive ping. At least 1 s, default 20 s.
    pub keepalive_timeout: Duration,
    /// Maximum age of a connection, plus or minus a tenth; zero for no limit. Default 1 h.
    pub connection_age: Duration,
    /// Maximum time for the calls on a connection that has reached its age. At least 1 s, default 5
    /// min.
    pub connection_age_grace: Duration,
    /// Maximum time of a TLS handshake. At least 1 s, default 10 s.
    pub tls_handshake_timeout: Duration,
    /// Maximum time until a gRPC peer begins to speak HTTP/2. At least 1 s, default 10 s.
    pub preface_timeout: Duration,
    /// Maximum time for the headers of an HTTP request, from their first byte. At least 1 s,
    /// default 10 s.
    pub header_timeout: Duration,
    /// Time for which an HTTP connection is kept for the next request. A client that keeps it
    /// longer loses requests. At least 1 s, default 120 s.
    pub http_keepalive: Duration,
    /// Maximum time for the body of an HTTP request. At least 1 s, default 10 s.
    pub body_timeout: Duration,
    /// Maximum time for a peer to receive data that was sent to it. At least 1 s, default 30 s.
    pub write_timeout: Duration,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            connections: 10_000,
            streams: 256,
            resets: 256,
            header_bytes: ByteSize::kib(16),
            request_bytes: ByteSize::kib(256),
            response_bytes: ByteSize::mib(1),
            body_bytes: ByteSize::kib(64),
            pending_bytes: ByteSize::mib(48),
            request_timeout: Duration::from_secs(30),
            admin_request_timeout: Duration::from_secs(5 * 60),
            keepalive_interval: Duration::from_secs(60),
            keepalive_timeout: Duration::from_secs(20),
            connection_age: Duration::from_secs(60 * 60),
            connection_age_grace: Duration::from_secs(5 * 60),
            tls_handshake_timeout: Duration::from_secs(10),
            preface_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            http_keepalive: Duration::from_secs(120),
            body_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
        }
    }
}

/// Maximum of `connections`.
const MOST_CONNECTIONS: u32 = 1_000_000;
/// Maximum of `streams` and of `resets`.
const MOST_STREAMS: u32 = 100_000;

/// Reads the section.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> LimitSettings {
    let default = LimitSettings::default();
    let mut count = |key, most, default| fields.count(key, most).map_or(default, |n| n.value);
    let connections = count("connections", MOST_CONNECTIONS, default.connections);
    let streams = count("streams", MOST_STREAMS, default.streams);
    let resets = count("resets", MOST_STREAMS, default.resets);
    let mut size = |key, parse: fn(&str) -> _, default| {
        fields.text(key, size::FORM, parse).map_or(default, |size| size.value)
    };
    let header_bytes = size("header_bytes", size::headers, default.header_bytes);
    let request_bytes = size("request_bytes", size::request, default.request_bytes);
    let response_bytes = size("response_bytes", size::response, default.response_bytes);
    let body_bytes = size("body_bytes", size::body, default.body_bytes);
    let pending_bytes = size("pending_bytes", size::pending, default.pending_bytes);
    let mut time = |key, default| {
        fields.text(key, duration::FORM, duration::limit).map_or(default, |time| time.value)
    };
    let request_timeout = time("request_timeout", default.request_timeout);
    let admin_request_timeout = time("admin_request_timeout", default.admin_request_timeout);
    let keepalive_interval = time("keepalive_interval", default.keepalive_interval);
    let keepalive_timeout = time("keepalive_timeout", default.keepalive_timeout);
    let connection_age_grace = time("connection_age_grace", default.connection_age_grace);
    let tls_handshake_timeout = time("tls_handshake_timeout", default.tls_handshake_timeout);
    let preface_timeout = time("preface_timeout", default.preface_timeout);
    let header_timeout = time("header_timeout", default.header_timeout);
    let http_keepalive = time("http_keepalive", default.http_keepalive);
    let body_timeout = time("body_timeout", default.body_timeout);
    let write_timeout = time("write_timeout", default.write_timeout);
    let age = fields.text("connection_age", duration::FORM, duration::age);
    LimitSettings {
        connections,
        streams,
        resets,
        header_bytes,
        request_bytes,
        response_bytes,
        body_bytes,
        pending_bytes,
        request_timeout,
        admin_request_timeout,
        keepalive_interval,
        keepalive_timeout,
        connection_age: age.map_or(default.connection_age, |age| age.value),
        connection_age_grace,
        tls_handshake_timeout,
        preface_timeout,
        header_timeout,
        http_keepalive,
        body_timeout,
        write_timeout,
    }
}
