//! The service before and after its store is open: the wires listen before there is anything to say.

use std::{
    future::Future,
    sync::{Arc, OnceLock},
};

use super::{Carried, Service, Unattended};
use crate::domain::error::Error;

/// Future place of the service. Clones share it.
pub struct Ready<S>(Arc<Place<S>>);

struct Place<S> {
    service: OnceLock<Arc<Service<S>>>,
    unattended: Unattended,
}

impl<S> Ready<S> {
    /// No service yet: every call is `Unavailable`. Requests without a caller will go on where this
    /// is called.
    pub fn not_yet() -> Self {
        Self(Arc::new(Place { service: OnceLock::new(), unattended: Unattended::new() }))
    }

    /// From now on calls are answered. The first service stays.
    pub fn set(&self, service: Arc<Service<S>>) {
        self.0.service.get_or_init(|| service);
    }

    /// The service.
    ///
    /// # Errors
    /// `Unavailable` while the process is starting.
    pub fn get(&self) -> Result<&Service<S>, Error> {
        self.0.service.get().map(AsRef::as_ref).ok_or(Error::UNAVAILABLE)
    }

    /// Answers one request. If it is dropped after it has handed a write to the store, it goes on by
    /// itself, so that what it did is audited and counted. Every wire passes every request that may
    /// write through here.
    pub fn carry<F: Future + Send + 'static>(&self, request: F) -> Carried<F> {
        self.0.unattended.carry(request)
    }

    /// Waits until no request goes on without its caller.
    pub async fn unattended_ended(&self) {
        self.0.unattended.ended().await;
    }
}

impl<S> Clone for Ready<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
