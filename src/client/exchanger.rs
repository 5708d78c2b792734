//! Exchanges tokens that a service was shown for tokens with which it calls another one (RFC 8693).

use std::{fmt, sync::Arc};

use futures_util::FutureExt as _;

use super::{ExchangedTokens, IssuedToken, NotExchanged, TokenClient, Validator};

/// Exchanges tokens of users for tokens with which its client calls one service. A token is exchanged at its
/// first use and kept until its end, 10,000 tokens and 32 MiB at most; it is used only while the validator accepts
/// it and the one that it came of, so that a logout counts here as it does for calls that come in. Clones share
/// everything.
#[derive(Clone)]
pub struct Exchanger(Arc<Inner>);

struct Inner {
    client: TokenClient,
    validator: Validator,
    tokens: ExchangedTokens,
    audience: String,
    scopes: Vec<String>,
}

impl Exchanger {
    /// Creates one for calls of the service `audience`. `client` makes the exchanges, `validator` judges the
    /// tokens that are exchanged and those that come of it: both are of the service that was shown them.
    pub fn new(client: TokenClient, validator: Validator, audience: impl Into<String>) -> Self {
        Self::with(client, validator, audience.into(), Vec::new())
    }

    /// Asks for these scopes instead of all that the client may have. Forgets what was exchanged before.
    #[must_use]
    pub fn scopes<T: Into<String>>(self, scopes: impl IntoIterator<Item = T>) -> Self {
        let Inner { client, validator, audience, .. } = &*self.0;
        let scopes = scopes.into_iter().map(Into::into).collect();
        Self::with(client.clone(), validator.clone(), audience.clone(), scopes)
    }

    fn with(
        client: TokenClient,
        validator: Validator,
        audience: String,
        scopes: Vec<String>,
    ) -> Self {
        let issuer = client.clone();
        let issue = Box::new(move |request| {
            let issuer = issuer.clone();
            async move { issuer.issue_token(request).await }.boxed()
        });
        let tokens = ExchangedTokens::new(validator.clone(), issue);
        Self(Arc::new(Inner { client, validator, tokens, audience, scopes }))
    }

    /// Returns a token for the next service, on behalf of the user of `shown`.
    ///
    /// # Errors
    /// See [`NotExchanged`].
    pub async fn exchange(&self, shown: &str) -> Result<Arc<IssuedToken>, NotExchanged> {
        let Inner { tokens, audience, scopes, .. } = &*self.0;
        tokens.get(shown, vec![audience.clone()], scopes.clone()).await
    }
}

impl fmt::Debug for Exchanger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchanger").field("audience", &self.0.audience).finish_non_exhaustive()
    }
}
