//! Addresses of listeners: an address and port, or a socket of the file system.

use std::{fmt, net::SocketAddr, path::PathBuf};

use super::value::{Value, text};
use crate::domain::invalid::Invalid;

/// Prefix of the text of a socket's path.
const UNIX: &str = "unix:";
/// Maximum length of a socket's path in the kernel, in bytes.
const MAX_PATH_BYTES: usize = 107;

/// An address of a listener, as the value of a setting.
pub(super) fn listener() -> Value<ListenAddress> {
    let form = r#"an address and port like "127.0.0.1:50051", or "unix:" and a path"#;
    text(form, ListenAddress::parse, ListenAddress::to_string)
}

/// An address of a listener that can be off, as the value of a setting.
pub(super) fn listener_or_off() -> Value<Option<ListenAddress>> {
    let form = r#"an address and port like "127.0.0.1:9090", "unix:" and a path, or "off""#;
    let show = |address: &Option<ListenAddress>| {
        address.as_ref().map_or_else(|| "off".to_owned(), ToString::to_string)
    };
    text(form, parse_or_off, show)
}

/// Address of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// An address and port.
    Network(SocketAddr),
    /// A socket of the file system, whose mode controls access.
    Unix(PathBuf),
}

impl ListenAddress {
    /// Reads `127.0.0.1:8081` or `unix:/run/jeton/check.sock`.
    ///
    /// # Errors
    /// For anything else, and for a path that is too long for a socket.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let Some(path) = text.strip_prefix(UNIX) else {
            let address = text.parse().map(Self::Network);
            return address.map_err(|_| {
                Invalid(
                    r#"must be an address and port like "127.0.0.1:50051", or "unix:" and a path"#,
                )
            });
        };
        if path.is_empty() || path.len() > MAX_PATH_BYTES || path.contains('\0') {
            return Err(Invalid("must have a path of 1 to 107 bytes after unix:"));
        }
        Ok(Self::Unix(path.into()))
    }

    /// Returns the URL of a server there.
    pub fn url(&self, scheme: &str) -> String {
        match self {
            Self::Network(address) => format!("{scheme}://{address}"),
            Self::Unix(_) => self.to_string(),
        }
    }

    /// Returns whether only this machine reaches it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Network(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
        }
    }
}

impl From<SocketAddr> for ListenAddress {
    fn from(address: SocketAddr) -> Self {
        Self::Network(address)
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

/// Reads an address and port, `unix:` and a path, or `off`.
fn parse_or_off(text: &str) -> Result<Option<ListenAddress>, Invalid> {
    match text.parse() {
        Ok(address) => Ok(Some(ListenAddress::Network(address))),
        Err(_) if text == "off" => Ok(None),
        Err(_) if text.starts_with(UNIX) => ListenAddress::parse(text).map(Some),
        Err(_) => Err(Invalid(
            r#"must be an address and port like "127.0.0.1:9090", "unix:" and a path, or "off""#,
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_port_or_a_path_and_shown_as_it_was_written() {
        for (text, local) in [
            ("127.0.0.1:8081", true),
            ("[::1]:1", true),
            ("0.0.0.0:1", false),
            ("unix:/run/jeton/check.sock", true),
            ("unix:check.sock", true),
        ] {
            let address = ListenAddress::parse(text).expect("an address");
            assert_eq!((address.to_string().as_str(), address.is_local()), (text, local));
        }
        let long = format!("unix:/{}", "x".repeat(107));
        for text in ["", "unix:", "localhost:1", "/run/jeton.sock", "unix:a\0b", &long] {
            assert!(ListenAddress::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_listener_can_be_turned_off() {
        let somewhere = "0.0.0.0:9".parse().map(ListenAddress::Network).expect("an address");
        assert_eq!(parse_or_off("0.0.0.0:9"), Ok(Some(somewhere)));
        assert_eq!(parse_or_off("off"), Ok(None));
        for text in ["", "OFF", "9090", "localhost:9090"] {
            assert!(parse_or_off(text).is_err(), "{text}");
        }
    }
}
