//! Binds an agent's listeners and serves on them.

use std::{future::pending, sync::Arc};

use futures_util::future::OptionFuture;
use tokio::{sync::watch, task::JoinHandle};
use tracing::field::display;

use super::{known::Known, options::AgentOptions};
use crate::{
    app::{
        SystemClock, SystemEntropy,
        listen::{bytes, call_limits, tls_at},
        open_files::most_connections,
        start::{Port, Refusal, system},
    },
    config::{LimitSettings, ListenAddress, SocketAccess},
    domain::entropy::draw,
    grpc::{EnvoyOptions, GrpcMetrics, GrpcOptions, GrpcServer, Health},
    http::{AgentEndpoints, BodyLimits, CheckOptions, CheckServer, HttpMetrics},
    ops::{Exposition, OpsServer, Readiness},
    telemetry::RequestIds,
    transport::{Carriage, Cores, Pending, Protocol, Stage, Tls, Transport, WhenFull},
};

/// Addresses of an agent's listeners.
#[derive(Clone, Debug)]
pub(super) struct AgentListeners {
    grpc: ListenAddress,
    check: Option<ListenAddress>,
    ops: Option<ListenAddress>,
}

impl AgentListeners {
    /// Says that the agent serves, and where.
    pub(super) fn log(&self) {
        let (check, ops) = (self.check.as_ref().map(display), self.ops.as_ref().map(display));
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
            () = check => "HTTP",
        }
    }

    /// Waits until every listener has answered what it had accepted.
    pub(super) async fn ended(self) {
        let (_, _) = tokio::join!(self.grpc, OptionFuture::from(self.check));
    }
}

/// The state of an agent, as its listeners see it.
pub(super) struct AgentProcess<'a> {
    pub(super) tls: Option<&'a Tls>,
    pub(super) cores: Option<&'a Cores>,
    pub(super) health: &'a Health,
    pub(super) readiness: &'a Readiness,
    pub(super) exposition: &'a Exposition,
    pub(super) stage: &'a watch::Receiver<Stage>,
}

/// Binds every listener and begins to serve on them, for as long as the stage says so.
pub(super) fn listen(
    options: &AgentOptions,
    known: Arc<Known>,
    process: &AgentProcess<'_>,
) -> Result<(AgentListeners, Serving), Refusal> {
    let &AgentProcess { tls, cores, health, exposition, stage, .. } = process;
    let ops = listen_for_ops(options, process)?;
    let limits = LimitSettings::default();
    let connections = most_connections(limits.connections, 0);
    let limits = LimitSettings { connections, ..limits };
    let pending = Pending::limited(bytes(limits.pending_bytes));
    let transport = |protocol, address: &ListenAddress| {
        let carriage = Carriage {
            protocol,
            tls: tls_at(address, tls).cloned(),
            limits: limits.clone(),
            pending: Arc::clone(&pending),
            when_full: WhenFull::Refuse,
            cores: cores.cloned(),
            spread: u64::from_be_bytes(draw(&SystemEntropy)),
            stage: stage.clone(),
        };
        Transport::new(carriage)
    };
    let (grpc_metrics, http_metrics) = (GrpcMetrics::new(), HttpMetrics::new());
    exposition.add([grpc_metrics.registry(), http_metrics.registry()]);

    let port = Port::new("gRPC", "listen", options.listen.clone());
    let port = port.with_access(options.socket.clone());
    let listener = port.had(port.listen())?;
    let grpc = port.had(listener.address())?;
    let server = GrpcServer::over(listener);
    let envoy = EnvoyOptions { headers: options.headers.clone(), ..EnvoyOptions::default() };
    let grpc_options = GrpcOptions { limits: call_limits(&limits), reflection: true, envoy };
    let (called, entropy) = (Arc::clone(&known), Arc::new(SystemEntropy));
    let over = transport(Protocol::Http2, &grpc);
    let serving_grpc =
        server.serve_agent(called, grpc_options, health.clone(), grpc_metrics, entropy, over);

    let (check, serving_check) = match &options.check {
        None => (None, None),
        Some(address) => {
            let port = Port::new("HTTP", "check", address.clone());
            let port = port.with_access(options.socket.clone());
            let listener = port.had(port.listen())?;
            let bound = port.had(listener.address())?;
            let endpoints = AgentEndpoints {
                known: Arc::clone(&known),
                body: BodyLimits { bytes: bytes(limits.body_bytes), timeout: limits.body_timeout },
                request_timeout: limits.request_timeout,
                metrics: http_metrics.clone(),
            };
            let server = CheckServer::over(listener).beside(endpoints.router());
            let options = CheckOptions {
                headers: options.headers.clone(),
                request_timeout: limits.request_timeout,
            };
            let ids = RequestIds::new(&SystemEntropy);
            let over = transport(Protocol::Http1, &bound);
            (Some(bound), Some(server.serve(known, options, http_metrics, ids, over)))
        }
    };
    let serving =
        Serving { grpc: tokio::spawn(serving_grpc), check: serving_check.map(tokio::spawn) };
    Ok((AgentListeners { grpc, check, ops }, serving))
}

/// Binds the listener of probes and metrics, if there is to be one, and serves on it until the process
/// ends. Of a socket of the file system its mode alone says who may connect.
fn listen_for_ops(
    options: &AgentOptions,
    &AgentProcess { readiness, exposition, health, cores, .. }: &AgentProcess<'_>,
) -> Result<Option<ListenAddress>, Refusal> {
    let Some(address) = &options.ops else { return Ok(None) };
    let access = SocketAccess { uids: None, ..options.socket.clone() };
    let port = Port::new("ops", "ops", address.clone()).with_access(access);
    let socket = port.had(port.bind())?;
    let bound = port.had(socket.address())?;
    let server = OpsServer::over(socket, Arc::new(SystemClock));
    let started = server.start(readiness, exposition, health, cores.cloned());
    started.map_err(|error| system("the thread for probes", error))?;
    Ok(Some(bound))
}
