//! A balancer of HTTP/2 calls: an agent sees one address, and each of its calls may reach another instance.

use std::convert::Infallible;

use axum::{Router, body::Body, extract::Request, response::Response};
use tokio::{net::TcpListener, task::JoinSet};
use tonic::{Status, service::Routes, transport::Channel, transport::server::TcpIncoming};
use tower::{Service as _, ServiceExt as _, service_fn};

/// Forwards each call to the channel. Dropped, it closes everything.
pub(crate) struct Balancer {
    address: String,
    _tasks: JoinSet<()>,
}

impl Balancer {
    /// Begins to forward to `channel`.
    pub(crate) async fn over(channel: Channel) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let forward = service_fn(move |request| forward(channel.clone(), request));
        let routes = Routes::from(Router::new().fallback_service(forward));
        let server = tonic::transport::Server::builder().add_routes(routes);
        let serving = server.serve_with_incoming(TcpIncoming::from(listener));
        let mut tasks = JoinSet::new();
        tasks.spawn(async { serving.await.expect("the balancer serves") });
        Self { address, _tasks: tasks }
    }

    /// Its address, as clients take it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn forward(mut channel: Channel, request: Request) -> Result<Response, Infallible> {
    let called = async { channel.ready().await?.call(request.map(tonic::body::Body::new)).await };
    Ok(match called.await {
        Ok(response) => response.map(Body::new),
        Err(error) => Status::unavailable(error.to_string()).into_http(),
    })
}
