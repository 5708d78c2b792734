//! A tonic service that requires a token for `billing` with the scope `read`.
//!
//! Takes the address of the token service and its own:
//! `cargo run --example guarded_tonic -- http://127.0.0.1:50051 127.0.0.1:50060`

use std::{env, error::Error, sync::Arc};

use jeton::{
    client::{
        Basic, Claims, Credentials, TokenClient, Validator, endpoint, layer::RequireToken,
        validator::Options,
    },
    domain::secret::Secret,
};
use tokio_stream::Empty;
use tonic::{Request, Response, Status, transport::Server};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse,
    health_check_response::ServingStatus,
    health_server::{Health, HealthServer},
};
use tower::Layer as _;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(tokens), Some(listen)) = (arguments.next(), arguments.next()) else {
        return Err("usage: guarded_tonic TOKEN-SERVICE LISTEN".into());
    };

    let basic = Basic::new("demo", &Secret::new("demo-secret"));
    let client = TokenClient::new(endpoint(tokens)?.connect_lazy(), Credentials::Basic(basic));
    let validator = Validator::start(client, Options::default());
    let require = RequireToken::new(validator, "billing").scopes(["read"]);
    // This guards one service; `Server::builder().layer(require)` guards all of them.
    let guarded = require.layer(HealthServer::new(Clinic));

    println!("serving on {listen}");
    Server::builder().add_service(guarded).serve(listen.parse()?).await?;
    Ok(())
}

/// A placeholder for any generated service.
struct Clinic;

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
