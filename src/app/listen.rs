//! Binds the listeners and serves on them.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc};

use tokio::{sync::watch, task::JoinHandle};

use super::{SystemEntropy, open::StartError};
use crate::{
    config::Settings,
    domain::scopes::Scopes,
    grpc::{GrpcServer, Health},
    http::{HttpOptions, HttpServer},
    service::Ready,
    store::sled::SledStore,
    telemetry::RequestIds,
};

/// Where the process listens.
#[derive(Clone, Copy, Debug)]
pub struct Listeners {
    /// gRPC.
    pub grpc: SocketAddr,
    /// HTTP.
    pub http: SocketAddr,
}

type Task = JoinHandle<Result<(), Box<dyn std::error::Error + Send + Sync>>>;

/// The listeners at work.
pub(super) struct Serving {
    grpc: Task,
    http: Task,
}

impl Serving {
    /// Waits until a listener fails, and names it.
    pub(super) async fn failed(&mut self) -> &'static str {
        tokio::select! {
            _ = &mut self.grpc => "gRPC",
            _ = &mut self.http => "HTTP",
        }
    }

    /// Waits until every listener has answered what it had accepted.
    pub(super) async fn ended(self) {
        let (_, _) = tokio::join!(self.grpc, self.http);
    }
}

/// Binds every listener and begins to serve on them, until `stopping` says true.
pub(super) fn listen(
    settings: &Settings,
    ready: &Ready<SledStore>,
    health: &Health,
    stopping: &watch::Receiver<bool>,
) -> Result<(Listeners, Serving), StartError> {
    let address = settings.grpc.listen;
    let bound = GrpcServer::bind(address).and_then(|server| Ok((server.local_address()?, server)));
    let (grpc, server) = bound.map_err(|error| system(&format!("gRPC on {address}"), error))?;
    let stop = until_stopping(stopping.clone());
    let serving_grpc = server.serve(ready.clone(), health.clone(), Arc::new(SystemEntropy), stop);

    let address = settings.http.listen;
    let bound = HttpServer::bind(address).and_then(|server| Ok((server.local_address()?, server)));
    let (http, server) = bound.map_err(|error| system(&format!("HTTP on {address}"), error))?;
    let options = http_options(settings, http);
    let ids = RequestIds::new(&SystemEntropy);
    let stop = until_stopping(stopping.clone());
    let serving_http = server.serve(ready.clone(), options, ids, stop);

    let serving = Serving { grpc: tokio::spawn(serving_grpc), http: tokio::spawn(serving_http) };
    Ok((Listeners { grpc, http }, serving))
}

/// Without an issuer in the settings clients know the server by the address it listens on.
fn http_options(settings: &Settings, address: SocketAddr) -> HttpOptions {
    let issuer = settings.http.issuer.clone().unwrap_or_else(|| format!("http://{address}"));
    let scopes = settings.clients.iter().filter_map(|client| client.allowed_scopes.as_ref());
    let scopes: BTreeSet<&str> = scopes.flat_map(Scopes::values).collect();
    HttpOptions {
        issuer,
        cors_allowed_origins: settings.http.cors_allowed_origins.clone(),
        scopes_supported: scopes.into_iter().map(str::to_owned).collect(),
    }
}

async fn until_stopping(mut stopping: watch::Receiver<bool>) {
    // A sender that is gone has no more to say: stop as well.
    drop(stopping.wait_for(|stopping| *stopping).await);
}

pub(super) fn system(what: &str, error: std::io::Error) -> StartError {
    StartError::System { what: what.to_owned(), error }
}
