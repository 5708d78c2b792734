//! Revokes tokens (RFC 7009): one write ends the grant with everything of it.

use super::issue::TokenService;
use crate::{
    domain::{
        error::Error,
        grant::{Grant, Origin},
        revoke::{self, RevokeScope, Revoked},
        secret::Secret,
    },
    service::{
        Caller,
        audit::audit_line::{AuditSubject, Event, Outcome},
        records::Basis,
    },
    store::{Store, Stored},
};

/// Request of [`TokenService::revoke`].
#[derive(Clone, Debug)]
pub struct Revoke {
    /// Any token of the grant; expired and rotated-out ones do too.
    pub token: Secret,
    /// Extent of the revocation.
    pub scope: RevokeScope,
    /// Origin of the request.
    pub origin: Origin,
}

/// As [`Revoked`], with the grant that something was taken from.
enum Taken {
    From(Box<Stored<Grant>>),
    Nothing,
    Unknown,
}

impl<S: Store> TokenService<S> {
    /// Revokes a token of the caller's. Answers once that is durable. A token that nobody ever
    /// made is no error (RFC 7009 §2.2).
    ///
    /// # Errors
    /// `InvalidGrant` for another client's token, which stays alive; `InvalidRequest` for an empty one; `Overloaded`, `Conflict`,
    /// `Unavailable`: then the token may still be alive.
    pub async fn revoke(&self, caller: &Caller, request: &Revoke) -> Result<Revoked, Error> {
        let mut concerned = AuditSubject::default();
        let revoked = self.revoke_token(caller, request, &mut concerned).await;
        let outcome = match &revoked {
            Ok(Taken::From(grant)) => {
                concerned.grant(grant);
                Outcome::Done
            }
            Ok(Taken::Nothing | Taken::Unknown) => Outcome::Nothing,
            Err(error) => {
                self.audit.note_grant(&mut concerned, error).await;
                Outcome::Refused(error.clone())
            }
        };
        self.audit.write(Event::Revoke, caller, &request.origin, &concerned, &outcome);
        revoked.map(|taken| match taken {
            Taken::From(_) => Revoked::Now,
            Taken::Nothing => Revoked::Before,
            Taken::Unknown => Revoked::Unknown,
        })
    }

    async fn revoke_token(
        &self,
        caller: &Caller,
        request: &Revoke,
        concerned: &mut AuditSubject,
    ) -> Result<Taken, Error> {
        if request.token.is_empty() {
            return Err(Error::missing("token"));
        }
        let Some(token) = self.signer.presented(&request.token).await? else {
            return Ok(Taken::Unknown);
        };
        concerned.named(token.grant_id());
        let keys = self.keys.load();
        self.records
            .race_presuming(async |basis| {
                let key = self.keys.key_of(&keys, &token).await?;
                let grant = self.lookup.grant_to_change(&token, basis).await?;
                let decided = grant.as_ref().map_or(revoke::Revoke::Unknown, |grant| {
                    let now = self.records.now();
                    revoke::revoke(grant, &token, caller.id(), request.scope, key, now)
                });
                match (decided, grant) {
                    (revoke::Revoke::Write(ended), Some(grant)) => {
                        let written = self.records.replace(grant.version(), *ended).await?;
                        Ok(written.then(|| Taken::From(Box::new(grant))))
                    }
                    _ if basis == Basis::Presumed => Ok(None),
                    (revoke::Revoke::Nothing, _) => Ok(Some(Taken::Nothing)),
                    (revoke::Revoke::Refuse(error), _) => Err(error),
                    (revoke::Revoke::Unknown | revoke::Revoke::Write(_), _) => {
                        Ok(Some(Taken::Unknown))
                    }
                }
            })
            .await
    }
}
