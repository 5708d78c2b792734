//! `[grpc]`, `[http]` and `[ops]`: the listeners.

use std::net::{Ipv4Addr, SocketAddr};

use super::{
    address::issuer,
    cors,
    fields::{Fields, Placed},
    listen_address::{ListenAddress, ListenOrOff},
    overrides::Overrides,
    report::Spot,
    socket_access::SocketAccess,
    warning::Warning,
};

const OPS_ADDRESS: &str =
    r#"an address and port like "127.0.0.1:9090", "unix:" and a path, or "off""#;
const ADDRESS: &str = r#"an address and port like "127.0.0.1:50051", or "unix:" and a path"#;

/// Permission of a listener without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plaintext {
    /// Plaintext is permitted where no other machine can reach the listener.
    Loopback,
    /// Plaintext is permitted at any address, see [`super::ServeSettings`].
    Allowed,
    /// The listener uses TLS.
    Unused,
}

/// `[grpc]`: the listener of `TokenService`, health and reflection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcSettings {
    /// Default 127.0.0.1:50051; port 0 takes a free one.
    pub listen: ListenAddress,
    /// Mode, owner and users of its socket of the file system.
    pub socket: SocketAccess,
    /// True to describe the API to every caller by `grpc.reflection`. Default true.
    pub reflection: bool,
}

impl Default for GrpcSettings {
    fn default() -> Self {
        Self { listen: loopback(50_051), socket: SocketAccess::default(), reflection: true }
    }
}

impl GrpcSettings {
    /// Reads the section.
    pub(super) fn read(
        fields: &mut Fields<'_, '_>,
        overrides: &Overrides,
        plaintext: Plaintext,
    ) -> Self {
        let flag = Spot::Flag("--grpc-listen (JETON_GRPC_LISTEN)");
        let given = overrides.grpc_listen.clone().map(|address| (flag, address));
        let default = Self::default();
        let listen = listen(fields, "grpc", given, plaintext).unwrap_or(default.listen);
        let socket = SocketAccess::read(fields, Some(&listen));
        let reflection = fields.flag("reflection").unwrap_or(default.reflection);
        Self { listen, socket, reflection }
    }
}

/// `[http]`: the listener of the OAuth 2.0 endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// Default 127.0.0.1:8080; port 0 takes a free one.
    pub listen: ListenAddress,
    /// Mode, owner and users of its socket of the file system.
    pub socket: SocketAccess,
    /// The URL that the metadata document names as issuer (RFC 8414 §2); none by default.
    pub issuer: Option<String>,
    /// Origins that browsers may call from, like `https://app.example`; none by default.
    pub cors_allowed_origins: Vec<String>,
    /// Request headers that their pages may send beside `Authorization` and `Content-Type`; by default
    /// those that tracing adds.
    pub cors_allowed_headers: Vec<String>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            listen: loopback(8080),
            socket: SocketAccess::default(),
            issuer: None,
            cors_allowed_origins: Vec::new(),
            cors_allowed_headers: cors::trace_headers(),
        }
    }
}

impl HttpSettings {
    /// Reads the section.
    pub(super) fn read(
        fields: &mut Fields<'_, '_>,
        overrides: &Overrides,
        plaintext: Plaintext,
    ) -> Self {
        let flag = Spot::Flag("--http-listen (JETON_HTTP_LISTEN)");
        let given = overrides.http_listen.clone().map(|address| (flag, address));
        let listen = listen(fields, "http", given, plaintext);
        let listen = listen.unwrap_or_else(|| Self::default().listen);
        let socket = SocketAccess::read(fields, Some(&listen));
        let declared = fields.text("issuer", "a URL", issuer).map(|issuer| issuer.value);
        let origins = fields.texts("cors_allowed_origins", cors::origins);
        let headers = fields.texts("cors_allowed_headers", cors::headers);
        Self {
            listen,
            socket,
            issuer: overrides.http_issuer.clone().or(declared),
            cors_allowed_origins: origins.map(|origins| origins.value).unwrap_or_default(),
            cors_allowed_headers: headers.map_or_else(cors::trace_headers, |headers| headers.value),
        }
    }
}

/// `[ops]`: the listener of probes and metrics. It is plain HTTP wherever it listens: it carries no
/// token and no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpsSettings {
    /// Default 127.0.0.1:9090; port 0 takes a free one, `None` listens nowhere.
    pub listen: Option<ListenAddress>,
    /// Mode, owner and users of its socket of the file system.
    pub socket: SocketAccess,
}

impl Default for OpsSettings {
    fn default() -> Self {
        Self { listen: Some(loopback(9090)), socket: SocketAccess::default() }
    }
}

impl OpsSettings {
    /// Reads the section.
    pub(super) fn read(fields: &mut Fields<'_, '_>, overrides: &Overrides) -> Self {
        let declared = fields.text("listen", OPS_ADDRESS, ListenOrOff::parse).map(Placed::value);
        let listen = match overrides.ops_listen.clone().or(declared) {
            None => Self::default().listen,
            Some(listen) => listen.address(),
        };
        Self { socket: SocketAccess::read(fields, listen.as_ref()), listen }
    }
}

fn loopback(port: u16) -> ListenAddress {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into()
}

/// Address, if it is not the default, which is always loopback.
fn listen(
    fields: &mut Fields<'_, '_>,
    section: &'static str,
    given: Option<(Spot, ListenAddress)>,
    plaintext: Plaintext,
) -> Option<ListenAddress> {
    let declared = fields.text("listen", ADDRESS, ListenAddress::parse);
    let declared = declared.map(|Placed { at, value }| (Spot::Byte(at), value));
    let (spot, address) = given.or(declared)?;
    let remote = !address.is_local();
    match plaintext {
        Plaintext::Loopback if remote => {
            let problem = "other machines reach this address and there is no TLS: \
                           serve.allow_plaintext or --allow-plaintext must say that this is meant";
            fields.report().fault(spot, format!("{section}.listen: {problem}"));
        }
        Plaintext::Allowed if remote => {
            let address = address.clone();
            fields.report().warn(Warning::Plaintext { listener: section, address });
        }
        Plaintext::Loopback | Plaintext::Allowed | Plaintext::Unused => {}
    }
    Some(address)
}
