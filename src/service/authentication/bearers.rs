//! Authenticates callers by jeton's own access tokens: clients that got one for themselves, and people who
//! administer by permissions that an issuer vouches for.

use std::sync::Arc;

use super::trusted_issuers::TrustedIssuers;
use crate::{
    domain::{
        cause::Cause,
        client::Client,
        confirmation::{PeerCertificate, may_show},
        error::Error,
        judge::judge,
        permission::Permissions,
        policy::RotationPolicy,
        presented_token::PresentedToken,
        subject::Subject,
        token::TokenKind,
        user::User,
    },
    service::{
        caller::{ActingPerson, Caller, ShownBearer},
        look_up::TokenLookup,
        records::Records,
        signing::signed_tokens::TokenSigner,
        token_records::TokenRecords,
        upkeep::last_used::LastUseQueue,
    },
    store::Store,
};

/// Reader of jeton's own access tokens as credentials.
pub(in crate::service) struct Bearers<S> {
    records: Records<S>,
    lookup: Arc<TokenLookup<S>>,
    signer: Arc<TokenSigner<S>>,
    issuers: Arc<TrustedIssuers>,
    policy: RotationPolicy,
    last_used: Arc<LastUseQueue>,
}

impl<S> Bearers<S> {
    pub(in crate::service) fn new(
        records: Records<S>,
        lookup: Arc<TokenLookup<S>>,
        signer: Arc<TokenSigner<S>>,
        issuers: Arc<TrustedIssuers>,
        policy: RotationPolicy,
        last_used: Arc<LastUseQueue>,
    ) -> Self {
        Self { records, lookup, signer, issuers, policy, last_used }
    }
}

impl<S: Store> Bearers<S> {
    /// The client that got the access token for itself and for jeton.
    ///
    /// # Errors
    /// `InvalidToken` for every other token; `Unavailable`.
    pub(super) async fn bearer(&self, shown: &ShownBearer) -> Result<Caller, Error> {
        let token = self.signer.presented(&shown.token).await?;
        let token = token.ok_or(Error::InvalidToken(Cause::Garbage))?;
        if token.kind() != TokenKind::Access {
            return Err(Error::InvalidToken(Cause::WrongKind));
        }
        let kept = self.lookup.cached_records(&token, None);
        let certificate = shown.certificate.as_ref();
        match kept.map(|kept| self.holder(&token, kept, certificate)) {
            Some(Ok(caller)) => Ok(caller),
            Some(Err(_)) | None => Box::pin(self.looked_up(&token, certificate)).await,
        }
    }

    async fn looked_up(
        &self,
        token: &PresentedToken,
        certificate: Option<&PeerCertificate>,
    ) -> Result<Caller, Error> {
        match self.lookup.token_records(token).await? {
            Some(held) => self.holder(token, held, certificate).map_err(Error::InvalidToken),
            None => Err(Error::InvalidToken(self.lookup.why_unknown(token).await?)),
        }
    }

    /// Returns the holder of `token`, if it is active, its client got it for itself and for jeton,
    /// and may still get such a token. Of a bound token the connection must show the certificate. A user's token, which goes to other services, gives no
    /// access.
    ///
    /// # Errors
    /// The cause for which it is refused.
    fn holder(
        &self,
        token: &PresentedToken,
        held: TokenRecords,
        certificate: Option<&PeerCertificate>,
    ) -> Result<Caller, Cause> {
        let now = self.records.now();
        let active = judge(&held.grant, token, held.parties(now), &self.policy, now);
        let active = active.map_err(|reason| reason.cause(&held.grant, held.parties(now)))?;
        if held.grant.subject != Subject::Client {
            return Err(Cause::UsersToken);
        }
        if !may_show(held.grant.confirmation_of(token.generation()), certificate) {
            return Err(Cause::WrongHolder);
        }
        let named = active.audience.names_jeton();
        let client = held.client.filter(|client| named && client.may_call_by_token());
        let client = client.ok_or(Cause::NotForJeton)?;
        self.last_used.note(&held.grant, now);
        Ok(Caller::new(client))
    }

    /// The person whom an active access token speaks for, with the permissions of now. `None` for what is
    /// no such token. The store is asked, not memory: a permission that was taken away is gone at once.
    pub(super) async fn acting_person(&self, shown: &ShownBearer) -> Result<Option<Caller>, Error> {
        let Some(token) = self.signer.presented(&shown.token).await?.filter(is_access) else {
            return Ok(None);
        };
        let position = self.records.store.position();
        let Some(held) = self.lookup.token_records(&token).await? else { return Ok(None) };
        let now = self.records.now();
        let active = judge(&held.grant, &token, held.parties(now), &self.policy, now);
        let for_jeton = active.is_ok_and(|active| active.audience.names_jeton());
        let TokenRecords { grant, client, user, .. } = held;
        let client = client.filter(|client| for_jeton && Client::may_speak_for_people(client));
        let (Some(client), Some(user)) = (client, user) else { return Ok(None) };
        if !may_show(grant.confirmation_of(token.generation()), shown.certificate.as_ref()) {
            return Err(Error::InvalidToken(Cause::WrongHolder));
        }
        let permissions = self.vouched_now(&user);
        if !permissions.let_into_administration() {
            return Err(Error::InvalidToken(Cause::UsersToken));
        }
        self.last_used.note(&grant, self.records.now());
        let person = ActingPerson { user: user.id, permissions };
        Ok(Some(Caller::new(client).read_at(position).acting_for(person)))
    }

    /// The permissions of a user in administration: those of the last login, while they last, as far as
    /// the settings still let that issuer give them.
    fn vouched_now(&self, user: &User) -> Permissions {
        let held = user.vouched.as_ref();
        let held =
            held.map(|held| held.held(self.issuers.may_allow(&held.issuer), self.records.now()));
        held.unwrap_or_default()
    }
}

fn is_access(token: &PresentedToken) -> bool {
    token.kind() == TokenKind::Access
}
