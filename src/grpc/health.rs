//! What grpc.health.v1 answers: for the server as a whole and for each service.

use tonic::server::NamedService;
use tonic_health::{
    ServingStatus,
    pb::health_server::{Health as HealthRpcs, HealthServer},
    server::{HealthReporter, HealthService},
};

use crate::proto::v1::{
    admin_service_server::AdminServiceServer, token_service_server::TokenServiceServer,
};

/// The services that health is asked about. The empty name stands for the server and comes last:
/// once it is serving, everything is.
const SERVICES: [&str; 3] = [
    <TokenServiceServer<()> as NamedService>::NAME,
    <AdminServiceServer<()> as NamedService>::NAME,
    "",
];

/// The health of the server. Cloning shares it.
#[derive(Clone)]
pub struct Health {
    reporter: HealthReporter,
}

impl Health {
    /// Not serving yet. `tonic_health` would begin with the server as serving.
    pub async fn starting() -> Self {
        let health = Self { reporter: HealthReporter::new() };
        health.set(ServingStatus::NotServing).await;
        health
    }

    /// From now on calls are answered.
    pub async fn serving(&self) {
        self.set(ServingStatus::Serving).await;
    }

    /// From now on callers should go elsewhere.
    pub async fn not_serving(&self) {
        self.set(ServingStatus::NotServing).await;
    }

    /// Ends every health watch, which would hold its connection open for ever.
    pub async fn end_watches(&self) {
        let mut reporter = self.reporter.clone();
        for service in SERVICES {
            reporter.clear_service_status(service).await;
        }
    }

    /// The RPCs of grpc.health.v1.
    pub fn service(&self) -> HealthServer<impl HealthRpcs> {
        HealthServer::new(HealthService::from_health_reporter(self.reporter.clone()))
    }

    async fn set(&self, status: ServingStatus) {
        for service in SERVICES {
            self.reporter.set_service_status(service, status).await;
        }
    }
}
