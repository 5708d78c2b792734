//! One address to listen on, and what is said when it cannot be had.

use std::{io, net::SocketAddr};

use super::refusal::{Refusal, system};
use crate::{
    config::{ListenAddress, Settings, SocketMode},
    transport::Listener,
};

/// One of the listeners.
pub(in crate::app) struct Port {
    /// Name of its protocol.
    name: &'static str,
    /// Section of the settings.
    pub(super) section: &'static str,
    address: ListenAddress,
    /// Mode of it, if it is a socket of the file system.
    mode: SocketMode,
}

impl Port {
    /// One at `address`, which stands in that section of the settings.
    pub(in crate::app) fn new(
        name: &'static str,
        section: &'static str,
        address: impl Into<ListenAddress>,
    ) -> Self {
        Self { name, section, address: address.into(), mode: SocketMode::default() }
    }

    /// That of gRPC.
    pub(in crate::app) fn grpc(settings: &Settings) -> Self {
        Self::new("gRPC", "grpc", settings.grpc.listen)
    }

    /// That of HTTP.
    pub(in crate::app) fn http(settings: &Settings) -> Self {
        Self::new("HTTP", "http", settings.http.listen)
    }

    /// That of probes and metrics.
    pub(in crate::app) fn ops(address: SocketAddr) -> Self {
        Self::new("ops", "ops", address)
    }

    /// That of `/check`, if it is asked for.
    pub(in crate::app) fn check(settings: &Settings) -> Option<Self> {
        let address = settings.check.listen.clone()?;
        Some(Self::new("/check", "check", address).with_mode(settings.check.socket_mode))
    }

    /// The same for those whom this mode lets connect.
    pub(in crate::app) fn with_mode(self, mode: SocketMode) -> Self {
        Self { mode, ..self }
    }

    /// Returns its purpose and address.
    pub(super) fn title(&self) -> String {
        format!("{} on {}", self.name, self.address)
    }

    /// Binds it, and listens.
    ///
    /// # Errors
    /// When it cannot be had; without its title.
    pub(in crate::app) fn listen(&self) -> io::Result<Listener> {
        Listener::bind_at(&self.address, self.mode)
    }

    /// Checks that it can be had. No other process gets it while the result is held.
    ///
    /// # Errors
    /// As [`Self::listen`].
    pub(super) fn look(&self) -> io::Result<Option<Listener>> {
        Listener::look_at(&self.address)
    }

    /// Puts its title in front of what the system says of it.
    ///
    /// # Errors
    /// If `outcome` is one.
    pub(in crate::app) fn had<T>(&self, outcome: io::Result<T>) -> Result<T, Refusal> {
        outcome.map_err(|error| system(&self.title(), error))
    }
}
