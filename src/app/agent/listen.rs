//! The listeners of an agent.

use std::sync::Arc;

use super::known::Known;
use crate::{
    app::{
        SystemEntropy,
        listeners::{Listeners, ProcessState, Serving, Shared, bytes},
        open_files::most_connections,
        start::{Port, Refusal},
    },
    bearer::IdentityHeaders,
    config::{AgentSettings, LimitSettings, ListenAddress, SocketAccess},
    grpc::{EnvoyOptions, GrpcMetrics, GrpcOptions, GrpcServer},
    http::{AgentEndpoints, BodyLimits, CheckOptions, CheckServer, HttpMetrics},
    telemetry::RequestIds,
    transport::Protocol,
};

/// Binds every listener and begins to serve on them, for as long as the stage says so.
pub(super) fn listen(
    settings: &AgentSettings,
    known: &Arc<Known>,
    process: &ProcessState<'_>,
) -> Result<(Listeners, Serving), Refusal> {
    let port = |name, key, address: &ListenAddress| {
        Port::new(name, key, address.clone()).with_access(settings.socket())
    };
    // Of a socket of the file system for probes its mode alone says who may connect.
    let for_probes = SocketAccess { uids: None, ..settings.socket() };
    let ops = settings.ops_listen.clone();
    let ops = ops.map(|address| Port::new("ops", "ops_listen", address).with_access(for_probes));
    let ops = ops.map(|port| process.listen_for_ops(&port)).transpose()?;
    let limits = LimitSettings::default();
    let connections = most_connections(limits.connections, 0);
    let shared = Shared::new(process, LimitSettings { connections, ..limits });
    let (grpc_metrics, http_metrics) = (GrpcMetrics::new(), HttpMetrics::new());
    process.exposition.add([grpc_metrics.registry(), http_metrics.registry()]);
    let mut serving = Serving::default();

    let port_grpc = port("gRPC", "listen", &settings.listen);
    let listener = port_grpc.had(port_grpc.listen())?;
    let grpc = port_grpc.had(listener.address())?;
    let options = GrpcOptions {
        limits: shared.call_limits(),
        reflection: true,
        envoy: EnvoyOptions::default(),
    };
    let (called, entropy) = (Arc::clone(known), Arc::new(SystemEntropy));
    let over = shared.transport(Protocol::Http2, process.tls_at(&grpc));
    let server = GrpcServer::over(listener);
    let health = process.health.clone();
    serving.add("gRPC", server.serve_agent(called, options, health, grpc_metrics, entropy, over));

    let check = match &settings.check_listen {
        None => None,
        Some(address) => {
            let port = port("HTTP", "check_listen", address);
            let listener = port.had(port.listen())?;
            let bound = port.had(listener.address())?;
            let limits = &shared.limits;
            let endpoints = AgentEndpoints {
                known: Arc::clone(known),
                body: BodyLimits { bytes: bytes(limits.body_bytes), timeout: limits.body_timeout },
                request_timeout: limits.request_timeout,
                metrics: http_metrics.clone(),
            };
            let server = CheckServer::over(listener).beside(endpoints.router());
            let (headers, request_timeout) = (IdentityHeaders::default(), limits.request_timeout);
            let certificate_header = settings.certificate_header.clone();
            let options = CheckOptions { headers, request_timeout, certificate_header };
            let ids = RequestIds::new(&SystemEntropy);
            let over = shared.transport(Protocol::Http1, process.tls_at(&bound));
            serving.add("HTTP", server.serve(Arc::clone(known), options, http_metrics, ids, over));
            Some(bound)
        }
    };
    Ok((Listeners { grpc, http: None, ops, check }, serving))
}
