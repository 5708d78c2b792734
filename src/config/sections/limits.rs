//! `[limits]`: limits for peers of gRPC and HTTP, in amounts and time.

use std::time::Duration;

use bytesize::ByteSize;

use crate::config::{
    duration::{DAY, HOUR, MINUTE, SECOND},
    section::section,
    value::{count, within, zero_or_within},
};

section! {
    /// Limits of the gRPC and the HTTP listener. The ops listener has its own, fixed limits.
    pub struct LimitSettings in "limits" {
        /// Maximum number of connections to each listener; a further one is closed at once. It is lower if
        /// the process cannot open so many files.
        connections: u32 = count(1..=1_000_000).or(10_000),
        /// Maximum number of concurrent calls on one gRPC connection.
        streams: u32 = count(1..=100_000).or(256),
        /// Maximum number of calls that a gRPC peer resets, or provokes a reset of, before they are served;
        /// then its connection is closed (CVE-2023-44487 and similar).
        resets: u32 = count(1..=100_000).or(256),
        /// Maximum size of all headers of a call or request together.
        header_bytes: ByteSize = within(ByteSize::kib(1)..=ByteSize::mib(1)).or(ByteSize::kib(16)),
        /// Maximum size of a received gRPC message.
        request_bytes: ByteSize = within(ByteSize::kib(1)..=ByteSize::mib(16)).or(ByteSize::kib(256)),
        /// Maximum size of a sent gRPC message. The least is enough for any record.
        response_bytes: ByteSize = within(ByteSize::kib(64)..=ByteSize::mib(16)).or(ByteSize::mib(1)),
        /// Maximum size of the body of an HTTP request. The least is enough for any request of this API.
        body_bytes: ByteSize = within(ByteSize::kib(1)..=ByteSize::mib(1)).or(ByteSize::kib(64)),
        /// Maximum memory for unanswered requests and for answers that their peers have not received, gRPC
        /// and HTTP together. Beyond it, the connection that has waited longest with the most is closed.
        pending_bytes: ByteSize = within(ByteSize::mib(16)..=ByteSize::tib(1)).or(ByteSize::mib(24)),
        /// Maximum time until a gRPC call is answered or its stream begins. The caller can set less.
        request_timeout: Duration = within(SECOND..=DAY).or(30 * SECOND),
        /// The same limit for `AdminService`, which includes calls with one write for each grant.
        admin_request_timeout: Duration = within(SECOND..=DAY).or(5 * MINUTE),
        /// Time between keepalive pings to a gRPC peer.
        keepalive_interval: Duration = within(SECOND..=DAY).or(MINUTE),
        /// Maximum time for the answer to a keepalive ping.
        keepalive_timeout: Duration = within(SECOND..=DAY).or(20 * SECOND),
        /// Maximum age of a connection, plus or minus a tenth; 0s for no limit.
        connection_age: Duration = zero_or_within(SECOND..=DAY).or(HOUR),
        /// Maximum time for the calls on a connection that has reached its age.
        connection_age_grace: Duration = within(SECOND..=DAY).or(5 * MINUTE),
        /// Maximum time of a TLS handshake.
        tls_handshake_timeout: Duration = within(SECOND..=DAY).or(10 * SECOND),
        /// Maximum time until a gRPC peer begins to speak HTTP/2.
        preface_timeout: Duration = within(SECOND..=DAY).or(10 * SECOND),
        /// Maximum time for the headers of an HTTP request, from their first byte.
        header_timeout: Duration = within(SECOND..=DAY).or(10 * SECOND),
        /// Time for which an HTTP connection is kept for the next request, which its answers announce. A
        /// client or proxy that keeps it longer loses requests.
        http_keepalive: Duration = within(SECOND..=DAY).or(2 * MINUTE),
        /// Maximum time for the body of an HTTP request.
        body_timeout: Duration = within(SECOND..=DAY).or(10 * SECOND),
        /// Maximum time for a peer to receive data that was sent to it; then its connection is closed.
        write_timeout: Duration = within(SECOND..=DAY).or(30 * SECOND),
    }
}
