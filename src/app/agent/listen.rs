//! Binds an agent's listeners and serves on them.

use std::{future::pending, net::SocketAddr, sync::Arc};

use futures_util::future::OptionFuture;
use tokio::{sync::watch, task::JoinHandle};
use tracing::field::display;

use super::{known::Known, options::AgentOptions};
use crate::{
    app::{
        SystemEntropy,
        listen::{bytes, call_limits},
        open_files::most_connections,
        start::{Port, Refusal, start_cores, system},
    },
    config::{LimitSettings, ListenAddress, Runtime},
    domain::entropy::draw,
    grpc::{EnvoyOptions, GrpcMetrics, GrpcOptions, GrpcServer, Health},
    http::{CheckOptions, CheckServer, HttpMetrics},
    ops::{Exposition, OpsServer, Readiness},
    telemetry::RequestIds,
    transport::{Carriage, Pending, Protocol, Stage, Transport, WhenFull},
};

/// Addresses of an agent's listeners.
#[derive(Clone, Debug)]
pub(super) struct AgentListeners {
    grpc: ListenAddress,
    check: Option<ListenAddress>,
    ops: Option<SocketAddr>,
}

impl AgentListeners {
    /// Says that the agent serves, and where.
    pub(super) fn log(&self) {
        let (check, ops) = (self.check.as_ref().map(display), self.ops.map(display));
        tracing::info!(grpc = %self.grpc, check, ops, "serving");
    }
}

type Task = JoinHandle<Result<(), Box<dyn std::error::Error + Send + Sync>>>;

/// The listeners at work.
pub(super) struct Serving {
    grpc: Task,
    check: Option<Task>,
}

impl Serving {
    /// Waits until a listener fails, and names it.
    pub(super) async fn failed(&mut self) -> &'static str {
        let check = async {
            match &mut self.check {
                Some(check) => drop(check.await),
                None => pending().await,
            }
        };
        tokio::select! {
            _ = &mut self.grpc => "gRPC",
            () = check => "/check",
        }
    }

    /// Waits until every listener has answered what it had accepted.
    pub(super) async fn ended(self) {
        let (_, _) = tokio::join!(self.grpc, OptionFuture::from(self.check));
    }
}

/// Binds every listener and begins to serve on them, for as long as the stage says so.
pub(super) fn listen(
    options: &AgentOptions,
    known: Arc<Known>,
    health: &Health,
    readiness: &Readiness,
    exposition: &Exposition,
    stage: &watch::Receiver<Stage>,
) -> Result<(AgentListeners, Serving), Refusal> {
    let cores = start_cores(Runtime::PerCore)?;
    let ops = match options.ops {
        None => None,
        Some(address) => {
            let port = Port::ops(address);
            let server = port.had(OpsServer::bind(address))?;
            let bound = port.had(server.local_address())?;
            let started = server.start(readiness, exposition, health, cores.clone());
            started.map_err(|error| system("the thread for probes", error))?;
            Some(bound)
        }
    };
    let limits = LimitSettings::default();
    let connections = most_connections(limits.connections, 0);
    let limits = LimitSettings { connections, ..limits };
    let pending = Pending::limited(bytes(limits.pending_bytes));
    let transport = |protocol| {
        let carriage = Carriage {
            protocol,
            tls: None,
            limits: limits.clone(),
            pending: Arc::clone(&pending),
            when_full: WhenFull::Refuse,
            cores: cores.clone(),
            spread: u64::from_be_bytes(draw(&SystemEntropy)),
            stage: stage.clone(),
        };
        Transport::new(carriage)
    };
    let (grpc_metrics, http_metrics) = (GrpcMetrics::new(), HttpMetrics::new());
    exposition.add([grpc_metrics.registry(), http_metrics.registry()]);

    let port = Port::new("gRPC", "listen", options.listen.clone()).with_mode(options.socket_mode);
    let listener = port.had(port.listen())?;
    let grpc = port.had(listener.address())?;
    let server = GrpcServer::over(listener);
    let envoy = EnvoyOptions { headers: options.headers.clone(), ..EnvoyOptions::default() };
    let grpc_options = GrpcOptions { limits: call_limits(&limits), reflection: true, envoy };
    let (called, entropy) = (Arc::clone(&known), Arc::new(SystemEntropy));
    let over = transport(Protocol::Http2);
    let serving_grpc =
        server.serve_agent(called, grpc_options, health.clone(), grpc_metrics, entropy, over);

    let (check, serving_check) = match &options.check {
        None => (None, None),
        Some(address) => {
            let port = Port::new("/check", "check", address.clone()).with_mode(options.socket_mode);
            let listener = port.had(port.listen())?;
            let bound = port.had(listener.address())?;
            let server = CheckServer::over(listener);
            let options = CheckOptions {
                headers: options.headers.clone(),
                request_timeout: limits.request_timeout,
            };
            let ids = RequestIds::new(&SystemEntropy);
            let over = transport(Protocol::Http1);
            (Some(bound), Some(server.serve(known, options, http_metrics, ids, over)))
        }
    };
    let serving =
        Serving { grpc: tokio::spawn(serving_grpc), check: serving_check.map(tokio::spawn) };
    Ok((AgentListeners { grpc, check, ops }, serving))
}
