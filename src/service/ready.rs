//! The service before and after its store is open: the wires listen before there is anything to say.

use std::sync::{Arc, OnceLock};

use super::Service;
use crate::domain::error::Error;

/// Where the service will be. Cloning shares the place.
pub struct Ready<S>(Arc<OnceLock<Arc<Service<S>>>>);

impl<S> Ready<S> {
    /// No service yet: every call is `Unavailable`.
    pub fn not_yet() -> Self {
        Self(Arc::default())
    }

    /// From now on calls are answered. The first service stays.
    pub fn set(&self, service: Arc<Service<S>>) {
        self.0.get_or_init(|| service);
    }

    /// The service.
    ///
    /// # Errors
    /// `Unavailable` while the process is starting.
    pub fn get(&self) -> Result<&Service<S>, Error> {
        self.0.get().map(AsRef::as_ref).ok_or(Error::UNAVAILABLE)
    }
}

impl<S> Clone for Ready<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
