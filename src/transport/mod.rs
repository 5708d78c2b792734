//! Transport of gRPC and HTTP: sockets, TLS, the life of each connection, and their limits.
//!
//! | file | contents |
//! |---|---|
//! | `listener`, `socket`, `stream` | a bound socket and its accept loop, of the network or of the file system |
//! | `connection` | one connection: handshake, first bytes, calls |
//! | `life` | the life of a connection, and the events that end it |
//! | `pending`, `bodies` | memory that is kept for peers, counted and bounded |
//! | `cores` | runtimes of one thread each, to which connections are dealt |
//! | `stage` | the stages of connections: served, drained, cut |
//! | `protocol` | HTTP/1.1 or HTTP/2, with their limits |
//! | `http1_rules` | requests that an HTTP/1.1 server must refuse |
//! | `peer` | the facts that each request has about the other side |
//! | `tls` | certificates and keys, read again when they change; the peer's identity |
//! | `age`, `heard`, `first_bytes`, `http1_pace`, `keep_alive`, `lull`, `policy`, `reads`, `writes`, `refusals` | parts of a connection's life |

mod age;
mod bodies;
mod connection;
mod cores;
mod first_bytes;
mod heard;
mod http1_pace;
mod http1_rules;
mod keep_alive;
mod life;
mod listener;
mod lull;
mod peer;
mod pending;
mod policy;
mod protocol;
mod reads;
mod refusals;
mod socket;
mod stage;
mod stream;
mod tls;
mod when_woken;
mod writes;

pub use self::{
    bodies::{Made, Received},
    cores::Cores,
    http1_rules::Malformed,
    listener::{Bound, Carriage, Listener, Transport, WhenFull},
    peer::Peer,
    pending::Pending,
    protocol::Protocol,
    stage::Stage,
    tls::{CertificateMetrics, Reload, Tls, TlsError},
};
