//! What carries gRPC and HTTP: sockets, TLS, the life of each connection, and their limits.
//!
//! | file | what it holds |
//! |---|---|
//! | `listener`, `socket`, `stream` | a bound socket and its accept loop, of the network or of the file system |
//! | `connection` | one connection: handshake, first bytes, calls |
//! | `life` | how long a connection lives, and what ends it |
//! | `pending`, `bodies` | what is kept in memory for peers, counted and bounded |
//! | `cores` | runtimes of one thread each, to which connections are dealt |
//! | `stage` | whether connections are served, drained or cut |
//! | `protocol` | HTTP/1.1 or HTTP/2, with their limits |
//! | `http1_rules` | what HTTP/1.1 has a server refuse |
//! | `peer` | what each request is told of the other side |
//! | `tls` | certificates and keys, read again when they change; who the peer is |
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
