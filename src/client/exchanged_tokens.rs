//! Exchanged tokens (RFC 8693), kept until their end and given while the token that each came of is accepted.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use sha2::{Digest as _, Sha256};

use super::{
    Error, Issue, IssuedToken, OwnToken, Refusal, Validator,
    exchange_grant::exchange_grant,
    kept_tokens::{KeptTokens, Kind, Room, Shown},
};
use crate::proto::v1::IssueTokenRequest;

/// Maximum of what is kept. Of more, the oldest are forgotten and exchanged again.
const ROOM: Room = Room { tokens: 10_000, bytes: 32 << 20 };
/// Bytes of a token in memory, without its texts.
const ENTRY_BYTES: usize = 1 << 10;

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

/// Exchanges tokens of users that its client was shown, and keeps up to 10,000 tokens and 32 MiB.
///
/// A token is exchanged at its first use for some services and scopes. The result is kept until its end, and
/// renewed ahead of that unless the token that was shown ends then. It is given only while the validator accepts
/// both, so that a revocation counts here as it does for calls that come in, and nothing that cannot be proven is
/// given from memory.
pub struct ExchangedTokens {
    issue: Arc<Issue>,
    validator: Validator,
    kept: Mutex<KeptTokens<OwnToken>>,
}

impl ExchangedTokens {
    /// Exchanges by `issue`, which adds the credentials of the client. `validator` judges tokens as that client.
    pub fn new(validator: Validator, issue: Issue) -> Self {
        Self { issue: Arc::new(issue), validator, kept: Mutex::new(KeptTokens::new(ROOM)) }
    }

    /// Returns a token for the services of `audience`, on behalf of the user of `shown`. Empty lists stand for all
    /// that the client may have.
    ///
    /// # Errors
    /// `Refused` or `Failed` of [`NotExchanged`].
    pub async fn get(
        &self,
        shown: &str,
        audience: Vec<String>,
        scopes: Vec<String>,
    ) -> Result<Arc<IssuedToken>, NotExchanged> {
        let (key, kind) = (Sha256::digest(shown.as_bytes()).into(), Kind::new(audience, scopes));
        let claims = self.validator.validate_of_any_holder(shown).await.map_err(|refusal| {
            if matches!(refusal, Refusal::Inactive) {
                self.kept().forget(&key);
            }
            NotExchanged::Refused(refusal)
        })?;
        let token = self.token(shown, key, &kind, claims.expire_time);
        let was_there = token.life().is_some();
        let issued = token.token().await.map_err(NotExchanged::Failed)?;
        let issued = if was_there { self.unless_revoked(&token, issued).await? } else { issued };
        // Once as a text and once as a header.
        let bytes = bytes(shown, &kind) + 2 * issued.access_token().len();
        self.kept().weigh(&key, &kind, bytes);
        Ok(issued)
    }

    /// Returns the number of tokens that are kept.
    pub fn kept_tokens(&self) -> usize {
        self.kept().len()
    }

    /// Returns a token that was kept, or another one if it was revoked by itself.
    async fn unless_revoked(
        &self,
        token: &OwnToken,
        issued: Arc<IssuedToken>,
    ) -> Result<Arc<IssuedToken>, NotExchanged> {
        match self.validator.validate_of_any_holder(issued.access_token()).await {
            Ok(_) => Ok(issued),
            Err(Refusal::Inactive) => {
                token.forget_revoked(&issued);
                token.token().await.map_err(NotExchanged::Failed)
            }
            Err(unknown @ Refusal::Unknown(_)) => Err(NotExchanged::Refused(unknown)),
        }
    }

    /// Returns what holds the token of a kind that came of `shown`, which ends at `end`.
    fn token(&self, shown: &str, key: Shown, kind: &Kind, end: Option<SystemTime>) -> OwnToken {
        let mut kept = self.kept();
        if let Some(token) = kept.get(&key, kind) {
            return token;
        }
        let Kind { audience, scopes } = kind.clone();
        let grant = Some(exchange_grant(shown));
        let request = IssueTokenRequest { grant, audience, scopes, ..IssueTokenRequest::default() };
        let issue = Arc::clone(&self.issue);
        let token = OwnToken::of_request(request, end, Box::new(move |request| issue(request)));
        kept.forget_ended(OwnToken::has_ended);
        kept.insert(key, kind.clone(), token.clone(), bytes(shown, kind));
        token
    }

    fn kept(&self) -> MutexGuard<'_, KeptTokens<OwnToken>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the bytes of a request in memory.
fn bytes(shown: &str, kind: &Kind) -> usize {
    ENTRY_BYTES + shown.len() + 2 * kind.bytes()
}

impl fmt::Debug for ExchangedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExchangedTokens").field("kept", &self.kept_tokens()).finish_non_exhaustive()
    }
}
