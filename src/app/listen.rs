//! The listeners of a server.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use rustix::system::uname;

use super::{
    SystemEntropy,
    listeners::{Listeners, ProcessState, Serving, Shared, bytes},
    open_files::most_connections,
    start::{Port, Refusal},
};
use crate::{
    config::{CheckSettings, EnvoyUndecided, LimitSettings, ListenAddress, Settings},
    domain::{client_id::ClientId, scopes::Scopes},
    grpc::{EnvoyOptions, GrpcMetrics, GrpcOptions, GrpcServer},
    http::{
        BodyLimits, CheckOptions, CheckServer, CorsOptions, HttpMetrics, HttpOptions, HttpServer,
        ListenerDoor,
    },
    service::Ready,
    store::Engine,
    telemetry::RequestIds,
    transport::Protocol,
};

/// The state of a server, as its listeners see it.
pub(super) struct ServerState<'a> {
    pub(super) process: ProcessState<'a>,
    pub(super) ready: &'a Ready<Engine>,
}

/// Binds every listener and begins to serve on them, for as long as the stage says so.
pub(super) fn listen(
    settings: &Settings,
    &ServerState { ref process, ready }: &ServerState<'_>,
) -> Result<(Listeners, Serving), Refusal> {
    // First: it reports why the others do not answer yet.
    let ops = Port::ops(settings).map(|port| process.listen_for_ops(&port)).transpose()?;
    let (grpc_metrics, http_metrics) = (GrpcMetrics::new(), HttpMetrics::new());
    process.exposition.add([grpc_metrics.registry(), http_metrics.registry()]);

    let port = Port::grpc(settings);
    let listener = port.had(port.listen())?;
    let grpc = port.had(listener.address())?;
    let server = GrpcServer::over(listener);
    let connections = most_connections(settings.limits.connections, check_connections(settings));
    let shared = Shared::new(process, LimitSettings { connections, ..settings.limits.clone() });
    let options = GrpcOptions {
        limits: shared.call_limits(),
        reflection: settings.grpc.reflection,
        envoy: envoy_options(&settings.check),
    };
    let (health, entropy) = (process.health.clone(), Arc::new(SystemEntropy));
    let over = shared.transport(Protocol::Http2, process.tls_at(&grpc));
    let serving_grpc = server.serve(ready.clone(), options, health, grpc_metrics, entropy, over);

    let port = Port::http(settings);
    let listener = port.had(port.listen())?;
    let http = port.had(listener.address())?;
    let server = HttpServer::over(listener);
    let options = http_options(settings, process.tls.is_some(), &http);
    let ids = RequestIds::new(&SystemEntropy);
    let over = shared.transport(Protocol::Http1, process.tls_at(&http));
    let serving_http = server.serve(ready.clone(), options, http_metrics.clone(), ids, over);

    let mut serving = Serving::default();
    let check = match check_server(settings)? {
        None => None,
        Some((address, server, client)) => {
            let options = check_options(settings);
            let ids = RequestIds::new(&SystemEntropy);
            let connections = connections.min(check_connections(settings));
            let limits = LimitSettings { connections, ..shared.limits.clone() };
            // Only this machine reaches it.
            let over = shared.limited(Protocol::Http1, None, limits);
            let door = Arc::new(ListenerDoor { service: ready.clone(), client });
            serving.add("/check", server.serve(door, options, http_metrics, ids, over));
            Some(address)
        }
    };
    serving.add("gRPC", serving_grpc);
    serving.add("HTTP", serving_http);
    Ok((Listeners { grpc, http: Some(http), ops, check }, serving))
}

/// Most connections of `/check`: the proxies of one machine keep them, or open one for each request under
/// way.
const MOST_CHECK_CONNECTIONS: u32 = 1_024;

/// Returns the number of connections that `/check` may take, if it listens.
fn check_connections(settings: &Settings) -> u32 {
    let listens = settings.check.listen.is_some();
    if listens { settings.limits.connections.min(MOST_CHECK_CONNECTIONS) } else { 0 }
}

/// Binds the listener of `/check`, if there is to be one.
fn check_server(
    settings: &Settings,
) -> Result<Option<(ListenAddress, CheckServer, ClientId)>, Refusal> {
    let (Some(port), Some(client)) = (Port::check(settings), &settings.check.client) else {
        return Ok(None);
    };
    let listener = port.had(port.listen())?;
    let bound = port.had(listener.address())?;
    Ok(Some((bound, CheckServer::over(listener), client.clone())))
}

/// Returns the URL that clients know the server by: without one in the settings it has the name of the
/// machine.
pub(super) fn issuer(settings: &Settings, tls: bool, address: Option<&ListenAddress>) -> String {
    let scheme = if tls { "https" } else { "http" };
    settings.http.issuer.clone().unwrap_or_else(|| match address {
        Some(ListenAddress::Network(address)) => {
            format!("{scheme}://{}:{}", name_of(address.ip()), address.port())
        }
        Some(ListenAddress::Unix(_)) | None => format!("{scheme}://{HERE}"),
    })
}

fn http_options(settings: &Settings, tls: bool, address: &ListenAddress) -> HttpOptions {
    let issuer = issuer(settings, tls, Some(address));
    let scopes = settings.clients.iter().filter_map(|client| client.patch.allowed_scopes.as_ref());
    let scopes: BTreeSet<&str> = scopes.flat_map(Scopes::values).collect();
    HttpOptions {
        issuer,
        cors: CorsOptions {
            allowed_origins: settings.http.cors_allowed_origins.clone(),
            allowed_headers: settings.http.cors_allowed_headers.clone(),
        },
        assertions: settings.http.issuer.is_some(),
        people: settings.issuers.iter().any(|issuer| issuer.rules.people.is_some()),
        client_certificates: settings.tls.as_ref().is_some_and(|tls| tls.clients.is_some()),
        scopes_supported: scopes.into_iter().map(str::to_owned).collect(),
        body: BodyLimits {
            bytes: bytes(settings.limits.body_bytes),
            timeout: settings.limits.body_timeout,
        },
        request_timeout: settings.limits.request_timeout,
    }
}

/// The name of this machine for itself.
const HERE: &str = "localhost";

/// Returns the machine's name, or `localhost` if no other machine reaches the address: a
/// certificate holds a name, and an address such as 0.0.0.0 leads no client here.
fn name_of(address: IpAddr) -> String {
    if address.to_canonical().is_loopback() {
        return HERE.to_owned();
    }
    let system = uname();
    let name = system.nodename().to_str().unwrap_or_default();
    if name.is_empty() || name == "(none)" { HERE.to_owned() } else { name.to_owned() }
}

fn check_options(settings: &Settings) -> CheckOptions {
    CheckOptions {
        headers: settings.check.header_prefix.clone(),
        request_timeout: settings.limits.request_timeout,
        certificate_header: settings.check.certificate_header.clone(),
    }
}

fn envoy_options(settings: &CheckSettings) -> EnvoyOptions {
    EnvoyOptions {
        headers: settings.header_prefix.clone(),
        removes_authorization: settings.envoy_remove_authorization,
        fails_undecided: settings.envoy_undecided == EnvoyUndecided::Fail,
    }
}
