//! The RPCs of `AdminService`: each admits an administrator, decodes, calls, encodes.

mod backup;
mod clients;
mod enum_value;
mod explained;
mod fields;
mod grants;
mod lockouts;
mod mask;
mod names;
mod rpcs;
mod status;
mod users;

use std::future::Future;

use tonic::{Request, Response, Status};

use super::{convert, credentials::from_metadata, status::status as refusal};
use crate::{
    domain::{error::Error, permission::Task},
    service::{Admin, Ready, Service},
    store::Store,
};

/// `AdminService` over a [`Service`].
pub(super) struct Administration<S> {
    service: Ready<S>,
}

impl<S: Store> Administration<S> {
    pub(super) const fn new(service: Ready<S>) -> Self {
        Self { service }
    }

    /// Lets a caller in who may ask for this, before anything of the request is looked at.
    async fn admit<T>(
        &self,
        request: Request<T>,
        task: Task,
    ) -> Result<(&Service<S>, Admin, T), Error> {
        let service = self.service.get()?;
        let credentials = from_metadata(request.metadata(), request.extensions())?;
        let origin = convert::origin(&request);
        let caller =
            service.authentication.audited_administrator(&credentials, || origin.clone()).await?;
        let admin = service.authentication.authorize(caller, origin, task)?;
        Ok((service, admin, request.into_inner()))
    }
}

async fn answer<T>(outcome: impl Future<Output = Result<T, Error>>) -> Result<Response<T>, Status> {
    outcome.await.map(Response::new).map_err(|error| refusal(&error))
}
