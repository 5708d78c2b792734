//! A tonic service that requires a token for `billing` with the scope `read`.
//!
//! Takes the address of the token service and its own:
//! `cargo run --example guarded_tonic -- http://127.0.0.1:50051 127.0.0.1:50060`

mod clinic;

use std::{env, error::Error};

use jeton::{
    client::{
        Basic, Credentials, TokenClient, Validator, endpoint, layer::RequireToken,
        validator::Options,
    },
    domain::secret::Secret,
};
use tonic::transport::Server;
use tonic_health::pb::health_server::HealthServer;
use tower::Layer as _;

use self::clinic::Clinic;

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
