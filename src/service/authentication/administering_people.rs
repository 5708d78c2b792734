//! Authenticates people who administer: by an access token that an ID token got them, and by permissions
//! that its issuer vouches for.

use crate::{
    domain::{
        cause::Cause, client::Client, confirmation::may_show, error::Error, judge::judge,
        permission::Permissions, presented_token::PresentedToken, token::TokenKind, user::User,
    },
    service::{
        Caller, Credentials, Service,
        caller::{ActingPerson, ShownBearer},
        token_records::TokenRecords,
    },
    store::Store,
};

impl<S: Store> Service<S> {
    /// Authenticates a caller of administration: as [`Self::authenticate_caller`] does, or a person whose
    /// access token is meant for jeton. Only administration takes such a token.
    ///
    /// # Errors
    /// As there. `InvalidToken` for the token of a user who has no permission now, and for one that is bound to
    /// another certificate.
    pub async fn authenticate_administrator(
        &self,
        credentials: &Credentials,
    ) -> Result<Caller, Error> {
        if let Credentials::Bearer(shown) = credentials
            && let Some(caller) = self.acting_person(shown).await?
        {
            self.budgets.spend(caller.client())?;
            return Ok(caller);
        }
        self.authenticate_caller(credentials).await
    }

    /// The person whom an active access token speaks for, with the permissions of now. `None` for what is
    /// no such token. The store is asked, not memory: a permission that was taken away is gone at once.
    async fn acting_person(&self, shown: &ShownBearer) -> Result<Option<Caller>, Error> {
        let Some(token) = self.presented(&shown.token).filter(is_access) else { return Ok(None) };
        let position = self.store.position();
        let Some(held) = self.token_records(&token).await? else { return Ok(None) };
        let now = self.now();
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
        self.last_used.note(&grant, self.now());
        let person = ActingPerson { user: user.id, permissions };
        Ok(Some(Caller::new(client).read_at(position).acting_for(person)))
    }

    /// The permissions of a user in administration: those of the last login, while they last, as far as
    /// the settings still let that issuer give them.
    fn vouched_now(&self, user: &User) -> Permissions {
        let held = user.vouched.as_ref();
        let held = held.map(|held| held.held(self.issuers.may_allow(&held.issuer), self.now()));
        held.unwrap_or_default()
    }
}

fn is_access(token: &PresentedToken) -> bool {
    token.kind() == TokenKind::Access
}
