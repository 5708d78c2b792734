//! Binds the listeners and serves on them.

use std::{collections::BTreeSet, future::pending, net::IpAddr, sync::Arc};

use bytesize::ByteSize;
use futures_util::future::OptionFuture;
use rustix::system::uname;
use tokio::{sync::watch, task::JoinHandle};
use tracing::field::display;

use super::{
    SystemClock, SystemEntropy,
    open_files::most_connections,
    start::{Port, Refusal, system},
};
use crate::{
    config::{CheckSettings, EnvoyUndecided, LimitSettings, ListenAddress, Settings},
    domain::{client_id::ClientId, entropy::draw, scopes::Scopes},
    grpc::{CallLimits, EnvoyOptions, GrpcMetrics, GrpcOptions, GrpcServer, Health},
    http::{
        BodyLimits, CheckOptions, CheckServer, CorsOptions, HttpMetrics, HttpOptions, HttpServer,
        ListenerDoor,
    },
    ops::{Exposition, OpsServer, Readiness},
    service::Ready,
    store::Engine,
    telemetry::RequestIds,
    transport::{Carriage, Cores, Pending, Protocol, Stage, Tls, Transport, WhenFull},
};

/// Addresses of the process's listeners.
#[derive(Clone, Debug)]
pub struct Listeners {
    /// gRPC.
    pub grpc: ListenAddress,
    /// HTTP.
    pub http: ListenAddress,
    /// Probes and metrics, unless they are turned off.
    pub ops: Option<ListenAddress>,
    /// `/check`, if it is asked for.
    pub check: Option<ListenAddress>,
}

impl Listeners {
    /// Says that the process serves, and where.
    pub(super) fn log(&self) {
        let ops = self.ops.as_ref().map(display);
        let check = self.check.as_ref().map(display);
        tracing::info!(grpc = %self.grpc, http = %self.http, ops, check, "serving");
    }
}

type Task = JoinHandle<Result<(), Box<dyn std::error::Error + Send + Sync>>>;

/// The listeners at work.
pub(super) struct Serving {
    grpc: Task,
    http: Task,
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
            _ = &mut self.http => "HTTP",
            () = check => "/check",
        }
    }

    /// Waits until every listener has answered what it had accepted.
    pub(super) async fn ended(self) {
        let (_, _, _) = tokio::join!(self.grpc, self.http, OptionFuture::from(self.check));
    }
}

/// The state of the process, as the listeners see it.
pub(super) struct ProcessState<'a> {
    pub(super) tls: Option<&'a Tls>,
    pub(super) cores: Option<&'a Cores>,
    pub(super) ready: &'a Ready<Engine>,
    pub(super) health: &'a Health,
    pub(super) readiness: &'a Readiness,
    pub(super) exposition: &'a Exposition,
    pub(super) stage: &'a watch::Receiver<Stage>,
}

/// Binds every listener and begins to serve on them, for as long as the stage says so.
pub(super) fn listen(
    settings: &Settings,
    process: &ProcessState<'_>,
) -> Result<(Listeners, Serving), Refusal> {
    // First: it reports why the others do not answer yet.
    let ops = listen_for_ops(settings, process)?;
    let &ProcessState { tls, cores, ready, health, exposition, stage, .. } = process;

    let (grpc_metrics, http_metrics) = (GrpcMetrics::new(), HttpMetrics::new());
    exposition.add([grpc_metrics.registry(), http_metrics.registry()]);

    let port = Port::grpc(settings);
    let listener = port.had(port.listen())?;
    let grpc = port.had(listener.address())?;
    let server = GrpcServer::over(listener);
    let limits = LimitSettings {
        connections: most_connections(settings.limits.connections, check_connections(settings)),
        ..settings.limits.clone()
    };
    let pending = Pending::limited(bytes(limits.pending_bytes));
    let transport = |protocol, tls: Option<&Tls>, limits: &LimitSettings| {
        let carriage = Carriage {
            protocol,
            tls: tls.cloned(),
            limits: limits.clone(),
            pending: Arc::clone(&pending),
            when_full: WhenFull::Refuse,
            cores: cores.cloned(),
            spread: u64::from_be_bytes(draw(&SystemEntropy)),
            stage: stage.clone(),
        };
        Transport::new(carriage)
    };
    let options = GrpcOptions {
        limits: call_limits(&limits),
        reflection: settings.grpc.reflection,
        envoy: envoy_options(&settings.check),
    };
    let (ready, health, entropy) = (ready.clone(), health.clone(), Arc::new(SystemEntropy));
    let over = transport(Protocol::Http2, tls_at(&grpc, tls), &limits);
    let serving_grpc = server.serve(ready.clone(), options, health, grpc_metrics, entropy, over);

    let port = Port::http(settings);
    let listener = port.had(port.listen())?;
    let http = port.had(listener.address())?;
    let server = HttpServer::over(listener);
    let options = http_options(settings, tls.is_some(), &http);
    let ids = RequestIds::new(&SystemEntropy);
    let over = transport(Protocol::Http1, tls_at(&http, tls), &limits);
    let serving_http = server.serve(ready.clone(), options, http_metrics.clone(), ids, over);

    let (check, serving_check) = match check_server(settings)? {
        None => (None, None),
        Some((address, server, client)) => {
            let options = check_options(settings);
            let ids = RequestIds::new(&SystemEntropy);
            let connections = limits.connections.min(check_connections(settings));
            let limits = LimitSettings { connections, ..limits.clone() };
            // Only this machine reaches it.
            let over = transport(Protocol::Http1, None, &limits);
            let door = Arc::new(ListenerDoor { service: ready.clone(), client });
            let serving = server.serve(door, options, http_metrics, ids, over);
            (Some(address), Some(tokio::spawn(serving)))
        }
    };

    let (grpc_task, http_task) = (tokio::spawn(serving_grpc), tokio::spawn(serving_http));
    let serving = Serving { grpc: grpc_task, http: http_task, check: serving_check };
    Ok((Listeners { grpc, http, ops, check }, serving))
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

/// TLS where it is listened: nothing is sent over a socket of the file system that could be heard on its way.
pub(super) fn tls_at<'a>(address: &ListenAddress, tls: Option<&'a Tls>) -> Option<&'a Tls> {
    tls.filter(|_| matches!(address, ListenAddress::Network(_)))
}

/// Binds the ops listener, if there is to be one, and serves on it until the process ends.
fn listen_for_ops(
    settings: &Settings,
    &ProcessState { readiness, exposition, health, cores, .. }: &ProcessState<'_>,
) -> Result<Option<ListenAddress>, Refusal> {
    let Some(port) = Port::ops(settings) else { return Ok(None) };
    let socket = port.had(port.bind())?;
    let bound = port.had(socket.address())?;
    let server = OpsServer::over(socket, Arc::new(SystemClock));
    let started = server.start(readiness, exposition, health, cores.cloned());
    started.map_err(|error| system("the thread for probes", error))?;
    // Logged now: nothing else can be asked while the store is being opened.
    tracing::info!(ops = %bound, "answering probes");
    Ok(Some(bound))
}

/// Without an issuer in the settings clients know the server by the name of its machine.
fn http_options(settings: &Settings, tls: bool, address: &ListenAddress) -> HttpOptions {
    let scheme = if tls { "https" } else { "http" };
    let default = || match address {
        ListenAddress::Network(address) => {
            format!("{scheme}://{}:{}", name_of(address.ip()), address.port())
        }
        ListenAddress::Unix(_) => format!("{scheme}://{HERE}"),
    };
    let issuer = settings.http.issuer.clone().unwrap_or_else(default);
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

pub(super) fn bytes(size: ByteSize) -> usize {
    usize::try_from(size.as_u64()).unwrap_or(usize::MAX)
}

pub(super) fn call_limits(limits: &LimitSettings) -> CallLimits {
    CallLimits {
        request_bytes: bytes(limits.request_bytes),
        response_bytes: bytes(limits.response_bytes),
        timeout: limits.request_timeout,
        admin_timeout: limits.admin_request_timeout,
    }
}

fn check_options(settings: &Settings) -> CheckOptions {
    CheckOptions {
        headers: settings.check.header_prefix.clone(),
        request_timeout: settings.limits.request_timeout,
    }
}

fn envoy_options(settings: &CheckSettings) -> EnvoyOptions {
    EnvoyOptions {
        headers: settings.header_prefix.clone(),
        removes_authorization: settings.envoy_remove_authorization,
        fails_undecided: settings.envoy_undecided == EnvoyUndecided::Fail,
    }
}
