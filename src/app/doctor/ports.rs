//! The addresses to listen on: whether they can be had.

use std::{
    io,
    net::{SocketAddr, TcpListener},
};

use super::{super::listen::system, finding::Findings};
use crate::config::{ListenAddress, Settings};

/// Binds each for a moment. While a server runs on the same data, `serving`, they are its own.
pub(super) fn examine(settings: &Settings, serving: bool, findings: &mut Findings) {
    let listeners = [
        ("gRPC", "grpc", Some(settings.grpc.listen)),
        ("HTTP", "http", Some(settings.http.listen)),
        ("ops", "ops", settings.ops.listen),
        ("/check", "check", of_the_network(settings.check.listen.as_ref())),
    ];
    // All at once: two that are the same are in each other's way.
    let mut held = Vec::new();
    for (name, section, address) in listeners {
        let Some(address) = address else { continue };
        match TcpListener::bind(address) {
            Ok(listener) => {
                held.push(listener);
                findings.good("ports", format!("{name} can listen on {address}"));
            }
            Err(error) => {
                let taken = error.kind() == io::ErrorKind::AddrInUse;
                if taken && serving {
                    let found = format!("{name}: {address} is in use while a server runs");
                    findings.good("ports", found);
                    continue;
                }
                let remedy = if taken {
                    format!("stop what listens there (ss -ltnp), or change {section}.listen")
                } else {
                    format!("change {section}.listen")
                };
                let error = system(&format!("{name} on {address}"), error);
                findings.error("ports", error.to_string(), remedy);
            }
        }
    }
}

/// Returns the address and port. A socket of the file system is never taken: the process that binds
/// it replaces an old one.
fn of_the_network(address: Option<&ListenAddress>) -> Option<SocketAddr> {
    match address {
        Some(ListenAddress::Network(address)) => Some(*address),
        Some(ListenAddress::Unix(_)) | None => None,
    }
}
