//! The service that the examples with tonic guard.

use std::sync::Arc;

use jeton::client::Claims;
use tokio_stream::Empty;
use tonic::{Request, Response, Status};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
    health_server::Health,
};

/// A placeholder for any generated service.
pub(crate) struct Clinic;

#[tonic::async_trait]
impl Health for Clinic {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let claims = request.extensions().get::<Arc<Claims>>();
        let claims = claims.ok_or_else(|| Status::internal("the service is not guarded"))?;
        println!("called by {} with {:?}", claims.subject, claims.scopes);
        Ok(Response::new(HealthCheckResponse { status: ServingStatus::Serving.into() }))
    }

    type WatchStream = Empty<Result<HealthCheckResponse, Status>>;

    async fn watch(
        &self,
        _: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("nothing to watch here"))
    }
}
