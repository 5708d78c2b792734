//! Arguments of an agent: flags, each with its variable.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::super::{CliError, connection};
use crate::config::{
    self, ClientCertificates, ListenAddress, ListenOrOff, SocketAccess, SocketMode, SocketOwner,
    SocketUids, TlsSettings,
};

/// Answers services and proxies on this machine from memory whether tokens are good
#[derive(Args, Debug)]
pub(in super::super) struct Agent {
    #[command(flatten)]
    pub(super) caller: connection::Caller,

    /// The file that holds the secret of the client to call as, in place of `JETON_CLIENT_SECRET`. It is
    /// read again each time the secret is needed
    #[arg(long, env = "JETON_CLIENT_SECRET_FILE", value_name = "FILE")]
    pub(super) client_secret_file: Option<PathBuf>,

    /// Address for Introspect, `BatchIntrospect` and Envoy's Check: an address and port, or unix: and a
    /// path. Everything that reaches it may ask, so that other machines need TLS and certificates
    #[arg(
        long,
        env = "JETON_AGENT_LISTEN",
        value_name = "ADDRESS",
        value_parser = ListenAddress::parse,
        default_value = "127.0.0.1:50061"
    )]
    pub(super) listen: ListenAddress,

    /// Address of /check, at which proxies ask, and of introspection over HTTP: as --listen, or off
    #[arg(
        long,
        env = "JETON_AGENT_CHECK_LISTEN",
        value_name = "ADDRESS",
        value_parser = ListenOrOff::parse,
        default_value = "off"
    )]
    pub(super) check_listen: ListenOrOff,

    #[command(flatten)]
    pub(super) socket: Sockets,

    #[command(flatten)]
    tls: Served,

    /// Address and port of probes and metrics, unix: and a path, or off
    #[arg(
        long,
        env = "JETON_AGENT_OPS_LISTEN",
        value_name = "ADDRESS",
        value_parser = ListenOrOff::parse,
        default_value = "127.0.0.1:9091"
    )]
    pub(super) ops_listen: ListenOrOff,

    /// For how long at most a token is accepted after its revocation was acknowledged
    #[arg(
        long,
        env = "JETON_AGENT_MAX_STALENESS",
        value_name = "DURATION",
        value_parser = config::duration,
        default_value = "2s"
    )]
    pub(super) max_staleness: Duration,

    /// Issue access tokens of the client as which it calls to everybody who may ask: the service beside it
    /// needs no credentials. `IssueToken` by client credentials, without any
    #[arg(long, env = "JETON_AGENT_ISSUE_TOKENS")]
    pub(super) issue_tokens: bool,

    /// Number of good tokens that are remembered
    #[arg(long, env = "JETON_AGENT_REMEMBERED", value_name = "N", default_value_t = 100_000)]
    pub(super) remembered: usize,
}

/// Access to sockets of the file system.
#[derive(Args, Debug)]
#[expect(clippy::struct_field_names, reason = "the names are those of the flags")]
pub(super) struct Sockets {
    /// Mode of a socket of the file system, which decides who may connect
    #[arg(
        long,
        env = "JETON_AGENT_SOCKET_MODE",
        value_name = "MODE",
        value_parser = SocketMode::parse,
        default_value = "0600"
    )]
    socket_mode: SocketMode,

    /// To whom such a socket belongs: a user's number, :group's or both; as the agent runs unless given
    #[arg(
        long,
        env = "JETON_AGENT_SOCKET_OWNER",
        value_name = "USER:GROUP",
        value_parser = SocketOwner::parse
    )]
    socket_owner: Option<SocketOwner>,

    /// The users, as numbers, whose processes may connect, with any mode: all by default
    #[arg(
        long,
        env = "JETON_AGENT_SOCKET_UIDS",
        value_name = "UID,…",
        value_parser = SocketUids::parse
    )]
    socket_uids: Option<SocketUids>,
}

impl Sockets {
    /// Returns whether the mode or the owner is another than the default.
    fn are_set(&self) -> bool {
        self.socket_mode != SocketMode::default() || self.socket_owner.is_some()
    }

    pub(super) fn access(&self) -> SocketAccess {
        SocketAccess {
            mode: self.socket_mode,
            owner: self.socket_owner.unwrap_or_default(),
            uids: self.socket_uids.clone(),
        }
    }
}

/// TLS of the agent's own listeners. The flags of a connection are for the server.
#[derive(Args, Debug)]
#[expect(clippy::struct_field_names, reason = "the names are those of the flags")]
struct Served {
    /// For listeners on an address and port: the certificate with those that lead to its CA, a PEM file
    /// that is read again when it changes
    #[arg(long, env = "JETON_AGENT_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// That certificate's private key, a PEM file
    #[arg(long, env = "JETON_AGENT_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// The CAs of the certificates that callers must show, a PEM file
    #[arg(long, env = "JETON_AGENT_TLS_CLIENT_CA", value_name = "FILE", requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,

    /// Lists of such certificates that were revoked, a PEM file
    #[arg(long, env = "JETON_AGENT_TLS_CRL", value_name = "FILE", requires = "tls_client_ca")]
    tls_crl: Option<PathBuf>,
}

impl Served {
    fn settings(&self) -> Option<TlsSettings> {
        let (cert, key) = (self.tls_cert.clone()?, self.tls_key.clone()?);
        let clients = self.tls_client_ca.clone().map(|ca| ClientCertificates {
            required: true,
            ca,
            crl: self.tls_crl.clone(),
        });
        Some(TlsSettings { cert, key, clients })
    }
}

impl Agent {
    /// The certificate to serve with, if there is one.
    ///
    /// # Errors
    /// When somebody could ask who is not known to be allowed to.
    pub(super) fn served(&self) -> Result<Option<TlsSettings>, CliError> {
        let tls = self.tls.settings();
        let known = tls.as_ref().is_some_and(|tls| tls.clients.is_some());
        let check = self.check_listen.clone().address();
        let listeners = [(Some(&self.listen), "--listen"), (check.as_ref(), "--check-listen")];
        let listeners = listeners.into_iter().filter_map(|(address, name)| Some((address?, name)));
        let (mut networked, mut sockets) = (false, false);
        for (address, name) in listeners {
            if !address.is_local() && !known {
                return Err(CliError::Elsewhere(name));
            }
            let network = matches!(address, ListenAddress::Network(_));
            if network && self.socket.socket_uids.is_some() {
                return Err(CliError::Usage(
                    "--socket-uids: --listen and --check-listen must be unix: and a path, where the kernel \
                     says who connects",
                ));
            }
            networked |= network;
            sockets |= !network;
        }
        if !sockets && self.socket.are_set() {
            return Err(CliError::Usage(
                "--socket-mode and --socket-owner are for a listener on unix: and a path, and there is none",
            ));
        }
        if tls.is_some() && !networked {
            return Err(CliError::Usage(
                "--tls-cert is for listeners on an address and port, and there is none",
            ));
        }
        Ok(tls)
    }
}
