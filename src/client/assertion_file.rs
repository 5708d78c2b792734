//! A signed assertion in a file that is renewed: a projected service account token, a JWT-SVID.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
    sync::Arc,
};

use thiserror::Error;
use tokio::task::spawn_blocking;
use tonic::Status;
use zeroize::Zeroizing;

use super::Error;
use crate::domain::secret::Secret;

/// `client_assertion_type` of every assertion (RFC 7523 §2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Longest assertion, in bytes: the server refuses longer ones.
const MAX_BYTES: usize = 16 * 1024;

/// File with an assertion of a trusted issuer, in place of a client's secret (RFC 7523 §2.2). It is read
/// for each request that shows it, through links: a renewed assertion counts at once, however the file was
/// replaced. Clones are the same file.
///
/// An assertion that the client itself has signed is used up by one request and cannot come from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssertionFile(Arc<Path>);

/// An assertion as it was read. Its text is a secret.
pub struct Assertion(Secret);

/// Reason for which a file gives no assertion. Names the file and never quotes it.
#[derive(Debug, Error)]
pub enum AssertionFileError {
    /// The file cannot be read.
    #[error("the assertion file {path}: {error}")]
    Unreadable {
        /// Path of the file.
        path: String,
        /// Cause.
        error: io::Error,
    },
    /// The file holds something else.
    #[error("the assertion file {0}: it holds no signed JWT of at most 16 KiB")]
    NoAssertion(String),
}

impl AssertionFile {
    /// The file at `path`, which need not be there yet.
    pub fn at(path: impl AsRef<Path>) -> Self {
        Self(path.as_ref().into())
    }

    /// Returns the path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Reads the assertion. Nothing of the file goes anywhere if it does not have the form of one.
    ///
    /// # Errors
    /// See [`AssertionFileError`]. The issuer's signature and the expiry are for the server to judge.
    pub async fn read(&self) -> Result<Assertion, AssertionFileError> {
        let unreadable = |error| AssertionFileError::Unreadable { path: self.shown(), error };
        let path = Arc::clone(&self.0);
        let read = spawn_blocking(move || contents(&path)).await;
        let bytes = read.map_err(|error| unreadable(error.into()))?.map_err(unreadable)?;
        Assertion::parse(&bytes).ok_or_else(|| AssertionFileError::NoAssertion(self.shown()))
    }

    /// Returns the path for messages. A path that has the form of an assertion is one that was given in
    /// the wrong place.
    fn shown(&self) -> String {
        let path = self.0.display().to_string();
        if is_jwt(&path) { "whose path is an assertion itself".to_owned() } else { path }
    }
}

impl Assertion {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = str::from_utf8(bytes).ok()?;
        let text = text.trim_start_matches('\u{feff}').trim_ascii();
        if text.len() > MAX_BYTES || !is_jwt(text) {
            return None;
        }
        Some(Self(Secret::new(text)))
    }

    /// Returns the text, a secret.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl fmt::Debug for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Assertion(…)")
    }
}

/// An operator must correct it, as a secret that is wrong.
impl From<AssertionFileError> for Error {
    fn from(error: AssertionFileError) -> Self {
        Self::Credentials(Status::unauthenticated(error.to_string()))
    }
}

/// Returns whether the text has the form of a signed JWT: three parts in base64url (RFC 7515 §3.1), the
/// first of which is a JSON object.
fn is_jwt(text: &str) -> bool {
    let mut parts = text.split('.');
    let three = [parts.next(), parts.next(), parts.next()];
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(legal);
    // `{"` in base64url.
    text.starts_with("eyJ")
        && three.iter().all(|part| part.is_some_and(is_part))
        && parts.next().is_none()
}

/// Reads a regular file: another kind would block for ever. Of a long one, more than an assertion has is read.
fn contents(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    // One line end and a byte order mark may surround the assertion.
    let most = MAX_BYTES + 8;
    // With room for everything: a buffer that grows leaves copies that are not wiped.
    let mut bytes = Zeroizing::new(Vec::with_capacity(most));
    File::open(path)?.take(most as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `{"alg":"ES256"}` and `{"exp":1800000000.5}`.
    const JWT: &str = "eyJhbGciOiJFUzI1NiJ9.eyJleHAiOjE4MDAwMDAwMDAuNX0.c2ln";

    async fn read(contents: &[u8]) -> Result<Assertion, AssertionFileError> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("token");
        fs::write(&path, contents).expect("a file");
        AssertionFile::at(path).read().await
    }

    #[tokio::test]
    async fn an_assertion_is_read_with_or_without_a_line_end() {
        for contents in [JWT.to_owned(), format!("{JWT}\n"), format!("\u{feff}{JWT}\r\n")] {
            let assertion = read(contents.as_bytes()).await.expect("an assertion");
            assert_eq!(assertion.expose(), JWT);
            assert_eq!(format!("{assertion:?}"), "Assertion(…)");
        }
    }

    #[tokio::test]
    async fn nothing_but_a_signed_jwt_is_taken_and_nothing_of_it_is_quoted() {
        let long = format!("eyJ{}.e30.c2ln", "A".repeat(MAX_BYTES));
        let key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQ\n-----END PRIVATE KEY-----\n";
        let two = format!("{JWT}\n{JWT}");
        let unsigned = JWT.rsplit_once('.').expect("parts").0;
        for contents in ["", "\n", "secret", key, &long, &two, unsigned, "eyJ..", "eyJh.e30.c2ln.x"]
        {
            let error = read(contents.as_bytes()).await.expect_err("refused").to_string();
            assert!(
                error.len() < 200 && !error.contains("eyJ") && !error.contains("MC4"),
                "{error}"
            );
        }
        read(&[0xff; 40]).await.expect_err("no text");
    }

    #[tokio::test]
    async fn what_is_no_regular_file_is_refused_at_once() {
        for path in ["/dev/zero", "/dev/tty", "/"] {
            let error = AssertionFile::at(path).read().await.expect_err("refused").to_string();
            assert!(error.contains("not a regular file"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_file_that_is_missing_is_named_unless_its_name_is_an_assertion() {
        let error = AssertionFile::at("nowhere/token").read().await.expect_err("missing");
        assert!(error.to_string().contains("nowhere/token"), "{error}");
        let error = AssertionFile::at(JWT).read().await.expect_err("missing");
        assert!(!error.to_string().contains("eyJ"), "{error}");
        assert!(matches!(Error::from(error), Error::Credentials(_)));
    }
}
