//! `[grpc]`, `[http]` and `[ops]`: where calls come in.

use std::net::{Ipv4Addr, SocketAddr};

use http::Uri;

use super::{
    cors,
    fields::{Fields, Placed},
    overrides::Overrides,
    report::Spot,
    warning::Warning,
};
use crate::domain::invalid::Invalid;

const OPS_ADDRESS: &str = r#"an address and port like "127.0.0.1:9090", or "off""#;
const ADDRESS: &str = r#"an address and port like "127.0.0.1:50051""#;

/// Where a listener may go without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plaintext {
    /// Where nobody else reaches it.
    Loopback,
    /// Anywhere, as [`super::ServeSettings`] says.
    Allowed,
    /// It does not.
    Unused,
}

/// `[grpc]`: the listener of `TokenService`, health and reflection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcSettings {
    /// Default 127.0.0.1:50051; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether `grpc.reflection` tells anybody what the API is. Default true.
    pub reflection: bool,
}

impl Default for GrpcSettings {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 50_051)), reflection: true }
    }
}

impl GrpcSettings {
    /// Reads the section.
    pub(super) fn read(
        fields: &mut Fields<'_, '_>,
        overrides: &Overrides,
        plaintext: Plaintext,
    ) -> Self {
        let flag = ("--grpc-listen (JETON_GRPC_LISTEN)", overrides.grpc_listen);
        let default = Self::default();
        let listen = listen(fields, "grpc", flag, plaintext).unwrap_or(default.listen);
        Self { listen, reflection: fields.flag("reflection").unwrap_or(default.reflection) }
    }
}

/// `[http]`: the listener of the OAuth 2.0 endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// Default 127.0.0.1:8080; port 0 takes a free one.
    pub listen: SocketAddr,
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
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
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
        let flag = ("--http-listen (JETON_HTTP_LISTEN)", overrides.http_listen);
        let listen = listen(fields, "http", flag, plaintext);
        let declared = fields.text("issuer", "a URL", issuer).map(|issuer| issuer.value);
        let origins = fields.texts("cors_allowed_origins", cors::origins);
        let headers = fields.texts("cors_allowed_headers", cors::headers);
        Self {
            listen: listen.unwrap_or(Self::default().listen),
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
    pub listen: Option<SocketAddr>,
}

impl Default for OpsSettings {
    fn default() -> Self {
        Self { listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 9090))) }
    }
}

impl OpsSettings {
    /// Reads the section.
    pub(super) fn read(fields: &mut Fields<'_, '_>, overrides: &Overrides) -> Self {
        let declared = fields.text("listen", OPS_ADDRESS, listen_or_off).map(|listen| listen.value);
        match overrides.ops_listen.or(declared) {
            None => Self::default(),
            Some(ListenOrOff::Off) => Self { listen: None },
            Some(ListenOrOff::At(address)) => Self { listen: Some(address) },
        }
    }
}

/// Where a listener is wanted that there need not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenOrOff {
    /// Nowhere.
    Off,
    /// There.
    At(SocketAddr),
}

/// Reads an address and port, or `off`.
pub(super) fn listen_or_off(text: &str) -> Result<ListenOrOff, Invalid> {
    if text == "off" {
        return Ok(ListenOrOff::Off);
    }
    let address = text.parse().map(ListenOrOff::At);
    address.map_err(|_| Invalid(r#"must be an address and port like "127.0.0.1:9090", or "off""#))
}

/// Where to listen, unless the default is meant, which is always loopback.
fn listen(
    fields: &mut Fields<'_, '_>,
    section: &'static str,
    (flag, overriding): (&'static str, Option<SocketAddr>),
    plaintext: Plaintext,
) -> Option<SocketAddr> {
    let declared = fields.text("listen", ADDRESS, address);
    let (spot, address) = match (overriding, declared) {
        (Some(address), _) => (Spot::Flag(flag), address),
        (None, Some(Placed { at, value })) => (Spot::Byte(at), value),
        (None, None) => return None,
    };
    let remote = !address.ip().to_canonical().is_loopback();
    match plaintext {
        Plaintext::Loopback if remote => {
            let problem = "other machines reach this address and there is no TLS: \
                           serve.allow_plaintext or --allow-plaintext must say that this is meant";
            fields.report().fault(spot, format!("{section}.listen: {problem}"));
        }
        Plaintext::Allowed if remote => {
            fields.report().warn(Warning::Plaintext { listener: section, address });
        }
        Plaintext::Loopback | Plaintext::Allowed | Plaintext::Unused => {}
    }
    Some(address)
}

fn address(text: &str) -> Result<SocketAddr, Invalid> {
    text.parse().map_err(|_| Invalid(r#"must be an address and port like "127.0.0.1:50051""#))
}

/// Checks an issuer (RFC 8414 §2).
pub(super) fn issuer(text: &str) -> Result<String, Invalid> {
    let fault = Invalid("must be an https:// or http:// URL without query and fragment");
    let uri: Uri = text.parse().map_err(|_| fault)?;
    let web = matches!(uri.scheme_str(), Some("https" | "http"));
    // Everybody is shown it.
    let named = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    if !web || !named || text.contains(['?', '#']) {
        return Err(fault);
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_are_urls_without_query_and_fragment() {
        for text in ["https://tokens.example", "http://127.0.0.1:8080", "https://a.example/t"] {
            assert_eq!(issuer(text), Ok(text.to_owned()));
        }
        for text in [
            "",
            "tokens.example",
            "ftp://a.example",
            "https://",
            "https://a/?x",
            "https://a/#x",
            "https://a:b@c/",
        ] {
            assert!(issuer(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_ops_listener_can_be_turned_off() {
        let somewhere = "0.0.0.0:9".parse().map(ListenOrOff::At).expect("an address");
        assert_eq!(listen_or_off("0.0.0.0:9"), Ok(somewhere));
        assert_eq!(listen_or_off("off"), Ok(ListenOrOff::Off));
        for text in ["", "OFF", "9090", "localhost:9090"] {
            assert!(listen_or_off(text).is_err(), "{text}");
        }
    }
}
