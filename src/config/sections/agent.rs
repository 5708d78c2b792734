//! `[agent]`: an agent, which answers from memory beside services and proxies.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use http::HeaderName;

use crate::{
    config::{
        address,
        duration::{HOUR, MILLISECOND, SECOND},
        fields::Fields,
        listen_address::{ListenAddress, listener, listener_or_off},
        pasted::name,
        section::section,
        sections::{
            check::header,
            socket_access::{self, SocketAccess, SocketMode, SocketOwner, SocketUids},
            tls::{ClientCertificates, TlsSettings},
        },
        value::{count, path, switch, text, texts, within},
    },
    domain::{audience::Audience, client_id::ClientId, invalid::Invalid},
};

section! {
    /// `jeton agent`, which answers from memory beside services and proxies: docs/agent.md. An agent reads this
    /// section and `[log]`; a server checks it and does not use it.
    pub struct AgentSettings in "agent" {
        /// The server's gRPC address, or unix: and the path of its socket.
        server: Option<String> = text("a URL", address::server, String::clone)
            .optional()
            .flag("server", "URL")
            .otherwise("http://127.0.0.1:50051")
            .example("https://tokens.example.internal:50051"),
        /// The client to call as.
        ///
        /// Its secret is in `client_secret_file`, in the variable `JETON_CLIENT_SECRET` or in a profile, or is
        /// asked for; with `assertion_file` or `cert` there need be none.
        client_id: Option<ClientId> = text("a string", client, ClientId::to_string)
            .optional()
            .flag("client-id", "ID")
            .example("node-agent"),
        /// The file that holds the client's secret.
        ///
        /// It is read again each time the secret is needed.
        client_secret_file: Option<PathBuf> = path()
            .optional()
            .flag("client-secret-file", "FILE")
            .example("/etc/jeton/secrets/node-agent"),
        /// The file with a token of a trusted issuer that proves the client, in place of a secret.
        ///
        /// It is read again each time it is shown: docs/identities.md.
        assertion_file: Option<PathBuf> = path()
            .optional()
            .flag("assertion-file", "FILE")
            .example("/var/run/secrets/tokens/jeton"),
        /// The CAs of the server's certificate, for an https:// server: a PEM file.
        ca: Option<PathBuf> = path()
            .optional()
            .flag("ca", "FILE")
            .otherwise("those that this machine trusts")
            .example("/etc/jeton/ca.pem"),
        /// The certificate to show an https:// server: a PEM file.
        cert: Option<PathBuf> =
            path().optional().flag("cert", "FILE").example("/etc/jeton/node-agent.pem"),
        /// That certificate's private key: a PEM file.
        key: Option<PathBuf> =
            path().optional().flag("key", "FILE").example("/etc/jeton/node-agent.key"),
        /// Address and port for Introspect, `BatchIntrospect` and Envoy's Check, or unix: and a path.
        ///
        /// Every process that reaches it may ask. At an address that other machines reach, it needs TLS and
        /// callers' certificates.
        listen: ListenAddress = listener().or(loopback(50_061)).agent_flag("listen", "ADDRESS"),
        /// Address and port of /check and introspection over HTTP, unix: and a path, or off.
        check_listen: Option<ListenAddress> =
            listener_or_off().or(None).agent_flag("check-listen", "ADDRESS"),
        /// The header in which the proxy hands on the certificate that a visitor has shown to it, for /check.
        ///
        /// The proxy must set or remove it on each request, since visitors can send it too. Without it, /check
        /// refuses access tokens that are bound to their holder.
        certificate_header: Option<HeaderName> = text("a string", header, HeaderName::to_string)
            .optional()
            .agent_flag("certificate-header", "NAME")
            .example("client-cert"),
        /// Address and port of probes and metrics, unix: and a path, or off.
        ops_listen: Option<ListenAddress> =
            listener_or_off().or(Some(loopback(9091))).agent_flag("ops-listen", "ADDRESS"),
        /// Mode of the sockets' files, which decides who may connect.
        socket_mode: SocketMode = socket_access::mode().agent_flag("socket-mode", "MODE"),
        /// Owner and group of the sockets' files, "jeton:www-data", "1000:33" or ":www-data". An empty one is that
        /// of the process.
        socket_owner: SocketOwner = socket_access::owner().agent_flag("socket-owner", "USER:GROUP"),
        /// Users whose processes may connect, by name or by number, as the kernel names them. Without any, all
        /// of them may.
        ///
        /// They hold for `listen` and `check_listen`.
        socket_uids: Option<SocketUids> = socket_access::uids().agent_flag("socket-uids", "USER,…"),
        /// The certificate of listeners on an address and port, and those that lead to its CA: a PEM file.
        ///
        /// It is read again if it changes.
        tls_cert: Option<PathBuf> =
            path().optional().agent_flag("tls-cert", "FILE").example("/etc/jeton/agent.pem"),
        /// That certificate's private key: a PEM file.
        tls_key: Option<PathBuf> =
            path().optional().agent_flag("tls-key", "FILE").example("/etc/jeton/agent.key"),
        /// The CAs of the certificates that callers must show: a PEM file.
        tls_client_ca: Option<PathBuf> =
            path().optional().agent_flag("tls-client-ca", "FILE").example("/etc/jeton/callers.pem"),
        /// Lists of callers' certificates that were revoked: a PEM file.
        tls_crl: Option<PathBuf> =
            path().optional().agent_flag("tls-crl", "FILE").example("/etc/jeton/callers.crl"),
        /// Longest time for which a token is accepted after its revocation was acknowledged.
        ///
        /// Below 1500ms the server is asked more often.
        max_staleness: Duration = within(200 * MILLISECOND..=HOUR)
            .or(2 * SECOND)
            .agent_flag("max-staleness", "DURATION"),
        /// The issuer of signed access tokens, which the agent then verifies itself at their first use.
        ///
        /// It is the server's `http.issuer`. Without it the server is asked about each of them once.
        issuer: Option<String> = text("a URL", address::issuer, String::clone)
            .optional()
            .agent_flag("issuer", "URL")
            .example("https://tokens.example.internal"),
        /// Issue access tokens of the client to everybody who may ask.
        ///
        /// The service beside the agent needs no credentials: it calls `IssueToken` by client credentials,
        /// without any.
        issue_tokens: bool = switch().or(false).agent_flag("issue-tokens", "BOOL"),
        /// Services to exchange users' tokens for, for everybody who may ask. Without any, none is exchanged.
        ///
        /// The service beside the agent shows the token that it was called with, and gets one with which it calls
        /// the next service: docs/agent.md. The client's `may_exchange_to` names these services too.
        exchange_to: Audience = texts("a list of services", services, |_| &[])
            .or(Audience::default())
            .agent_flag("exchange-to", "SERVICE,…"),
        /// Number of good tokens that are remembered, at most.
        remembered: u32 = count(1..=10_000_000).or(100_000).agent_flag("remembered", "N"),
    }
}

impl AgentSettings {
    /// Reads the section.
    pub(in crate::config) fn read(fields: &mut Fields<'_, '_>) -> Self {
        let settings = Self::read_all(fields);
        settings.check_tls(fields);
        settings.check_callers(fields);
        settings.check_sockets(fields);
        settings
    }

    /// Access to the sockets of `listen` and `check_listen`.
    pub fn socket(&self) -> SocketAccess {
        SocketAccess {
            mode: self.socket_mode,
            owner: self.socket_owner,
            uids: self.socket_uids.clone(),
        }
    }

    /// The certificate of these where they are addresses of the network; without one there is no TLS.
    pub fn tls(&self) -> Option<TlsSettings> {
        let (cert, key) = (self.tls_cert.clone()?, self.tls_key.clone()?);
        let clients = self.tls_client_ca.clone().map(|ca| ClientCertificates {
            required: true,
            ca,
            crl: self.tls_crl.clone(),
        });
        Some(TlsSettings { cert, key, clients })
    }

    /// The listeners that answer about tokens.
    fn answering(&self) -> impl Iterator<Item = &ListenAddress> {
        [&self.listen].into_iter().chain(&self.check_listen)
    }

    fn check_tls(&self, fields: &mut Fields<'_, '_>) {
        if self.tls_cert.is_some() && self.tls_key.is_none() {
            fields.refuse(&Self::tls_cert(), "needs tls_key beside it");
        }
        if self.tls_key.is_some() && self.tls_cert.is_none() {
            fields.refuse(&Self::tls_key(), "needs tls_cert beside it");
        }
        if self.tls_client_ca.is_some() && self.tls_cert.is_none() {
            fields.refuse(&Self::tls_client_ca(), "needs tls_cert and tls_key beside it");
        }
        if self.tls_crl.is_some() && self.tls_client_ca.is_none() {
            fields.refuse(&Self::tls_crl(), "needs tls_client_ca beside it");
        }
        if self.tls_cert.is_some() && !self.answering().any(is_network) {
            let problem = "is for listeners on an address and port, and there is none";
            fields.refuse(&Self::tls_cert(), problem);
        }
    }

    /// Refuses an address where somebody could ask who is not known to be allowed to.
    fn check_callers(&self, fields: &mut Fields<'_, '_>) {
        const PROBLEM: &str = "other machines reach this address, and every process that reaches it may ask: it \
             must be one like 127.0.0.1, or callers must show certificates (tls_cert, tls_key, tls_client_ca)";
        if self.tls().is_some_and(|tls| tls.clients.is_some()) {
            return;
        }
        if !self.listen.is_local() {
            fields.refuse(&Self::listen(), PROBLEM);
        }
        if self.check_listen.as_ref().is_some_and(|listen| !listen.is_local()) {
            fields.refuse(&Self::check_listen(), PROBLEM);
        }
    }

    /// Refuses what would keep nobody out.
    fn check_sockets(&self, fields: &mut Fields<'_, '_>) {
        const NO_SOCKET: &str = "is for a listener on unix: and a path, and there is none";
        if self.socket_uids.is_some() && self.answering().any(is_network) {
            fields.refuse(
                &Self::socket_uids(),
                "listen and check_listen must be unix: and a path, where the kernel says who connects",
            );
        }
        if self.answering().chain(&self.ops_listen).any(|listen| !is_network(listen)) {
            return;
        }
        if self.socket_mode != SocketMode::default() {
            fields.refuse(&Self::socket_mode(), NO_SOCKET);
        }
        if self.socket_owner != SocketOwner::default() {
            fields.refuse(&Self::socket_owner(), NO_SOCKET);
        }
    }
}

fn is_network(listen: &ListenAddress) -> bool {
    matches!(listen, ListenAddress::Network(_))
}

fn client(text: &str) -> Result<ClientId, Invalid> {
    name(text, ClientId::parse)
}

/// A flag has the whole list in one text.
fn services(texts: &[&str]) -> Result<Audience, Invalid> {
    let names = texts.iter().flat_map(|text| text.split(',')).filter(|name| !name.is_empty());
    let services = Audience::from_names(names)?;
    if services.names_jeton() {
        return Err(Invalid("must not name jeton: no token is exchanged for it"));
    }
    Ok(services)
}

fn loopback(port: u16) -> ListenAddress {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into()
}
