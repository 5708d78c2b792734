//! The whole story of a token or a grant, for administrators.

use super::introspect::IntrospectionService;
use crate::{
    domain::{
        cause::Cause, client::Client, error::Error, grant_id::GrantId, judge::judge,
        key_ring::KeyId, liveness, permission::Task, presented_token::PresentedToken,
        secret::Secret, time::Timestamp, token::TokenKind, user::User,
    },
    service::{
        Admin,
        administration::grants::{ShownGrant, speaks_for_a_user},
        token_records::TokenRecords,
    },
    store::{Store, Stored},
};

/// Subject of an explanation.
#[derive(Clone, Debug)]
pub enum Explain {
    /// A token.
    Token(Secret),
    /// A grant.
    Grant(GrantId),
}

/// A token, as its text and its grant's record show it.
#[derive(Clone, Debug)]
pub struct ExplainedToken {
    /// Access or refresh.
    pub kind: TokenKind,
    /// Number of refreshes before it.
    pub generation: u32,
    /// The grant that it names.
    pub grant_id: GrantId,
    /// The server key that it names; `None` for a signed token.
    pub key_id: Option<KeyId>,
    /// True if the key ring holds the key that made it.
    pub key_held: bool,
    /// When it was made; `None` where its generation is no longer recorded.
    pub issue_time: Option<Timestamp>,
    /// From when on it is refused, if nothing ends it before.
    pub expire_time: Option<Timestamp>,
}

/// State of a token or grant with its cause, and everything known of it.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Cause for which it is inactive; `None` if it is active.
    pub cause: Option<Cause>,
    /// The token, if one was shown.
    pub token: Option<ExplainedToken>,
    /// The grant, if the store has it.
    pub grant: Option<ShownGrant>,
    /// The grant's client, if there still is one.
    pub client: Option<Stored<Client>>,
    /// The grant's user, if there is one.
    pub user: Option<Stored<User>>,
}

impl Explanation {
    fn of_token(cause: Cause, token: Option<ExplainedToken>) -> Self {
        Self { cause: Some(cause), token, grant: None, client: None, user: None }
    }
}

impl<S: Store> IntrospectionService<S> {
    /// Explains a token or a grant. Nothing changes by it: a refresh token that is explained is not used.
    ///
    /// # Errors
    /// `InvalidRequest` without a token; `NotFound` for a grant that there is not; `AccessDenied` for a
    /// client's own to one who sees users alone; `Unavailable`.
    pub async fn explain(&self, admin: &Admin, what: &Explain) -> Result<Explanation, Error> {
        let found = self.explain_to_anybody(what).await?;
        let of_a_client =
            found.grant.as_ref().is_some_and(|shown| !speaks_for_a_user(&shown.grant));
        if of_a_client && !admin.may(Task::ReadClients) {
            return Err(admin.refused());
        }
        Ok(found)
    }

    async fn explain_to_anybody(&self, what: &Explain) -> Result<Explanation, Error> {
        match what {
            Explain::Grant(id) => {
                let records = self.records_of(*id).await?.ok_or(Error::NotFound("grant"))?;
                let now = self.records.now();
                let why = liveness::check_use(&records.grant, records.parties(now), now).err();
                let cause = why.map(|reason| reason.cause(&records.grant, records.parties(now)));
                Ok(self.explanation(cause, None, records))
            }
            Explain::Token(text) if text.is_empty() => Err(Error::missing("token")),
            Explain::Token(text) => match self.signer.presented(text).await? {
                Some(token) => self.explain_token(&token).await,
                None => Ok(Explanation::of_token(Cause::Garbage, None)),
            },
        }
    }

    async fn explain_token(&self, token: &PresentedToken) -> Result<Explanation, Error> {
        let keys = self.keys.load();
        let key = token.key_id().and_then(|id| keys.get(id));
        let genuine = token.is_genuine(key);
        let mut told = ExplainedToken {
            kind: token.kind(),
            generation: token.generation(),
            grant_id: token.grant_id(),
            key_id: token.key_id(),
            key_held: key.is_some() || token.key_id().is_none(),
            issue_time: None,
            expire_time: None,
        };
        let Some(records) = self.records_of(token.grant_id()).await? else {
            let cause = if genuine { Cause::UnknownGrant } else { Cause::Forged };
            return Ok(Explanation::of_token(cause, Some(told)));
        };
        let grant = &records.grant;
        let recorded = grant.generation_of(token);
        if recorded.is_none() && !genuine {
            return Ok(Explanation::of_token(Cause::Forged, Some(told)));
        }
        if let Some(generation) = recorded {
            told.issue_time = Some(generation.issue_time);
            told.expire_time = match token.kind() {
                TokenKind::Access => Some(generation.access.expire_time),
                TokenKind::Refresh => generation.refresh.as_ref().map(|slot| slot.expire_time),
            };
        }
        let now = self.records.now();
        let judged = judge(grant, token, records.parties(now), &self.policy, now);
        let cause = judged.err().map(|reason| {
            if reason != liveness::InactiveReason::Unknown {
                return reason.cause(grant, records.parties(now));
            }
            // One of ours that the record cannot have made, unless a repeat of the request made another
            // pair.
            let was_repeated = token.generation() == 0 && grant.request.is_some();
            if was_repeated { Cause::Superseded } else { Cause::StoreWentBack }
        });
        Ok(self.explanation(cause, Some(told), records))
    }

    /// Returns the records of a grant, for any caller.
    async fn records_of(&self, id: GrantId) -> Result<Option<TokenRecords>, Error> {
        match self.records.grant(id).await? {
            Some(grant) => self.lookup.records_with(grant).await.map(Some),
            None => Ok(None),
        }
    }

    fn explanation(
        &self,
        cause: Option<Cause>,
        token: Option<ExplainedToken>,
        records: TokenRecords,
    ) -> Explanation {
        let now = self.records.now();
        let inactive = liveness::check_use(&records.grant, records.parties(now), now).err();
        let TokenRecords { grant, client, user, .. } = records;
        Explanation { cause, token, grant: Some(ShownGrant { grant, inactive }), client, user }
    }
}
