//! Refreshes tokens: rotates the grant, answers a retry, or ends the grant on a replay.

use super::{Caller, Service, Tokens, race};
use crate::{
    domain::{
        entropy::draw,
        error::Error,
        grant::Grant,
        grant_type::GrantType,
        issue::check_grant_type,
        key_ring::{KeyRing, Salt},
        refresh::{self, RefreshRequest},
        scopes::Scopes,
        secret::Secret,
        token::{Token, TokenKind},
    },
    metrics::Outcome,
    store::{Records as _, Store, Version, Write},
};

/// What is asked of [`Service::refresh`].
#[derive(Clone, Debug)]
pub struct Refresh {
    /// The refresh token presented.
    pub refresh_token: Secret,
    /// Narrows the new access token; empty: all that was granted.
    pub scopes: Scopes,
}

impl<S: Store> Service<S> {
    /// Exchanges a refresh token for the next pair. Answers once the rotation is durable; a
    /// repetition answers the same pair.
    ///
    /// # Errors
    /// `InvalidGrant` for every token that is no good, `InvalidScope`, `InvalidRequest` for an
    /// empty token and for a retry with other scopes, `UnauthorizedClient`, `Overloaded`, `Conflict`, and `Unavailable`
    /// also when a replay was found but could not be written down.
    pub async fn refresh(&self, caller: &Caller, request: &Refresh) -> Result<Tokens, Error> {
        let call = self.metrics.grant(GrantType::RefreshToken);
        let refreshed = self.refresh_tokens(caller, request).await;
        call.end(Outcome::of(&refreshed));
        refreshed
    }

    async fn refresh_tokens(&self, caller: &Caller, request: &Refresh) -> Result<Tokens, Error> {
        check_grant_type(GrantType::RefreshToken, caller.client())?;
        if request.refresh_token.is_empty() {
            return Err(Error::missing("refresh_token"));
        }
        let token = Token::parse(request.refresh_token.expose()).ok_or(Error::InvalidGrant)?;
        if token.kind != TokenKind::Refresh {
            return Err(Error::InvalidGrant);
        }
        let keys = self.keys.load();
        let salt = Salt::from_bytes(draw(&*self.entropy));
        race(async || self.try_refresh(caller, &token, &request.scopes, &keys, salt).await).await
    }

    async fn try_refresh(
        &self,
        caller: &Caller,
        token: &Token,
        scopes: &Scopes,
        keys: &KeyRing,
        salt: Salt,
    ) -> Result<Option<Tokens>, Error> {
        let Some(held) = self.token_records(token).await? else {
            return Err(Error::InvalidGrant);
        };
        // The keys that the token and the record name must be at hand before anything is decided.
        self.key_of(keys, token)?.ok_or(Error::InvalidGrant)?;
        let now = self.now();
        let request = RefreshRequest { token, scopes, client: caller.client(), salt };
        let parties = held.parties();
        match refresh::refresh(&held.grant, request, parties, keys, &self.policy, now) {
            refresh::Refresh::Rotate { grant, pair } => {
                let answer = Tokens::new(&grant, &pair, now);
                let written = self.replace(held.grant.version(), *grant).await?;
                Ok(written.then_some(answer))
            }
            refresh::Refresh::Repeat { pair } => {
                self.metrics.retries.inc();
                tracing::info!(
                    target: "jeton::audit",
                    grant_id = %held.grant.id,
                    client_id = %caller.id(),
                    "refresh repeated within the retry window"
                );
                Ok(Some(Tokens::new(&held.grant, &pair, now)))
            }
            refresh::Refresh::End { grant } => {
                let cause = grant.end.map(|end| end.cause);
                let written = self.replace(held.grant.version(), *grant).await;
                let written = written.map_err(|_| Error::UNAVAILABLE)?;
                if !written {
                    return Ok(None);
                }
                self.metrics.ended(cause);
                tracing::warn!(
                    target: "jeton::audit",
                    grant_id = %held.grant.id,
                    client_id = %caller.id(),
                    generation = token.generation,
                    ?cause,
                    "refresh token replayed: the grant was ended"
                );
                Err(Error::InvalidGrant)
            }
            refresh::Refresh::Refuse(error) => Err(error),
        }
    }

    /// Replaces a grant; `false` when another write came first.
    pub(super) async fn replace(&self, expected: Version, grant: Grant) -> Result<bool, Error> {
        let written = self.store.grants().write(Write::Replace(expected, grant)).await;
        self.won(written.map(drop))
    }
}
