//! The addresses to listen on.

use std::io;

use super::{
    super::{
        listen::{ServerState, listen},
        listeners::{Listeners, Serving},
    },
    finding::Findings,
    port::Port,
    refusal::Refusal,
    step::{Seen, Step},
};
use crate::config::Settings;

/// Binds every listener, and begins to serve on them.
pub(in crate::app) struct Ports<'a>(&'a Settings);

impl<'a> Ports<'a> {
    pub(super) const fn of(settings: &'a Settings) -> Self {
        Self(settings)
    }
}

impl<'a> Step for Ports<'a> {
    type Given = &'a ServerState<'a>;
    type Made = (Listeners, Serving);

    /// Binds each for a moment. While a server runs on the same data they are its own.
    async fn look(&self, seen: &mut Seen, findings: &mut Findings) {
        let Self(settings) = self;
        let ops = Port::ops(settings);
        let ports = [ops, Some(Port::grpc(settings)), Some(Port::http(settings))];
        // All at once: two that are the same are in each other's way.
        let mut held = Vec::new();
        for port in ports.into_iter().chain([Port::check(settings)]).flatten() {
            let (title, section) = (port.title(), port.section);
            match port.had(port.look()) {
                Ok(listener) => {
                    held.push(listener);
                    findings.good("ports", format!("{title} can be had"));
                }
                Err(refusal) if seen.serving && is_taken(&refusal) => {
                    findings.good("ports", format!("{title} is in use while a server runs"));
                }
                Err(refusal) if is_taken(&refusal) => {
                    let remedy =
                        format!("stop what listens there (ss -ltnp), or change {section}.listen");
                    findings.refuse("ports", &refusal, remedy);
                }
                Err(refusal) => {
                    findings.refuse("ports", &refusal, format!("change {section}.listen"));
                }
            }
        }
    }

    async fn take(self, server: &'a ServerState<'a>) -> Result<(Listeners, Serving), Refusal> {
        listen(self.0, server)
    }
}

fn is_taken(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::System { error, .. } if error.kind() == io::ErrorKind::AddrInUse)
}
