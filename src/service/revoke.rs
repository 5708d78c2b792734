//! Revokes tokens (RFC 7009): one write ends the grant with everything of it.

use super::{Caller, Service, race};
use crate::{
    domain::{
        error::Error,
        revoke::{self, RevokeScope},
        secret::Secret,
        token::Token,
    },
    store::Store,
};

/// What is asked of [`Service::revoke`].
#[derive(Clone, Debug)]
pub struct Revoke {
    /// Any token of the grant; expired and rotated-out ones do too.
    pub token: Secret,
    /// How much goes with it.
    pub scope: RevokeScope,
}

impl<S: Store> Service<S> {
    /// Revokes a token of the caller's. Answers once that is durable. A token that nobody ever
    /// made is revoked already (RFC 7009 §2.2).
    ///
    /// # Errors
    /// `InvalidGrant` for another client's token, which stays alive; `InvalidRequest` for an empty one; `Overloaded`, `Conflict`,
    /// `Unavailable`: then the token may still be alive.
    pub async fn revoke(&self, caller: &Caller, request: &Revoke) -> Result<(), Error> {
        if request.token.is_empty() {
            return Err(Error::missing("token"));
        }
        let Some(token) = Token::parse(request.token.expose()) else {
            return Ok(());
        };
        let keys = self.keys.load();
        race(async || {
            let key = self.key_of(&keys, &token)?;
            let Some(grant) = self.grant_of(&token).await? else {
                return Ok(Some(()));
            };
            let now = self.now();
            match revoke::revoke(&grant, &token, caller.id(), request.scope, key, now) {
                revoke::Revoke::Nothing => Ok(Some(())),
                revoke::Revoke::Refuse(error) => Err(error),
                revoke::Revoke::Write(ended) => {
                    let written = self.replace(grant.version(), *ended).await?;
                    Ok(written.then_some(()))
                }
            }
        })
        .await
    }
}
