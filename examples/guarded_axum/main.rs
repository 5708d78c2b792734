//! An axum service that requires a token for `billing` with the scope `read`.
//!
//! Takes the address of the token service and its own:
//! `cargo run --example guarded_axum -- http://127.0.0.1:50051 127.0.0.1:8060`

use std::{env, error::Error, sync::Arc};

use axum::{Extension, Router, routing::get};
use jeton::{
    client::{
        Basic, Claims, Credentials, TokenClient, Validator, endpoint, layer::RequireToken,
        validator::Options,
    },
    domain::secret::Secret,
};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(tokens), Some(listen)) = (arguments.next(), arguments.next()) else {
        return Err("usage: guarded_axum TOKEN-SERVICE LISTEN".into());
    };

    let basic = Basic::new("demo", &Secret::new("demo-secret"));
    let client = TokenClient::new(endpoint(tokens)?.connect_lazy(), Credentials::Basic(basic));
    let validator = Validator::start(client, Options::default());
    let require = RequireToken::new(validator, "billing").scopes(["read"]);
    let router = Router::new().route("/whoami", get(who_am_i)).layer(require);

    let listener = TcpListener::bind(&listen).await?;
    println!("serving on {}", listener.local_addr()?);
    axum::serve(listener, router).await?;
    Ok(())
}

async fn who_am_i(Extension(claims): Extension<Arc<Claims>>) -> String {
    claims.username.clone().unwrap_or_else(|| claims.client_id.clone())
}
