//! The address of an ops listener, as it is given on the command line.

use std::{fmt, path::PathBuf};

/// The address of an ops listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// A host and a port.
    Network(String),
    /// A socket of the file system.
    Unix(PathBuf),
}

impl Address {
    /// Reads `http://127.0.0.1:9090`, `127.0.0.1:9090` or `unix:/run/jeton/ops.sock`.
    ///
    /// # Errors
    /// For anything else, which is not repeated.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        const FORM: &str =
            "must be a URL like http://127.0.0.1:9090, or unix: and the path of a socket";
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err(FORM) } else { Ok(Self::Unix(path.into())) };
        }
        if text.starts_with("https://") {
            return Err("must be an http:// URL: an ops listener has no TLS");
        }
        let authority = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        let parsed = authority.parse::<http::uri::Authority>().map_err(|_| FORM)?;
        if authority.contains('@') || parsed.host().is_empty() || parsed.port_u16().is_none() {
            return Err(FORM);
        }
        Ok(Self::Network(authority.to_owned()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(authority) => f.write_str(authority),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_hosts_with_ports_and_sockets_are_addresses() {
        for (text, shown) in [
            ("http://127.0.0.1:9090", "127.0.0.1:9090"),
            ("http://a.example:9090/", "a.example:9090"),
            ("[::1]:9090", "[::1]:9090"),
            ("unix:/run/jeton/ops.sock", "unix:/run/jeton/ops.sock"),
        ] {
            assert_eq!(Address::parse(text).map(|one| one.to_string()).as_deref(), Ok(shown));
        }
        for text in ["", "unix:", "127.0.0.1", "https://a:1", "http://a:b@c:1", "http://a:1/x"] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }
}
