//! Refreshes tokens: rotates the grant, answers a retry, or ends the grant on a replay.

use super::issue::TokenService;
use crate::{
    domain::{
        audience::Audience,
        cause::Cause,
        entropy::draw,
        error::Error,
        grant::{EndCause, Grant, Origin},
        grant_type::GrantType,
        issue::check_grant_type,
        key_ring::{KeyRing, Salt},
        presented_token::PresentedToken,
        refresh::{self, RefreshRequest},
        scopes::Scopes,
        secret::Secret,
        time::Timestamp,
        token::{Token, TokenKind},
    },
    metrics,
    service::{
        Caller, Tokens,
        audit::audit_line::{AuditSubject, Event, Outcome},
        records::Basis,
        signing::signature_pool::Signer,
        token_records::TokenRecords,
    },
    store::{Store, Stored},
};

/// Request of [`TokenService::refresh`].
#[derive(Clone, Debug)]
pub struct Refresh {
    /// The refresh token presented.
    pub refresh_token: Secret,
    /// Narrows the new access token; empty: all that was granted.
    pub scopes: Scopes,
    /// Services that the new access token is asked for; empty: those of the grant.
    pub audience: Audience,
    /// Origin of the request.
    pub origin: Origin,
}

/// Result of a refresh, for its caller and for the audit.
struct Answered {
    tokens: Result<Tokens, Error>,
    outcome: Outcome,
}

/// Decision about a refresh, with what carries it out.
struct Decided {
    refresh: refresh::Refresh,
    /// Signer of the next access token, if it is to be signed.
    next: Option<Signer>,
    now: Timestamp,
}

impl Decided {
    /// Returns whether a write proves the records that were decided on.
    const fn writes(&self) -> bool {
        matches!(self.refresh, refresh::Refresh::Rotate { .. } | refresh::Refresh::End { .. })
    }
}

impl<S: Store> TokenService<S> {
    /// Exchanges a refresh token for the next pair. Answers once the rotation is durable; a
    /// repetition answers the same pair.
    ///
    /// # Errors
    /// `InvalidGrant` for every token that is no good, `InvalidScope`, `InvalidTarget`, `InvalidRequest` for an
    /// empty token, for a retry with other scopes and for a missing certificate to bind to, `UnauthorizedClient`, `Overloaded`, `Conflict`, and `Unavailable`
    /// also when a replay was found but could not be written down.
    pub async fn refresh(&self, caller: &Caller, request: &Refresh) -> Result<Tokens, Error> {
        let mut concerned = AuditSubject::default();
        let call = self.metrics.grant(GrantType::RefreshToken);
        let answered = self.refresh_tokens(caller, request, &mut concerned).await;
        let Answered { tokens, outcome } = match answered {
            Ok((grant, answered)) => {
                concerned.grant(&grant);
                answered
            }
            Err(error) => {
                self.audit.note_grant(&mut concerned, &error).await;
                Answered { tokens: Err(error.clone()), outcome: Outcome::Refused(error) }
            }
        };
        self.audit.write(Event::Refresh, caller, &request.origin, &concerned, &outcome);
        call.end(metrics::Outcome::of(&tokens));
        tokens
    }

    async fn refresh_tokens(
        &self,
        caller: &Caller,
        request: &Refresh,
        concerned: &mut AuditSubject,
    ) -> Result<(Stored<Grant>, Answered), Error> {
        check_grant_type(GrantType::RefreshToken, caller.client())?;
        if request.refresh_token.is_empty() {
            return Err(Error::missing("refresh_token"));
        }
        let token = Token::parse(request.refresh_token.expose());
        let token = token.ok_or(Error::InvalidGrant(Cause::Garbage))?;
        if token.kind != TokenKind::Refresh {
            return Err(Error::InvalidGrant(Cause::WrongKind));
        }
        concerned.named(token.grant_id);
        let presented = PresentedToken::from(token.clone());
        let keys = self.keys.load();
        let salt = Salt::from_bytes(draw(&*self.records.entropy));
        self.records
            .race_presuming(async |basis| {
                let Some(held) = self.lookup.records_to_change(&presented, basis).await? else {
                    if basis == Basis::Presumed {
                        return Ok(None);
                    }
                    return Err(Error::InvalidGrant(self.lookup.why_unknown(&presented).await?));
                };
                let decided = self.decide(caller, &token, &held, request, &keys, salt).await;
                if basis == Basis::Presumed && !decided.as_ref().is_ok_and(Decided::writes) {
                    return Ok(None);
                }
                let answered = self.carry_out(caller, &held, decided?, basis).await?;
                Ok(answered.map(|answered| (held.grant.clone(), answered)))
            })
            .await
    }

    async fn decide(
        &self,
        caller: &Caller,
        token: &Token,
        held: &TokenRecords,
        asked: &Refresh,
        keys: &KeyRing,
        salt: Salt,
    ) -> Result<Decided, Error> {
        // The keys that the token and the record name must be at hand before anything is decided.
        self.keys
            .key_of(keys, &token.clone().into())
            .await?
            .ok_or(Error::InvalidGrant(Cause::Forged))?;
        let now = self.records.now();
        let client = held.client.as_deref().unwrap_or(caller.client());
        let rotates = token.generation == held.grant.current.number;
        let signs = rotates && client.signs(&held.grant.audience.cut_to(&client.audience));
        let next = self.signer.next_signer(caller, client, signs).await?;
        let request = RefreshRequest {
            signed_by: next.as_ref().map(|signer| self.signer.due(signer)),
            token,
            scopes: &asked.scopes,
            audience: &asked.audience,
            client: caller.client(),
            certificate: caller.certificate(),
            salt,
            since_rotation: self.elapsed.since(held.grant.current.issue_time, &*self.records.clock),
        };
        let parties = held.parties(now);
        let refresh = refresh::refresh(&held.grant, request, parties, keys, &self.policy, now);
        Ok(Decided { refresh, next, now })
    }

    /// Writes what was decided on these records, and answers it. `None` when another write came first.
    async fn carry_out(
        &self,
        caller: &Caller,
        held: &TokenRecords,
        decided: Decided,
        basis: Basis,
    ) -> Result<Option<Answered>, Error> {
        let Decided { refresh, next, now } = decided;
        let client = held.client.as_deref().unwrap_or(caller.client());
        match refresh {
            refresh::Refresh::Rotate { grant, pair } => {
                let tokens = Tokens::new(&grant, &pair, now);
                let user = held.user.as_deref();
                let due = next.map(|signer| {
                    let unsigned = self.signer.unsigned(&signer, &grant, client, user);
                    (signer, unsigned)
                });
                if !self.replace(held, *grant, basis).await? {
                    return Ok(None);
                }
                let tokens = self.signer.sign(due).await.map(|signed| tokens.signed(signed));
                Ok(Some(Answered { tokens, outcome: Outcome::Done }))
            }
            refresh::Refresh::Repeat { pair } => {
                self.metrics.retries.inc();
                let tokens = Tokens::new(&held.grant, &pair, now);
                let signer = self.signer.same_signer(caller, &held.grant).await?;
                let due = signer.map(|signer| {
                    let unsigned =
                        self.signer.unsigned(&signer, &held.grant, client, held.user.as_deref());
                    (signer, unsigned)
                });
                let tokens = self.signer.sign(due).await.map(|signed| tokens.signed(signed));
                Ok(Some(Answered { tokens, outcome: Outcome::Repeated }))
            }
            refresh::Refresh::End { grant } => {
                let cause = grant.end.as_ref().map(|end| end.cause);
                let lost = cause == Some(EndCause::StoreWentBack);
                let written = self.replace(held, *grant, basis).await;
                let written = written.map_err(|_| Error::UNAVAILABLE)?;
                if written {
                    self.metrics.ended(cause);
                }
                if lost && written {
                    tracing::error!(
                        grant_id = %held.grant.id,
                        "a token is newer than its grant's record: the store went back in time"
                    );
                }
                let (outcome, cause) = if lost {
                    (Outcome::StoreWentBack, Cause::StoreWentBack)
                } else {
                    (Outcome::Replayed, Cause::Replayed)
                };
                let tokens = Err(Error::InvalidGrant(cause));
                Ok(written.then_some(Answered { tokens, outcome }))
            }
            refresh::Refresh::Refuse(error) => Err(error),
        }
    }

    /// Replaces the grant by a decision on these records, which the write proves if they are presumed.
    async fn replace(
        &self,
        held: &TokenRecords,
        grant: Grant,
        basis: Basis,
    ) -> Result<bool, Error> {
        let premises = match basis {
            Basis::Presumed => held.premises(),
            Basis::Proven => Vec::new(),
        };
        self.records.replace_if(held.grant.version(), grant, &premises).await
    }
}
