//! The listeners of a process, of a server or an agent: what they share, and their end.

use std::{error::Error, pin::pin, sync::Arc, time::Duration};

use bytesize::ByteSize;
use tokio::{sync::watch, task::JoinSet, time::timeout};
use tracing::field::display;

use super::{
    SystemClock, SystemEntropy,
    start::{Port, Refusal, system},
};
use crate::{
    config::{LimitSettings, ListenAddress},
    domain::entropy::draw,
    grpc::{CallLimits, Health},
    ops::{Exposition, OpsServer, Readiness},
    transport::{Carriage, Cores, Pending, Protocol, Stage, Tls, Transport, WhenFull},
};

/// Addresses of the process's listeners.
#[derive(Clone, Debug)]
pub struct Listeners {
    /// gRPC.
    pub grpc: ListenAddress,
    /// HTTP, of a server.
    pub http: Option<ListenAddress>,
    /// Probes and metrics, unless they are turned off.
    pub ops: Option<ListenAddress>,
    /// `/check`, if it is asked for.
    pub check: Option<ListenAddress>,
}

impl Listeners {
    /// Says that the process serves, and where.
    pub(super) fn log(&self) {
        let Self { grpc, http, ops, check } = self;
        let [http, ops, check] = [http, ops, check].map(|address| address.as_ref().map(display));
        tracing::info!(%grpc, http, ops, check, "serving");
    }
}

/// The listeners at work. Dropped, they go on until the process ends.
#[derive(Default)]
pub(super) struct Serving(JoinSet<&'static str>);

impl Serving {
    /// Serves on one more listener, which has this name if it fails.
    pub(super) fn add(
        &mut self,
        name: &'static str,
        serving: impl Future<Output = Result<(), Box<dyn Error + Send + Sync>>> + Send + 'static,
    ) {
        let serving = tokio::spawn(serving);
        self.0.spawn(async move {
            // It has logged why it ended.
            drop(serving.await);
            name
        });
    }

    /// Waits until a listener fails, and names it.
    pub(super) async fn failed(&mut self) -> &'static str {
        match self.0.join_next().await {
            Some(Ok(name)) => name,
            Some(Err(_)) | None => std::future::pending().await,
        }
    }

    /// Lets calls in flight finish, for as long as there is patience; then cuts them off.
    pub(super) async fn drain(
        mut self,
        patience: Duration,
        health: &Health,
        stage: &watch::Sender<Stage>,
    ) {
        stage.send_replace(Stage::Draining);
        health.end_watches().await;
        let mut ended = pin!(async { while self.0.join_next().await.is_some() {} });
        if timeout(patience, ended.as_mut()).await.is_err() {
            tracing::warn!("calls were cut off: they outlived the drain timeout");
            stage.send_replace(Stage::Cut);
            ended.await;
        }
    }
}

/// The state of the process, as the listeners see it.
pub(super) struct ProcessState<'a> {
    pub(super) tls: Option<&'a Tls>,
    pub(super) cores: Option<&'a Cores>,
    pub(super) health: &'a Health,
    pub(super) readiness: &'a Readiness,
    pub(super) exposition: &'a Exposition,
    pub(super) stage: &'a watch::Receiver<Stage>,
}

impl ProcessState<'_> {
    /// Binds the listener of probes and metrics, and serves on it until the process ends.
    pub(super) fn listen_for_ops(&self, port: &Port) -> Result<ListenAddress, Refusal> {
        let socket = port.had(port.bind())?;
        let bound = port.had(socket.address())?;
        let (readiness, exposition, health) = (self.readiness, self.exposition, self.health);
        let server = OpsServer::over(socket, Arc::new(SystemClock));
        let started = server.start(readiness, exposition, health, self.cores.cloned());
        started.map_err(|error| system("the thread for probes", error))?;
        // Logged now: nothing else can be asked until the process is ready.
        tracing::info!(ops = %bound, "answering probes");
        Ok(bound)
    }

    /// TLS where it is listened: nothing is sent over a socket of the file system that could be heard on
    /// its way.
    pub(super) fn tls_at(&self, address: &ListenAddress) -> Option<&Tls> {
        self.tls.filter(|_| matches!(address, ListenAddress::Network(_)))
    }
}

/// State that the connections of all listeners share.
pub(super) struct Shared<'a> {
    process: &'a ProcessState<'a>,
    pub(super) limits: LimitSettings,
    pending: Arc<Pending>,
}

impl<'a> Shared<'a> {
    pub(super) fn new(process: &'a ProcessState<'a>, limits: LimitSettings) -> Self {
        let pending = Pending::limited(bytes(limits.pending_bytes));
        Self { process, limits, pending }
    }

    /// Carries the connections of one listener.
    pub(super) fn transport(&self, protocol: Protocol, tls: Option<&Tls>) -> Arc<Transport> {
        self.limited(protocol, tls, self.limits.clone())
    }

    /// The same within limits of its own.
    pub(super) fn limited(
        &self,
        protocol: Protocol,
        tls: Option<&Tls>,
        limits: LimitSettings,
    ) -> Arc<Transport> {
        let &ProcessState { cores, stage, .. } = self.process;
        Transport::new(Carriage {
            protocol,
            tls: tls.cloned(),
            limits,
            pending: Arc::clone(&self.pending),
            when_full: WhenFull::Refuse,
            cores: cores.cloned(),
            spread: u64::from_be_bytes(draw(&SystemEntropy)),
            stage: stage.clone(),
        })
    }

    pub(super) fn call_limits(&self) -> CallLimits {
        CallLimits {
            request_bytes: bytes(self.limits.request_bytes),
            response_bytes: bytes(self.limits.response_bytes),
            timeout: self.limits.request_timeout,
            admin_timeout: self.limits.admin_request_timeout,
        }
    }
}

pub(super) fn bytes(size: ByteSize) -> usize {
    usize::try_from(size.as_u64()).unwrap_or(usize::MAX)
}
