//! A handler that panics still answers: INTERNAL, with an incident that the log has.

use std::{any::Any, sync::Arc};

use http::Response;
use tonic::body::Body;

use super::status;
use crate::domain::{
    entropy::{Entropy, draw},
    error::{Error, Incident},
};

/// Reporting of panics.
#[derive(Clone)]
pub(super) struct Panics {
    entropy: Arc<dyn Entropy>,
}

impl Panics {
    pub(super) fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy }
    }

    pub(super) fn answer(&self, panic: &(dyn Any + Send)) -> Response<Body> {
        let incident = Incident(u64::from_be_bytes(draw(&*self.entropy)));
        // The panic's own text is in the process's standard error; it is not repeated here, since
        // nobody promised that it holds no secret.
        let known = panic.is::<&str>() || panic.is::<String>();
        tracing::error!(
            incident = format_args!("{:016x}", incident.0),
            known,
            "a handler panicked"
        );
        status::status(&Error::Internal { incident }).into_http()
    }
}
