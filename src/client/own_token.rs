//! A client's own access token, renewed before it ends.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use futures_util::future::BoxFuture;
use tokio::{
    sync::{Mutex, MutexGuard},
    time::Instant,
};
use tonic::metadata::{Ascii, MetadataValue};

use super::{Error, convert::time};
use crate::proto::v1::{
    ClientCredentialsGrant, IssueTokenRequest, IssueTokenResponse, issue_token_request::Grant,
};

/// Name of the token service in an audience.
const AUDIENCE: &str = "jeton";
/// Time for which a failure is returned to further callers, whose requests would be the same.
const FAILURE: Duration = Duration::from_millis(500);
/// Maximum of that time if the server requests a longer wait.
const LONGEST_FAILURE: Duration = Duration::from_secs(30);
/// Precision of the times that signed tokens state.
const PRECISION: Duration = Duration::from_secs(1);

/// A client's own access token, by default valid only at the token service. It is issued by client
/// credentials at its first use, and renewed, once for all callers, when 70 to 80 % of its lifetime has
/// passed. A failed renewal is repeated after 5 to 10 % of the remaining lifetime, or after the wait that
/// the server requests. Clones share it.
#[derive(Clone)]
pub struct OwnToken(Arc<Inner>);

struct Inner {
    issue: Issue,
    /// The request, without its id and credentials.
    request: IssueTokenRequest,
    /// Latest end of any token, by the server's clock, if one is known: a token that ends then is not renewed.
    latest: Option<SystemTime>,
    held: RwLock<Held>,
    /// Lock of the task that renews the token.
    renewing: Mutex<()>,
}

#[derive(Clone, Default)]
enum Held {
    #[default]
    Nothing,
    Token {
        issued: Arc<IssuedToken>,
        /// Time from which the token is renewed while it can still be used.
        renew: Instant,
    },
    Failure {
        error: Error,
        end: Instant,
    },
}

type Header = MetadataValue<Ascii>;

/// A client's own access token as it was issued. Its text is a secret.
pub struct IssuedToken {
    response: IssueTokenResponse,
    header: Header,
    /// Counted from the request, hence no later than the token's own end.
    end: Instant,
}

impl IssuedToken {
    /// Returns the text of the access token, a secret.
    pub fn access_token(&self) -> &str {
        &self.response.access_token
    }

    /// Returns the time for which it is good, rounded down to seconds, but at least one.
    pub fn expires_in(&self) -> Duration {
        let left = self.end.saturating_duration_since(Instant::now()).as_secs();
        Duration::from_secs(left.max(1))
    }

    /// Returns its scopes.
    pub fn scopes(&self) -> &[String] {
        &self.response.scopes
    }

    /// Returns its type (RFC 8693 §3) if it came of an exchange, and an empty text otherwise.
    pub fn issued_token_type(&self) -> &str {
        &self.response.issued_token_type
    }

    /// Returns the value of `authorization`.
    pub(super) fn header(&self) -> Header {
        self.header.clone()
    }
}

/// The server's response with the lifetime that is left.
impl From<Arc<IssuedToken>> for IssueTokenResponse {
    fn from(issued: Arc<IssuedToken>) -> Self {
        let expires_in = i64::try_from(issued.expires_in().as_secs()).unwrap_or(i64::MAX);
        Self { expires_in, ..issued.response.clone() }
    }
}

/// Requests a token from the token service: the request lacks the credentials alone.
pub type Issue = Box<
    dyn Fn(IssueTokenRequest) -> BoxFuture<'static, Result<IssueTokenResponse, Error>>
        + Send
        + Sync,
>;

impl OwnToken {
    /// Creates an own token that `issue` obtains. `issue` adds the credentials, which may change
    /// while the token is used.
    pub fn issued_by(issue: Issue) -> Self {
        Self::issued_for(vec![AUDIENCE.to_owned()], Vec::new(), issue)
    }

    /// As [`Self::issued_by`], valid at the services of `audience` and for `scopes`. Without either the
    /// client's registration decides.
    pub fn issued_for(audience: Vec<String>, scopes: Vec<String>, issue: Issue) -> Self {
        let request = IssueTokenRequest {
            grant: Some(Grant::ClientCredentials(ClientCredentialsGrant {})),
            audience,
            scopes,
            ..IssueTokenRequest::default()
        };
        Self::of_request(request, None, issue)
    }

    /// As [`Self::issued_by`], by a request that may have any grant. None of its tokens ends after `latest`, by
    /// the server's clock: one that ends then is not renewed.
    pub(super) fn of_request(
        request: IssueTokenRequest,
        latest: Option<SystemTime>,
        issue: Issue,
    ) -> Self {
        let (held, renewing) = (RwLock::default(), Mutex::default());
        Self(Arc::new(Inner { issue, request, latest, held, renewing }))
    }

    /// Returns the value of `authorization`.
    ///
    /// # Errors
    /// Fails as [`TokenClient::issue_token`](super::TokenClient::issue_token) does, if there is no
    /// valid token left.
    pub(super) async fn header(&self) -> Result<Header, Error> {
        Ok(self.token().await?.header.clone())
    }

    /// Returns the token.
    ///
    /// # Errors
    /// Fails as [`TokenClient::issue_token`](super::TokenClient::issue_token) does, if there is no
    /// valid token left.
    pub async fn token(&self) -> Result<Arc<IssuedToken>, Error> {
        match self.held() {
            Held::Token { issued, renew } if Instant::now() < issued.end => {
                if renew <= Instant::now() {
                    self.renew_aside();
                }
                Ok(issued)
            }
            Held::Failure { error, end } if Instant::now() < end => Err(error),
            Held::Token { .. } | Held::Failure { .. } | Held::Nothing => self.renew().await,
        }
    }

    /// Returns the time until the token ends that is in use, if there is one.
    pub fn life(&self) -> Option<Duration> {
        match self.held() {
            Held::Token { issued, .. } => issued.end.checked_duration_since(Instant::now()),
            Held::Failure { .. } | Held::Nothing => None,
        }
    }

    /// Returns `true` if it had a token, which has ended.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.held(), Held::Token { issued, .. } if issued.end <= Instant::now())
    }

    /// Stops using this token: the server refused it.
    pub(super) fn forget(&self, refused: Option<&Header>) {
        self.forget_if(|held| Some(&held.header) == refused);
    }

    /// Stops using the token, if it is still this one: it was revoked.
    pub fn forget_revoked(&self, revoked: &IssuedToken) {
        self.forget_if(|held| held.header == revoked.header);
    }

    fn forget_if(&self, matches: impl FnOnce(&IssuedToken) -> bool) {
        let mut held = self.0.held.write().unwrap_or_else(PoisonError::into_inner);
        if matches!(&*held, Held::Token { issued, .. } if matches(issued)) {
            *held = Held::Nothing;
        }
    }

    fn held(&self) -> Held {
        self.0.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn renew_aside(&self) {
        let own = self.clone();
        tokio::spawn(async move {
            if let Ok(turn) = own.0.renewing.try_lock()
                && let Err(error) = own.issue(turn).await
            {
                tracing::warn!(%error, "the own token was not renewed");
            }
        });
    }

    async fn renew(&self) -> Result<Arc<IssuedToken>, Error> {
        let turn = self.0.renewing.lock().await;
        match self.held() {
            // Another task obtained this token meanwhile.
            Held::Token { issued, .. } if Instant::now() < issued.end => Ok(issued),
            Held::Failure { error, end } if Instant::now() < end => Err(error),
            Held::Token { .. } | Held::Failure { .. } | Held::Nothing => self.issue(turn).await,
        }
    }

    /// Returns `true` if no token ends later than this one.
    fn is_last(&self, response: &IssueTokenResponse) -> bool {
        let end = response.expire_time.as_ref().and_then(time);
        self.0.latest.zip(end).is_some_and(|(latest, end)| end + PRECISION >= latest)
    }

    async fn issue(&self, _turn: MutexGuard<'_, ()>) -> Result<Arc<IssuedToken>, Error> {
        let request = IssueTokenRequest { request_id: request_id(), ..self.0.request.clone() };
        let sent = Instant::now();
        let issued = (self.0.issue)(request).await;
        let mut held = self.0.held.write().unwrap_or_else(PoisonError::into_inner);
        match issued {
            Ok(response) => {
                let life = Duration::from_secs(response.expires_in.try_into().unwrap_or_default());
                let header = bearer(&response.access_token)?;
                let end = sent + life;
                let renew = if self.is_last(&response) {
                    end
                } else {
                    sent + life.mul_f64(0.7 + 0.1 * fastrand::f64())
                };
                let issued = Arc::new(IssuedToken { response, header, end });
                *held = Held::Token { issued: Arc::clone(&issued), renew };
                Ok(issued)
            }
            Err(error) => {
                let now = Instant::now();
                let wait = error.wait().unwrap_or_default().min(LONGEST_FAILURE);
                if let Held::Token { renew, issued } = &mut *held
                    && now < issued.end
                {
                    // A token that is still valid stays in use and is renewed later.
                    let part = (issued.end - now).mul_f64(0.05 + 0.05 * fastrand::f64());
                    *renew = now + part.max(wait).max(FAILURE);
                } else {
                    let end = now + wait.max(FAILURE);
                    *held = Held::Failure { error: error.clone(), end };
                }
                Err(error)
            }
        }
    }
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IssuedToken(…)")
    }
}

impl fmt::Debug for OwnToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnToken(…)")
    }
}

fn bearer(token: &str) -> Result<Header, Error> {
    let mut header: Header = format!("Bearer {token}")
        .parse()
        .map_err(|_| Error::from(tonic::Status::internal("an access token that is no header")))?;
    header.set_sensitive(true);
    Ok(header)
}

/// Returns 128 random bits, so that a repeated call creates no second grant.
#[expect(clippy::disallowed_methods, reason = "a client's only use of randomness")]
pub(super) fn request_id() -> String {
    let half = || getrandom::u64().expect("the operating system gives randomness");
    format!("{:016x}{:016x}", half(), half())
}
