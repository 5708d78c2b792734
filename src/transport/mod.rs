//! What carries gRPC and HTTP: sockets, TLS, the life of each connection, and their limits.
//!
//! | file | what it holds |
//! |---|---|
//! | `listener` | a bound socket and its accept loop |
//! | `connection` | one connection: handshake, first bytes, calls |
//! | `life` | how long a connection lives, and what ends it |
//! | `pending`, `bodies` | what is kept in memory for peers, counted and bounded |
//! | `cores` | runtimes of one thread each, to which connections are dealt |
//! | `stage` | whether connections are served, drained or cut |
//! | `protocol` | HTTP/1.1 or HTTP/2, with their limits |
//! | `peer` | what each request is told of the other side |
//! | `tls` | certificates and keys, read again when they change; who the peer is |
//! | `age`, `first_bytes`, `lull`, `writes`, `refusals` | parts of a connection's life |

mod age;
mod bodies;
mod connection;
mod cores;
mod first_bytes;
mod life;
mod listener;
mod lull;
mod peer;
mod pending;
mod protocol;
mod refusals;
mod stage;
mod tls;
mod writes;

pub use self::{
    bodies::Received,
    cores::Cores,
    listener::{Bound, Carriage, Listener, Transport, WhenFull},
    peer::Peer,
    pending::Pending,
    protocol::Protocol,
    stage::Stage,
    tls::{CertificateMetrics, Reload, Tls, TlsError},
};
