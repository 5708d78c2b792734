//! The addresses to listen on: whether they can be had.

use std::{
    io,
    net::{SocketAddr, TcpListener},
};

use super::finding::Findings;
use crate::config::Settings;

/// Binds each for a moment. While a server runs on the same data, `serving`, they are its own.
pub(super) fn examine(settings: &Settings, serving: bool, findings: &mut Findings) {
    let listeners = [
        ("grpc", Some(settings.grpc.listen)),
        ("http", Some(settings.http.listen)),
        ("ops", settings.ops.listen),
    ];
    // All at once: two that are the same are in each other's way.
    let mut held = Vec::new();
    for (name, address) in listeners {
        let Some(address) = address else { continue };
        match TcpListener::bind(address) {
            Ok(listener) => {
                held.push(listener);
                findings.good("ports", format!("{name} can listen on {address}"));
            }
            Err(error) => refused(name, address, serving, &error, findings),
        }
    }
}

fn refused(
    name: &str,
    address: SocketAddr,
    serving: bool,
    error: &io::Error,
    findings: &mut Findings,
) {
    let taken = error.kind() == io::ErrorKind::AddrInUse;
    if taken && serving {
        findings.good("ports", format!("{name}: {address} is in use while a server runs"));
        return;
    }
    let remedy = if taken {
        format!("stop what listens there (ss -ltnp), or change {name}.listen")
    } else {
        format!("change {name}.listen")
    };
    findings.error("ports", format!("{name} cannot listen on {address}: {error}"), remedy);
}
