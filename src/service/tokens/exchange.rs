//! Exchanges tokens (RFC 8693): judges the token of a user that a client was shown, and notes on the grants
//! that it came of who holds what comes of it.

use std::sync::Arc;

use crate::{
    domain::{
        confirmation::may_show,
        error::Error,
        exchange::{BAD_ACTOR_TOKEN, BAD_SUBJECT_TOKEN, ExchangeRequest, Exchanged},
        grant::Grant,
        grant_id::GrantId,
        judge::judge,
        policy::RotationPolicy,
        presented_token::PresentedToken,
        scopes::Scopes,
        secret::Secret,
        subject::Subject,
        token::TokenKind,
        user::User,
    },
    service::{
        Caller,
        audit::audit_line::AuditSubject,
        login::people::{People, Vouched},
        look_up::TokenLookup,
        records::Records,
        signing::signed_tokens::TokenSigner,
        token_records::{TokenRecords, ancestors},
        upkeep::last_used::LastUseQueue,
    },
    store::{Store, Stored, race::race},
};

/// Tokens of an exchange.
#[derive(Clone, Debug)]
pub struct TokenExchange {
    /// The token of a user that the client was shown.
    pub subject_token: Secret,
    /// Kind of that token.
    pub kind: SubjectTokenKind,
    /// The client's own access token, if it shows one.
    pub actor_token: Option<Secret>,
}

/// Kind of a subject token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectTokenKind {
    /// An access token of this server.
    Access,
    /// An ID token of a trusted issuer that is enabled for users.
    Id,
}

/// A token type that both wires take (RFC 8693 §3).
pub const ACCESS_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";
/// The same, for access tokens that are signed.
const JWT_TYPE: &str = "urn:ietf:params:oauth:token-type:jwt";
/// The type of ID tokens.
const ID_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:id_token";

/// The parameters of an exchange (RFC 8693 §2.1), as either wire has them. An absent type is that of access
/// tokens.
#[derive(Debug)]
pub struct ExchangeParameters {
    /// `subject_token`.
    pub subject_token: Secret,
    /// `subject_token_type`.
    pub subject_token_type: Option<String>,
    /// `actor_token`.
    pub actor_token: Option<Secret>,
    /// `actor_token_type`.
    pub actor_token_type: Option<String>,
    /// `requested_token_type`.
    pub requested_token_type: Option<String>,
}

impl TryFrom<ExchangeParameters> for TokenExchange {
    type Error = Error;

    /// # Errors
    /// `InvalidRequest` for a type of tokens that is not taken, or not issued, and for the type of an actor
    /// token without one.
    fn try_from(given: ExchangeParameters) -> Result<Self, Error> {
        let known = |text: &str| text == ACCESS_TOKEN_TYPE || text == JWT_TYPE;
        let problem =
            "must be a token type that is taken: urn:ietf:params:oauth:token-type:access_token";
        let refused = |field| Error::InvalidRequest { field, problem };
        let kind = match given.subject_token_type.as_deref() {
            Some(ID_TOKEN_TYPE) => SubjectTokenKind::Id,
            Some(text) if !known(text) => return Err(refused("subject_token_type")),
            Some(_) | None => SubjectTokenKind::Access,
        };
        match (&given.actor_token, given.actor_token_type) {
            (None, Some(_)) => return Err(Error::missing("actor_token")),
            (Some(_), Some(text)) if !known(&text) => return Err(refused("actor_token_type")),
            (Some(_) | None, _) => {}
        }
        if given.requested_token_type.is_some_and(|text| text != ACCESS_TOKEN_TYPE) {
            return Err(refused("requested_token_type"));
        }
        Ok(Self { subject_token: given.subject_token, kind, actor_token: given.actor_token })
    }
}

/// The user of a subject token that may be exchanged.
pub(in crate::service) struct Delegated {
    pub(in crate::service) subject: Subject,
    pub(in crate::service) user: Option<Stored<User>>,
    pub(in crate::service) exchanged: Exchanged,
}

/// Exchanges of tokens.
pub(in crate::service) struct Exchanges<S> {
    records: Records<S>,
    lookup: Arc<TokenLookup<S>>,
    signer: Arc<TokenSigner<S>>,
    people: Arc<People<S>>,
    policy: RotationPolicy,
    last_used: Arc<LastUseQueue>,
}

impl<S> Exchanges<S> {
    pub(in crate::service) fn new(
        records: Records<S>,
        lookup: Arc<TokenLookup<S>>,
        signer: Arc<TokenSigner<S>>,
        people: Arc<People<S>>,
        policy: RotationPolicy,
        last_used: Arc<LastUseQueue>,
    ) -> Self {
        Self { records, lookup, signer, people, policy, last_used }
    }
}

impl<S: Store> Exchanges<S> {
    /// Judges the tokens of an exchange by the store, not by memory.
    ///
    /// # Errors
    /// `InvalidRequest` and `BadSubjectToken` for a token that is no good for it; `InvalidScope`; `Unavailable`.
    pub(in crate::service) async fn delegated(
        &self,
        caller: &Caller,
        shown: &TokenExchange,
        scopes: &Scopes,
        concerned: &mut AuditSubject,
    ) -> Result<Delegated, Error> {
        if let Some(actor_token) = &shown.actor_token {
            self.check_actor(caller, actor_token).await?;
        }
        if shown.subject_token.is_empty() {
            return Err(Error::missing("subject_token"));
        }
        if shown.kind == SubjectTokenKind::Id {
            return self.delegated_by_id_token(caller, shown, scopes, concerned).await;
        }
        let found = self.access_token(&shown.subject_token).await?;
        let (token, records) = found.ok_or(BAD_SUBJECT_TOKEN)?;
        let now = self.records.now();
        let judged = judge(&records.grant, &token, records.parties(now), &self.policy, now);
        let (Ok(subject_token), Some(holder)) = (judged, records.client.as_deref()) else {
            return Err(BAD_SUBJECT_TOKEN);
        };
        let (grant, client) = (&*records.grant, caller.client());
        let request = ExchangeRequest { grant, subject_token, holder, client, scopes };
        let exchanged = request.check(now)?;
        self.last_used.note(&records.grant, now);
        // The subject is that of the login: the user's record may have changed since.
        Ok(Delegated { subject: records.grant.subject.clone(), user: records.user, exchanged })
    }

    /// Judges an ID token as a login with it does: the user is linked, created and brought up to date, and the
    /// token is used up.
    async fn delegated_by_id_token(
        &self,
        caller: &Caller,
        shown: &TokenExchange,
        scopes: &Scopes,
        concerned: &mut AuditSubject,
    ) -> Result<Delegated, Error> {
        let client = caller.client();
        let vouched = self.people.vouched_user(client, &shown.subject_token, concerned).await;
        let bad = |error| {
            if let Error::InvalidGrant(cause) = error {
                Error::BadSubjectToken(cause)
            } else {
                error
            }
        };
        let Vouched { user, expire_time } = vouched.map_err(bad)?;
        let exchanged = Exchanged::of_id_token(client, scopes, expire_time, self.records.now())?;
        let subject = Subject::User { id: user.id, epoch: user.epoch };
        Ok(Delegated { subject, user: Some(user), exchanged })
    }

    /// Returns an access token of ours with its records, by the store; `None` for another text.
    async fn access_token(
        &self,
        shown: &Secret,
    ) -> Result<Option<(PresentedToken, TokenRecords)>, Error> {
        let token =
            self.signer.presented(shown).await?.filter(|token| token.kind() == TokenKind::Access);
        let Some(token) = token else { return Ok(None) };
        let records = self.lookup.token_records(&token).await?;
        Ok(records.map(|records| (token, records)))
    }

    /// Checks that an actor token is the caller's own, also the certificate that it is bound to: the caller has
    /// authenticated, and acts for nobody else.
    async fn check_actor(&self, caller: &Caller, actor_token: &Secret) -> Result<(), Error> {
        let found = self.access_token(actor_token).await?;
        let (token, records) = found.ok_or(BAD_ACTOR_TOKEN)?;
        let (grant, now) = (&*records.grant, self.records.now());
        let active = judge(grant, &token, records.parties(now), &self.policy, now).is_ok();
        let own = grant.client_id == *caller.id() && grant.subject == Subject::Client;
        let held = may_show(grant.confirmation_of(token.generation()), caller.certificate());
        if active && own && held { Ok(()) } else { Err(BAD_ACTOR_TOKEN) }
    }

    /// Notes on every grant that `made` came of who is to hold its token. Durable before that token is
    /// issued: an event that is written later names them.
    ///
    /// # Errors
    /// `InvalidRequest` if one of these grants has ended; `InvalidTarget` if too many hold such tokens;
    /// `Conflict`, `Overloaded`, `Unavailable`.
    pub(in crate::service) async fn note_delegates(&self, made: &Grant) -> Result<(), Error> {
        // The login first: a grant never names more holders than those that it came of.
        for ancestor in ancestors(made).iter().rev() {
            self.note_delegate(ancestor.grant_id, made).await?;
        }
        Ok(())
    }

    async fn note_delegate(&self, ancestor: GrantId, made: &Grant) -> Result<(), Error> {
        race(async || {
            let grant = self.records.grant(ancestor).await?.ok_or(BAD_SUBJECT_TOKEN)?;
            match grant.delegated_to(made)? {
                None => Ok(Some(())),
                Some(next) => {
                    let written = self.records.replace(grant.version(), next).await?;
                    Ok(written.then_some(()))
                }
            }
        })
        .await
    }
}
