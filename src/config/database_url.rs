//! The URL of a database, parsed once: its location and the encryption of its connections, with
//! libpq's parameters.

use std::{convert::Infallible, path::PathBuf};

use percent_encoding::percent_decode_str;

use super::secret_text::secret_text;
use crate::domain::{invalid::Invalid, secret::Secret};

/// Accepts any argument, since it can be a URL with a password: an argument that is refused here
/// would be shown.
///
/// # Errors
/// Never fails.
pub fn unread_url(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

/// The verification of a database's server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseTlsMode {
    /// `disable`: connections are not encrypted.
    Disable,
    /// `prefer`: connections are encrypted if the server supports it, and verified as in
    /// [`Self::VerifyFull`].
    Prefer,
    /// `verify-ca`: the server needs a certificate of a trusted CA, for any name.
    VerifyCa,
    /// `verify-full` and `require`: the server needs a certificate of a trusted CA for the URL's
    /// host name.
    VerifyFull,
}

/// The files of the client's certificate for the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseIdentity {
    /// `sslcert`: the certificate, followed by the intermediate certificates up to its CA, in PEM.
    pub cert: PathBuf,
    /// `sslkey`: the certificate's private key, in PEM.
    pub key: PathBuf,
}

/// `postgres://user:password@host:port,host:port/name?parameter=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseUrl {
    /// The URL without the TLS parameters below.
    pub url: Secret,
    /// `sslmode`. `None` makes the mode depend on the hosts.
    pub mode: Option<DatabaseTlsMode>,
    /// `sslrootcert`: a PEM file. `None`, also for `system`, stands for the CAs of `store.tls_ca`
    /// or the system.
    pub ca: Option<PathBuf>,
    /// `sslcert` and `sslkey`.
    pub identity: Option<DatabaseIdentity>,
}

/// Parameters that the driver supports, in addition to those for TLS.
const KNOWN: [&str; 18] = [
    "user",
    "password",
    "dbname",
    "options",
    "application_name",
    "sslnegotiation",
    "host",
    "hostaddr",
    "port",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "target_session_attrs",
    "channel_binding",
    "load_balance_hosts",
];

impl DatabaseUrl {
    /// Parses a URL.
    ///
    /// # Errors
    /// Fails if it is another kind of URL, or a parameter is unknown or not supported. The error
    /// contains nothing of the URL.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = secret_text(text);
        let schemes = ["postgres://", "postgresql://"];
        let rest = schemes.iter().find_map(|scheme| text.strip_prefix(scheme)).ok_or(Invalid(
            "must begin with postgres:// or postgresql://, without quotes or spaces around it",
        ))?;
        // A user name and a password can contain any character except an @.
        let place = rest.find('@').map_or(0, |at| at + 1);
        let hosts = rest[place..].split(['/', '?']).next().unwrap_or_default();
        if hosts.contains('@') {
            return Err(Invalid("must have an @ in a user name or a password written as %40"));
        }
        let (_, parameters) = rest[place..].split_once('?').unwrap_or_default();
        let base = text.len() - parameters.len();
        let base = text[..base].trim_end_matches('?');
        let mut read = Self { url: Secret::new(""), mode: None, ca: None, identity: None };
        let (mut kept, mut cert, mut key) = (String::new(), None, None);
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').ok_or(PARAMETER)?;
            match &*decoded(name)? {
                "sslmode" => read.mode = Some(mode(&decoded(value)?)?),
                "sslrootcert" => {
                    read.ca = Some(decoded(value)?).filter(|ca| ca != "system").map(Into::into);
                }
                "sslcert" => cert = Some(decoded(value)?.into()),
                "sslkey" => key = Some(decoded(value)?.into()),
                known if KNOWN.contains(&known) => {
                    kept.push(if kept.is_empty() { '?' } else { '&' });
                    kept.push_str(parameter);
                }
                _ => return Err(PARAMETER),
            }
        }
        read.identity = match (cert, key) {
            (None, None) => None,
            (Some(cert), Some(key)) => Some(DatabaseIdentity { cert, key }),
            (Some(_), None) | (None, Some(_)) => {
                return Err(Invalid("must have both of sslcert and sslkey, or neither"));
            }
        };
        read.url = Secret::new(format!("{base}{kept}"));
        Ok(read)
    }

    /// Returns `true` if the URL contains a password.
    pub fn holds_password(&self) -> bool {
        let authority = self.url.expose().split_once("//").map_or("", |(_, rest)| rest);
        let user = authority.split_once('@').map_or("", |(user, _)| user);
        user.contains(':') || authority.contains("password=")
    }
}

const PARAMETER: Invalid = Invalid(
    "must have no parameters but those that docs/postgresql.md names, each with a value: sslmode, \
     sslrootcert, sslcert, sslkey, …",
);

fn mode(text: &str) -> Result<DatabaseTlsMode, Invalid> {
    match text {
        "disable" => Ok(DatabaseTlsMode::Disable),
        "prefer" => Ok(DatabaseTlsMode::Prefer),
        "verify-ca" => Ok(DatabaseTlsMode::VerifyCa),
        "require" | "verify-full" => Ok(DatabaseTlsMode::VerifyFull),
        _ => Err(Invalid(
            "must have a sslmode of disable, prefer, require, verify-ca or verify-full",
        )),
    }
}

fn decoded(text: &str) -> Result<String, Invalid> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| Invalid("must be UTF-8 once its %… are decoded"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> DatabaseUrl {
        DatabaseUrl::parse(text).expect(text)
    }

    #[test]
    fn tls_is_read_by_the_names_of_libpq_and_the_rest_is_left_to_the_driver() {
        let url = read(
            "postgres://u:p@db,db2/t?sslmode=verify-ca&options=-c%20a%3Db&sslrootcert=%2Fca.pem\
             &sslcert=c.pem&sslkey=k.pem&application_name=x",
        );
        assert_eq!(
            url.url,
            Secret::new("postgres://u:p@db,db2/t?options=-c%20a%3Db&application_name=x")
        );
        assert_eq!(url.mode, Some(DatabaseTlsMode::VerifyCa));
        assert_eq!(url.ca, Some("/ca.pem".into()));
        let (cert, key) = ("c.pem".into(), "k.pem".into());
        assert_eq!(url.identity, Some(DatabaseIdentity { cert, key }));
        for (text, mode) in [
            ("disable", DatabaseTlsMode::Disable),
            ("prefer", DatabaseTlsMode::Prefer),
            ("require", DatabaseTlsMode::VerifyFull),
            ("verify-full", DatabaseTlsMode::VerifyFull),
        ] {
            assert_eq!(read(&format!("postgres://db/t?sslmode={text}")).mode, Some(mode));
        }
        assert_eq!(read("postgres://db/t?sslrootcert=system").ca, None);
    }

    #[test]
    fn what_looks_like_a_parameter_in_a_password_is_none() {
        let url = read("postgres://u:sslmode=disable?sslmode=disable&x@db/t");
        assert_eq!(url.mode, None);
        assert_eq!(url.url, Secret::new("postgres://u:sslmode=disable?sslmode=disable&x@db/t"));
        let mode = read("postgres://u:sslmode=disable@db/t?sslmode=verify-full").mode;
        assert_eq!(mode, Some(DatabaseTlsMode::VerifyFull));
    }

    #[test]
    fn what_is_not_honoured_is_refused_and_nothing_of_it_is_told() {
        for text in [
            "\"postgres://u:hunter2@db/t\"",
            " postgres://u:hunter2@db/t",
            "mysql://u:hunter2@db/t",
            "postgres://u:hunter2@hunter2@db/t",
            "postgres://u:hunter2@db/t?sslmode=allow",
            "postgres://u:hunter2@db/t?sslmode=hunter2",
            "postgres://u:hunter2@db/t?hunter2=1",
            "postgres://u:hunter2@db/t?hunter2",
            "postgres://u:hunter2@db/t?sslcrl=hunter2",
            "postgres://u:hunter2@db/t?sslcert=hunter2",
            "postgres://u:hunter2@db/t?sslmode=%ff",
        ] {
            let fault = DatabaseUrl::parse(text).expect_err(text);
            assert!(!fault.0.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn a_password_is_found_where_it_may_stand() {
        for (text, holds) in [
            ("postgres://u:p@db/t", true),
            ("postgres://db/t?user=u&password=p", true),
            ("postgres://u@db:5432/t", false),
            ("postgres://db:5432/t", false),
        ] {
            assert_eq!(read(text).holds_password(), holds, "{text}");
        }
    }
}
