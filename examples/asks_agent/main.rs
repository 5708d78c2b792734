//! A tonic service that requires a token for `billing` with the scope `read`, and asks the agent beside it.
//!
//! It has no credentials and keeps nothing in memory: the agent does. Takes the agent's address and its own:
//! `cargo run --example asks_agent -- unix:/run/jeton-agent/agent.sock 127.0.0.1:50063`

#[path = "../guarded_tonic/clinic.rs"]
mod clinic;

use std::{env, error::Error};

use jeton::client::{
    Credentials, TokenClient, Validator, endpoint, layer::RequireToken, validator::Options,
};
use tonic::transport::Server;
use tonic_health::pb::health_server::HealthServer;
use tower::Layer as _;

use self::clinic::Clinic;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(agent), Some(listen)) = (arguments.next(), arguments.next()) else {
        return Err("usage: asks_agent AGENT LISTEN".into());
    };

    let client = TokenClient::new(endpoint(agent)?.connect_lazy(), Credentials::Unadded);
    let validator = Validator::asking(client, Options::default());
    let require = RequireToken::new(validator, "billing").scopes(["read"]);
    let guarded = require.layer(HealthServer::new(Clinic));

    println!("serving on {listen}");
    Server::builder().add_service(guarded).serve(listen.parse()?).await?;
    Ok(())
}
