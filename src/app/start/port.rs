//! One address to listen on, and what is said when it cannot be had.

use std::io;

use super::refusal::{Refusal, system};
use crate::{
    config::{ListenAddress, Settings, SocketAccess},
    transport::{Bound, Listener},
};

/// One of the listeners.
pub(in crate::app) struct Port {
    /// Name of its protocol.
    name: &'static str,
    /// Section of the settings.
    pub(super) section: &'static str,
    address: ListenAddress,
    /// Mode, owner and users of it, if it is a socket of the file system.
    access: SocketAccess,
}

impl Port {
    /// One at `address`, which stands in that section of the settings.
    pub(in crate::app) fn new(
        name: &'static str,
        section: &'static str,
        address: impl Into<ListenAddress>,
    ) -> Self {
        Self { name, section, address: address.into(), access: SocketAccess::default() }
    }

    /// That of gRPC.
    pub(in crate::app) fn grpc(settings: &Settings) -> Self {
        let port = Self::new("gRPC", "grpc", settings.grpc.listen.clone());
        port.with_access(settings.grpc.socket.clone())
    }

    /// That of HTTP.
    pub(in crate::app) fn http(settings: &Settings) -> Self {
        let port = Self::new("HTTP", "http", settings.http.listen.clone());
        port.with_access(settings.http.socket.clone())
    }

    /// That of probes and metrics, if it is asked for.
    pub(in crate::app) fn ops(settings: &Settings) -> Option<Self> {
        let address = settings.ops.listen.clone()?;
        Some(Self::new("ops", "ops", address).with_access(settings.ops.socket.clone()))
    }

    /// That of `/check`, if it is asked for.
    pub(in crate::app) fn check(settings: &Settings) -> Option<Self> {
        let address = settings.check.listen.clone()?;
        Some(Self::new("/check", "check", address).with_access(settings.check.socket.clone()))
    }

    /// Returns the same for those whom this lets connect.
    pub(in crate::app) fn with_access(self, access: SocketAccess) -> Self {
        Self { access, ..self }
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
        self.bind()?.listen()
    }

    /// Binds it alone: nobody can connect yet.
    ///
    /// # Errors
    /// As [`Self::listen`].
    pub(in crate::app) fn bind(&self) -> io::Result<Bound> {
        Bound::at(&self.address, &self.access)
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
