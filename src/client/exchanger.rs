//! Exchanges tokens that a service was shown for tokens with which it calls another one (RFC 8693).

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::FutureExt as _;
use sha2::{Digest as _, Sha256};

use super::{
    Error, IssuedToken, OwnToken, Refusal, TokenClient, Validator, exchange_grant::exchange_grant,
};
use crate::proto::v1::IssueTokenRequest;

/// Number of exchanged tokens that are kept. Of more, the oldest are forgotten and exchanged again.
const MOST: usize = 10_000;

/// SHA-256 of a token that was shown. The token itself is not kept as a key.
type Shown = [u8; 32];

/// The reason for which there is no token for the next call.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotExchanged {
    /// The request to the next service has no token to exchange.
    #[error("the request has no token to exchange")]
    NoToken,

    /// The token that was shown is not accepted.
    #[error("the token that was shown is not accepted")]
    Refused(#[source] Refusal),

    /// The server refused the exchange, or is out of reach.
    #[error("the token was not exchanged")]
    Failed(#[source] Error),
}

/// Exchanges tokens of users for tokens with which its client calls one service. A token is exchanged at its
/// first use and kept until its end; it is used only while the validator accepts the one that it came of, so
/// that a logout counts here as it does for calls that come in. Clones share everything.
#[derive(Clone)]
pub struct Exchanger(Arc<Inner>);

struct Inner {
    client: TokenClient,
    validator: Validator,
    /// The request, without the token that was shown.
    request: IssueTokenRequest,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    tokens: HashMap<Shown, OwnToken>,
    /// The oldest first.
    order: VecDeque<Shown>,
}

impl Exchanger {
    /// Creates one for calls of the service `audience`. `client` makes the exchanges, `validator` judges the
    /// tokens that are exchanged: both are of the service that was shown them.
    pub fn new(client: TokenClient, validator: Validator, audience: impl Into<String>) -> Self {
        let request =
            IssueTokenRequest { audience: vec![audience.into()], ..IssueTokenRequest::default() };
        Self(Arc::new(Inner { client, validator, request, kept: Mutex::default() }))
    }

    /// Asks for these scopes instead of all that the client may have. Forgets what was exchanged before.
    #[must_use]
    pub fn scopes<T: Into<String>>(self, scopes: impl IntoIterator<Item = T>) -> Self {
        let scopes = scopes.into_iter().map(Into::into).collect();
        let Inner { client, validator, request, .. } = &*self.0;
        let (client, validator) = (client.clone(), validator.clone());
        let request = IssueTokenRequest { scopes, ..request.clone() };
        Self(Arc::new(Inner { client, validator, request, kept: Mutex::default() }))
    }

    /// Returns a token for the next service, on behalf of the user of `shown`.
    ///
    /// # Errors
    /// See [`NotExchanged`].
    pub async fn exchange(&self, shown: &str) -> Result<Arc<IssuedToken>, NotExchanged> {
        self.0.validator.validate_of_any_holder(shown).await.map_err(NotExchanged::Refused)?;
        let token = self.kept_for(shown);
        token.token().await.map_err(NotExchanged::Failed)
    }

    fn kept_for(&self, shown: &str) -> OwnToken {
        let key = Sha256::digest(shown.as_bytes()).into();
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = kept.tokens.get(&key) {
            return token.clone();
        }
        let request =
            IssueTokenRequest { grant: Some(exchange_grant(shown)), ..self.0.request.clone() };
        let client = self.0.client.clone();
        let token = OwnToken::of_request(
            request,
            Box::new(move |request| {
                let client = client.clone();
                async move { client.issue_token(request).await }.boxed()
            }),
        );
        if kept.order.len() == MOST
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.tokens.remove(&oldest);
        }
        kept.order.push_back(key);
        kept.tokens.insert(key, token.clone());
        token
    }
}

impl fmt::Debug for Exchanger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchanger")
            .field("audience", &self.0.request.audience)
            .finish_non_exhaustive()
    }
}
