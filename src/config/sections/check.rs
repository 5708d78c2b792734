//! `[check]`: the decisions on requests that proxies have received.

use http::HeaderName;

use crate::{
    bearer::IdentityHeaders,
    config::{
        fields::Fields,
        listen_address::{ListenAddress, listener_or_off},
        pasted::name,
        section::section,
        sections::socket_access::SocketAccess,
        value::{choice, switch, text},
    },
    domain::{client_id::ClientId, invalid::Invalid},
};

/// Answer to Envoy if a request cannot be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvoyUndecided {
    /// A refusal with 503.
    Deny,
    /// An error of the call: Envoy then follows its configuration.
    Fail,
}

section! {
    /// Decisions for proxies on the requests that they received: docs/proxies.md. nginx, Traefik, Caddy,
    /// `HAProxy` and Apache ask over HTTP, and without credentials of their own. Envoy asks the gRPC
    /// listener.
    pub struct CheckSettings in "check" {
        /// Address and port of /check, where proxies ask, unix: and a path, or off.
        ///
        /// Only this machine may reach it: every request to it is made as `client`. "off" listens nowhere.
        listen: Option<ListenAddress> = listener_or_off().or(None).flag("check-listen", "ADDRESS"),
        /// The client as which /check asks.
        client: Option<ClientId> = text("a string", client, ClientId::to_string)
            .optional()
            .flag("check-client", "ID")
            .example("gateway"),
        /// Prefix of the headers that identify a request's bearer to services: x-jeton-subject, -client-id,
        /// -username, -scope, -grant-id.
        header_prefix: IdentityHeaders =
            text("a string", headers, |_| IdentityHeaders::PREFIX.to_owned()).or(IdentityHeaders::default()),
        /// The header in which the proxy hands on the certificate that a visitor has shown to it: `Client-Cert`
        /// of RFC 9440, or the certificate in PEM, percent-encoded.
        ///
        /// The proxy must set or remove it on each request, since visitors can send it too. Without it, /check
        /// refuses access tokens that are bound to their holder.
        certificate_header: Option<HeaderName> = text("a string", header, HeaderName::to_string)
            .optional()
            .flag("check-certificate-header", "NAME")
            .example("client-cert"),
        /// True if Envoy removes the token from the request before the service sees it.
        envoy_remove_authorization: bool = switch().or(false),
        /// Answer to Envoy if a request cannot be decided.
        ///
        /// "deny": a refusal with 503. "fail": an error of the call, which Envoy treats as it is configured
        /// to: with `failure_mode_allow` it lets the request pass.
        envoy_undecided: EnvoyUndecided =
            choice(&[("deny", EnvoyUndecided::Deny), ("fail", EnvoyUndecided::Fail)])
                .or(EnvoyUndecided::Deny),
    }
    with {
        /// Mode, owner and users of its socket of the file system.
        socket: SocketAccess,
    }
}

impl CheckSettings {
    /// Reads the section.
    pub(in crate::config) fn read(fields: &mut Fields<'_, '_>) -> Self {
        let settings = Self::read_all(fields);
        let Some(listen) = &settings.listen else {
            settings.socket.check(fields, None);
            return settings;
        };
        if !listen.is_local() {
            fields.refuse(
                &Self::listen(),
                "other machines reach this address, and every process that reaches it may ask: it must be \
                 one like 127.0.0.1",
            );
        }
        if settings.client.is_none() {
            fields.fault_of_all("needs client where it listens: the client as which /check asks");
        }
        settings.socket.check(fields, Some(listen));
        settings
    }
}

fn client(text: &str) -> Result<ClientId, Invalid> {
    name(text, ClientId::parse)
}

/// Reads the name of a header.
pub(super) fn header(name: &str) -> Result<HeaderName, Invalid> {
    name.parse().map_err(|_| Invalid("must be the name of a header"))
}

fn headers(prefix: &str) -> Result<IdentityHeaders, Invalid> {
    let fault = Invalid("must be the beginning of a header's name, at most 64 characters");
    IdentityHeaders::with_prefix(prefix).ok_or(fault)
}
