//! Answers of grpc.health.v1, for the server as a whole and for each service.

use std::{future::ready, pin::Pin, sync::Arc};

use arc_swap::ArcSwap;
use futures_util::{
    StreamExt as _,
    stream::{self, Stream},
};
use tonic::{
    Code, Request, Response, Status,
    metadata::{Ascii, MetadataValue},
    server::NamedService,
};
use tonic_health::{
    ServingStatus,
    pb::{
        HealthCheckRequest, HealthCheckResponse,
        health_check_response::ServingStatus as WireStatus,
        health_server::{Health as HealthRpcs, HealthServer},
    },
    server::{HealthReporter, HealthService},
};

use super::limits::MAX_NAME_BYTES;
use crate::proto::{
    envoy::service::auth::v3::authorization_server::AuthorizationServer,
    v1::{admin_service_server::AdminServiceServer, token_service_server::TokenServiceServer},
};

/// The services that health is asked about. The empty name stands for the server and comes last:
/// once it is serving, everything is.
const SERVICES: [&str; 4] = [
    <TokenServiceServer<()> as NamedService>::NAME,
    <AdminServiceServer<()> as NamedService>::NAME,
    <AuthorizationServer<()> as NamedService>::NAME,
    "",
];

/// The health of the server. Cloning shares it.
#[derive(Clone)]
pub struct Health {
    reporter: HealthReporter,
    /// Cause in the answers while the server is not serving.
    why: Arc<ArcSwap<MetadataValue<Ascii>>>,
}

impl Health {
    /// Not serving yet. `tonic_health` would begin with the server as serving.
    pub async fn starting() -> Self {
        let why = Arc::new(ArcSwap::from_pointee(MetadataValue::from_static("")));
        let health = Self { reporter: HealthReporter::new(), why };
        health.not_serving("starting").await;
        health
    }

    /// From now on calls are answered.
    pub async fn serving(&self) {
        self.set(ServingStatus::Serving).await;
    }

    /// From now on callers should go elsewhere, for this reason: a few words in ASCII.
    pub async fn not_serving(&self, why: &'static str) {
        self.why.store(Arc::new(MetadataValue::from_static(why)));
        self.set(ServingStatus::NotServing).await;
    }

    /// Ends every health watch, which would hold its connection open for ever.
    pub async fn end_watches(&self) {
        let mut reporter = self.reporter.clone();
        for service in SERVICES {
            reporter.clear_service_status(service).await;
        }
    }

    /// The RPCs of grpc.health.v1, which read messages of at most so many bytes, and of no more than
    /// the name of a service takes.
    pub fn service(&self, request_bytes: usize) -> HealthServer<impl HealthRpcs> {
        let service = HealthService::from_health_reporter(self.reporter.clone());
        HealthServer::new(Watchable { service, why: Arc::clone(&self.why) })
            .max_decoding_message_size(request_bytes.min(MAX_NAME_BYTES))
            .max_encoding_message_size(MAX_NAME_BYTES)
    }

    async fn set(&self, status: ServingStatus) {
        for service in SERVICES {
            self.reporter.set_service_status(service, status).await;
        }
    }
}

/// `tonic_health`'s answers, save two. A watch of an unknown service receives that status and stays
/// open (gRPC health checking protocol); `tonic_health` refuses it. A check of a server that is not
/// serving returns the cause in the metadata [`NOT_SERVING`].
struct Watchable {
    service: HealthService,
    why: Arc<ArcSwap<MetadataValue<Ascii>>>,
}

/// The name under which the answer of a health check says why the server is not serving.
pub const NOT_SERVING: &str = "jeton-not-serving";

type Statuses = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

#[tonic::async_trait]
impl HealthRpcs for Watchable {
    type WatchStream = Statuses;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let mut answer = self.service.check(request).await?;
        if answer.get_ref().status() == WireStatus::NotServing {
            let why = MetadataValue::clone(&self.why.load());
            answer.metadata_mut().insert(NOT_SERVING, why);
        }
        Ok(answer)
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Statuses>, Status> {
        match self.service.watch(request).await {
            Ok(watch) => Ok(watch.map(|statuses| -> Statuses { Box::pin(statuses) })),
            Err(refused) if refused.code() == Code::NotFound => {
                let unknown = HealthCheckResponse { status: WireStatus::ServiceUnknown.into() };
                // The services do not change while the process runs: nothing more is said, until
                // every watch ends, that of the server among them.
                let server = self.service.watch(Request::new(HealthCheckRequest::default())).await;
                let server = stream::iter(server.ok().map(Response::into_inner)).flatten();
                let silence = server.filter(|_| ready(false));
                Ok(Response::new(Box::pin(stream::once(ready(Ok(unknown))).chain(silence))))
            }
            Err(refused) => Err(refused),
        }
    }
}
