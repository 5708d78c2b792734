//! TLS: the listeners' certificate and key, and who clients' certificates say that they are.

mod client_verifier;
mod error;
mod files;
mod hosts;
mod material;
mod trust_domains;

use std::{io, sync::Arc};

use arc_swap::ArcSwap;
use rustls::{ServerConfig, pki_types::UnixTime, time_provider::TimeProvider};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

pub(super) use self::client_verifier::reason;
pub use self::error::TlsError;
use self::{files::Contents, hosts::is_for, material::Material};
use super::Protocol;
use crate::{
    config::TlsSettings,
    domain::{
        certificate::CertificateIdentity,
        certificate_names::identities,
        time::{Clock, Timestamp},
    },
    metrics::{Gauge, Registry},
};

/// Metrics of certificates. They exist without TLS as well.
#[derive(Clone)]
pub struct CertificateMetrics {
    registry: Registry,
    expire_time: Gauge,
}

impl CertificateMetrics {
    /// Creates metrics without a certificate.
    pub fn new() -> Self {
        let registry = Registry::new();
        let expire_time = registry.gauge(
            "jeton_tls_certificate_expire_timestamp_seconds",
            "When the certificate in use expires, in seconds since 1970; 0 without TLS.",
        );
        Self { registry, expire_time }
    }

    /// Returns the metrics.
    pub fn registry(&self) -> Registry {
        self.registry.clone()
    }
}

impl Default for CertificateMetrics {
    fn default() -> Self {
        Self::new()
    }
}

/// TLS as new connections get it. Cloning shares it.
#[derive(Clone)]
pub struct Tls(Arc<Shared>);

struct Shared {
    settings: TlsSettings,
    clock: Arc<dyn Clock>,
    metrics: CertificateMetrics,
    used: ArcSwap<Used>,
}

/// Result of one reading of the files.
struct Used {
    fingerprint: [u8; 32],
    http1: TlsAcceptor,
    http2: TlsAcceptor,
    expire_time: Timestamp,
    /// The hosts that the certificate names.
    hosts: Vec<String>,
}

/// Result of a look at the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// They are those in use.
    Unchanged,
    /// New connections get what they say.
    Changed {
        /// When the certificate expires.
        expire_time: Timestamp,
    },
}

impl Tls {
    /// Reads the files. Waits for the disk.
    ///
    /// # Errors
    /// When there is nothing in them to serve with: see [`TlsError`].
    pub fn load(
        settings: TlsSettings,
        clock: Arc<dyn Clock>,
        metrics: CertificateMetrics,
    ) -> Result<Self, TlsError> {
        let contents = Contents::read(&settings)?;
        let used = Used::of(&settings, &contents, &clock)?;
        metrics.expire_time.set(seconds(used.expire_time));
        Ok(Self(Arc::new(Shared { settings, clock, metrics, used: ArcSwap::from_pointee(used) })))
    }

    /// Reads the files again. Connections stay as they are. Waits for the disk.
    ///
    /// # Errors
    /// As [`Self::load`]; what was in use stays in use.
    pub fn reload(&self) -> Result<Reload, TlsError> {
        let Shared { settings, clock, metrics, used } = &*self.0;
        let contents = Contents::read(settings)?;
        if contents.fingerprint() == used.load().fingerprint {
            return Ok(Reload::Unchanged);
        }
        let new = Used::of(settings, &contents, clock)?;
        let expire_time = new.expire_time;
        used.store(Arc::new(new));
        metrics.expire_time.set(seconds(expire_time));
        Ok(Reload::Changed { expire_time })
    }

    /// When the certificate in use expires.
    pub fn expire_time(&self) -> Timestamp {
        self.0.used.load().expire_time
    }

    /// Returns whether the certificate in use names that host, a DNS name or an address (RFC 9525
    /// §6.3).
    pub fn names(&self, host: &str) -> bool {
        self.0.used.load().hosts.iter().any(|name| is_for(name, host))
    }

    /// Performs the handshake. Returns the peer's identities, if it has shown a certificate.
    ///
    /// # Errors
    /// If the handshake fails; [`reason`] gives the cause.
    pub(super) async fn accept<T: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: T,
        protocol: Protocol,
    ) -> io::Result<(TlsStream<T>, Option<Arc<[CertificateIdentity]>>)> {
        let used = self.0.used.load_full();
        let acceptor = match protocol {
            Protocol::Http1 | Protocol::Either => &used.http1,
            Protocol::Http2 => &used.http2,
        };
        let stream = acceptor.accept(stream).await?;
        let (_, session) = stream.get_ref();
        let shown = session.peer_certificates().and_then(<[_]>::first);
        let shown = shown.map(|certificate| identities(certificate).into());
        Ok((stream, shown))
    }
}

impl Used {
    fn of(
        settings: &TlsSettings,
        contents: &Contents,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, TlsError> {
        let material = Material::parse(settings, contents, clock.now())?;
        let acceptor = |protocol| {
            let time = Arc::new(Time(Arc::clone(clock)));
            let config: ServerConfig = material.config(protocol, time)?;
            Ok::<_, TlsError>(TlsAcceptor::from(Arc::new(config)))
        };
        let (http1, http2) = (acceptor(Protocol::Http1)?, acceptor(Protocol::Http2)?);
        let Material { expire_time, hosts, .. } = material;
        Ok(Self { fingerprint: contents.fingerprint(), http1, http2, expire_time, hosts })
    }
}

fn seconds(time: Timestamp) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

/// The process's clock, as rustls asks for it.
struct Time(Arc<dyn Clock>);

impl std::fmt::Debug for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Time")
    }
}

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        let since_epoch = std::time::Duration::from_millis(self.0.now().as_millis());
        Some(UnixTime::since_unix_epoch(since_epoch))
    }
}
