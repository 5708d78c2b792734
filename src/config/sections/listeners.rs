//! `[grpc]`, `[http]` and `[ops]`: the listeners.

use std::net::{Ipv4Addr, SocketAddr};

use crate::config::{
    address::issuer,
    cors,
    fields::Fields,
    listen_address::{ListenAddress, listener, listener_or_off},
    section::section,
    sections::socket_access::SocketAccess,
    setting::Setting,
    value::{switch, text, texts},
    warning::Warning,
};

/// Permission of a listener without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Plaintext {
    /// Plaintext is permitted where no other machine can reach the listener.
    Loopback,
    /// Plaintext is permitted at any address, see [`super::serve::ServeSettings`].
    Allowed,
    /// The listener uses TLS.
    Unused,
}

section! {
    /// The listener of `TokenService`, health and reflection.
    pub struct GrpcSettings in "grpc" {
        /// Address and port of the gRPC listener, or unix: and a path.
        ///
        /// Port 0 takes a free one. "unix:" and a path is a socket of the file system, here and for the other
        /// listeners.
        listen: ListenAddress = listener().or(loopback(50_051)).flag("grpc-listen", "ADDRESS"),
        /// True to describe the API to every caller by grpc.reflection.
        reflection: bool = switch().or(true),
    }
    with {
        /// Mode, owner and users of its socket of the file system.
        socket: SocketAccess,
    }
}

impl GrpcSettings {
    /// Reads the section.
    pub(in crate::config) fn read(fields: &mut Fields<'_, '_>, plaintext: Plaintext) -> Self {
        let settings = Self::read_all(fields);
        plaintext.check(fields, &Self::listen(), &settings.listen);
        settings.socket.check(fields, Some(&settings.listen));
        settings
    }
}

section! {
    /// The listener of the OAuth 2.0 endpoints.
    pub struct HttpSettings in "http" {
        /// Address and port of the HTTP listener, or unix: and a path.
        listen: ListenAddress = listener().or(loopback(8080)).flag("http-listen", "ADDRESS"),
        /// The issuer that the OAuth 2.0 metadata names.
        ///
        /// It is the URL that clients know this server by (RFC 8414 §2), in the metadata and in
        /// introspection. Without it: the machine's name, or localhost, and the port.
        issuer: Option<String> = text("a URL", issuer, String::clone)
            .optional()
            .flag("http-issuer", "URL")
            .example("https://tokens.example.internal"),
        /// Origins whose pages may call from a browser: `"https://app.example.internal"`,
        /// `"capacitor://localhost"`.
        cors_allowed_origins: Vec<String> =
            texts("a list of origins", cors::origins, |origins| origins).or(Vec::new()),
        /// Request headers that these pages may send beside Authorization and Content-Type. The default is
        /// those that tracing adds.
        cors_allowed_headers: Vec<String> =
            texts("a list of headers' names in lower case", cors::headers, |headers| headers)
                .or(cors::trace_headers()),
    }
    with {
        /// Mode, owner and users of its socket of the file system.
        socket: SocketAccess,
    }
}

impl HttpSettings {
    /// Reads the section.
    pub(in crate::config) fn read(fields: &mut Fields<'_, '_>, plaintext: Plaintext) -> Self {
        let settings = Self::read_all(fields);
        plaintext.check(fields, &Self::listen(), &settings.listen);
        settings.socket.check(fields, Some(&settings.listen));
        settings
    }
}

section! {
    /// The listener of probes (/livez, /readyz), Prometheus metrics (/metrics) and grpc.health.v1, without
    /// TLS and without authentication: it carries no token and no secret.
    pub struct OpsSettings in "ops" {
        /// Address and port of probes and metrics, unix: and a path, or off.
        ///
        /// "off" listens nowhere.
        listen: Option<ListenAddress> =
            listener_or_off().or(Some(loopback(9090))).flag("ops-listen", "ADDRESS"),
    }
    with {
        /// Mode, owner and users of its socket of the file system.
        socket: SocketAccess,
    }
}

impl OpsSettings {
    /// Reads the section.
    pub(in crate::config) fn read(fields: &mut Fields<'_, '_>) -> Self {
        let settings = Self::read_all(fields);
        settings.socket.check(fields, settings.listen.as_ref());
        settings
    }
}

fn loopback(port: u16) -> ListenAddress {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into()
}

impl Plaintext {
    /// Checks the address of a listener. The default is always loopback.
    fn check(
        self,
        fields: &mut Fields<'_, '_>,
        setting: &Setting<ListenAddress>,
        address: &ListenAddress,
    ) {
        match self {
            Self::Loopback if !address.is_local() => fields.refuse(
                setting,
                "other machines reach this address and there is no TLS: serve.allow_plaintext or \
                 --allow-plaintext must say that this is meant",
            ),
            Self::Allowed if !address.is_local() => {
                let (listener, address) = (setting.declaration.section, address.clone());
                fields.report().warn(Warning::Plaintext { listener, address });
            }
            Self::Loopback | Self::Allowed | Self::Unused => {}
        }
    }
}
