//! Introspects tokens (RFC 7662): the call this service exists for.

use std::{ptr, sync::Arc, time::Duration};

use futures_util::future::try_join_all;

use crate::{
    domain::{
        attributes::Attributes,
        client::IntrospectReach,
        confirmation::Confirmation,
        error::Error,
        grant::Grant,
        grant_id::GrantId,
        judge::judge,
        liveness::InactiveReason,
        policy::RotationPolicy,
        presented_token::{PresentedToken, TokenText},
        scopes::Scopes,
        secret::Secret,
        time::Timestamp,
        token::TokenKind,
        user::User,
    },
    service::{
        Caller,
        fair_queue::FairQueue,
        holder::{Account, Holder},
        keys::Keys,
        look_up::TokenLookup,
        owner_cache::{MAX_READ_TOGETHER, OwnerCache},
        records::Records,
        signing::signed_tokens::TokenSigner,
        token_records::TokenRecords,
        upkeep::last_used::LastUseQueue,
    },
    store::{Records as _, Sequence, Store},
};

/// Look-ups of many tokens at once that are under way at a time, of 64 tokens each. More wait.
const MOST_LOOK_UPS: usize = 8;
/// Limit of waiting ones.
const MOST_WAITING: usize = 4_096;

/// For how long a caller may keep an active answer, unless the token ends before.
const CACHE_TTL: Duration = Duration::from_secs(60);

/// Request of [`IntrospectionService::introspect`].
#[derive(Clone, Debug)]
pub struct Introspect {
    /// The token that somebody presented to the caller.
    pub token: Secret,
    /// Kind of token that the caller expects.
    pub expected_kind: TokenKind,
}

/// Result of an introspection.
#[derive(Clone, Debug)]
pub enum Introspection {
    /// The token is good.
    Active(ActiveToken),
    /// It is not; why, for callers allowed to know.
    Inactive(Option<InactiveReason>),
}

/// An active token. Holds the records it was judged by; nothing is copied.
#[derive(Clone, Debug)]
pub struct ActiveToken {
    records: TokenRecords,
    /// Access or refresh.
    pub kind: TokenKind,
    /// Scopes of the token, if fewer than its grant's.
    narrowed: Option<Scopes>,
    /// Number of the pair that it is of.
    generation: u32,
    /// When this token was made.
    pub issue_time: Timestamp,
    /// From when on it is refused.
    pub expire_time: Timestamp,
    /// For how long this answer may be kept.
    pub cache_ttl: Duration,
    /// Position in the feed of revocations: this answer reflects every event up to it.
    pub position: Sequence,
}

impl ActiveToken {
    /// The grant the token belongs to.
    pub fn grant(&self) -> &Grant {
        &self.records.grant
    }

    /// Returns the scopes of the token.
    pub fn scopes(&self) -> &Scopes {
        self.narrowed.as_ref().unwrap_or(&self.records.grant.scopes)
    }

    /// The certificate, or the name in one, that its bearer must show. Refresh tokens have none here.
    pub fn confirmation(&self) -> Option<&Confirmation> {
        match self.kind {
            TokenKind::Access => self.records.grant.confirmation_of(self.generation),
            TokenKind::Refresh => None,
        }
    }

    /// The user it speaks for, unless it speaks for the client itself.
    pub fn user(&self) -> Option<&User> {
        self.records.user.as_deref()
    }

    /// Attributes of client and user, each name once: where both have one, it is the user's.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        let user = self.records.user.as_deref().map(|user| &user.attributes);
        let client = self.records.client.iter().flat_map(|client| client.attributes.entries());
        client
            .filter(move |(name, _)| user.is_none_or(|user| !user.has(name)))
            .chain(user.into_iter().flat_map(Attributes::entries))
    }
}

/// Introspection of tokens.
pub struct IntrospectionService<S> {
    pub(super) records: Records<S>,
    pub(super) keys: Arc<Keys<S>>,
    pub(super) lookup: Arc<TokenLookup<S>>,
    pub(super) signer: Arc<TokenSigner<S>>,
    pub(super) policy: RotationPolicy,
    pub(super) last_used: Arc<LastUseQueue>,
    /// Look-ups of many tokens at once.
    pub(super) look_ups: Arc<FairQueue>,
}

impl<S> IntrospectionService<S> {
    pub(in crate::service) fn new(
        records: Records<S>,
        keys: Arc<Keys<S>>,
        lookup: Arc<TokenLookup<S>>,
        signer: Arc<TokenSigner<S>>,
        policy: RotationPolicy,
        last_used: Arc<LastUseQueue>,
    ) -> Self {
        Self {
            records,
            keys,
            lookup,
            signer,
            policy,
            last_used,
            look_ups: FairQueue::new(MOST_LOOK_UPS, MOST_WAITING),
        }
    }
}

impl<S: Store> IntrospectionService<S> {
    /// Returns whether a token is active, and its content.
    ///
    /// # Errors
    /// `Unavailable` if the state is unknown; never "inactive" for it.
    pub async fn introspect(
        &self,
        caller: &Caller,
        request: &Introspect,
    ) -> Result<Introspection, Error> {
        match self.signer.presented(&request.token).await? {
            Some(token) => self.introspect_token(caller, &token, request.expected_kind).await,
            None => Ok(told(caller, InactiveReason::Unknown)),
        }
    }

    /// Introspects access tokens, in their order; `None` for a text that is no token. Those that memory
    /// does not answer are looked up together: a store at the end of a wire takes about as long for
    /// many as for one. Clients take turns at that.
    ///
    /// # Errors
    /// As [`Self::introspect`], for any of the tokens; `Overloaded` when too many wait.
    pub async fn introspect_all(
        &self,
        caller: &Caller,
        tokens: impl ExactSizeIterator<Item = Option<TokenText>>,
    ) -> Result<Vec<Introspection>, Error> {
        let (now, tokens) = (self.records.now(), self.signer.all_presented(tokens).await?);
        let (mut found, mut unknown) = (Vec::with_capacity(tokens.len()), Vec::new());
        for (at, token) in tokens.into_iter().enumerate() {
            let active = match &token {
                Some(token) => self.cached_answer(caller, token, found.last(), now),
                None => None,
            };
            if let (None, Some(token)) = (&active, token) {
                unknown.push((at, token));
            }
            found.push(active.unwrap_or_else(|| told(caller, InactiveReason::Unknown)));
        }
        let client = Holder::client(caller.id());
        for together in unknown.chunks(MAX_READ_TOGETHER) {
            let account = Account { party: client, member: client };
            let _look_up = self.look_ups.permit(account).await?;
            for (at, answer) in self.introspect_together(caller, together).await? {
                found[at] = answer;
            }
        }
        Ok(found)
    }

    /// Introspects access tokens by the store, each with its place. All of their grants are read at a
    /// time, then the clients and users of these, and the grants that they came of.
    async fn introspect_together(
        &self,
        caller: &Caller,
        tokens: &[(usize, PresentedToken)],
    ) -> Result<Vec<(usize, Introspection)>, Error> {
        let named =
            try_join_all(tokens.iter().map(|(_, token)| self.lookup.may_name_grant(token))).await?;
        let named = tokens.iter().zip(named).filter_map(|(token, named)| named.then_some(token));
        let named: Vec<&(usize, PresentedToken)> = named.collect();
        let ids: Vec<GrantId> = named.iter().map(|(_, token)| token.grant_id()).collect();
        let failed = |error| self.records.read_failed(error);
        let grants = self.records.store.grants().get_many(&ids).await.into_iter();
        let grants: Vec<_> = grants.collect::<Result<_, _>>().map_err(failed)?;
        let mut owners = OwnerCache::default();
        owners
            .meet(&*self.records.store, grants.iter().flatten().map(|grant| &**grant))
            .await
            .map_err(failed)?;
        let now = self.records.now();
        let judged = named.into_iter().zip(grants).filter_map(|((at, token), grant)| {
            let grant = grant?;
            let records = owners.records(grant);
            let judged = self.judged(caller, token, TokenKind::Access, records, now);
            let told = judged.map_or_else(|reason| told(caller, reason), Introspection::Active);
            Some((*at, told))
        });
        Ok(judged.collect())
    }

    /// Returns the cached answer about an access token, if that is "active". Tokens in a row are
    /// mostly of one client, which is then not looked up again.
    fn cached_answer(
        &self,
        caller: &Caller,
        token: &PresentedToken,
        before: Option<&Introspection>,
        now: Timestamp,
    ) -> Option<Introspection> {
        let known = match before {
            Some(Introspection::Active(active)) => Some(&active.records),
            Some(Introspection::Inactive(_)) | None => None,
        };
        let kept = self.lookup.cached_records(token, known)?;
        self.judged(caller, token, TokenKind::Access, kept, now).ok().map(Introspection::Active)
    }

    async fn introspect_token(
        &self,
        caller: &Caller,
        token: &PresentedToken,
        expected_kind: TokenKind,
    ) -> Result<Introspection, Error> {
        if let Some(kept) = self.lookup.cached_records(token, None)
            && let Ok(active) = self.judged(caller, token, expected_kind, kept, self.records.now())
        {
            return Ok(Introspection::Active(active));
        }
        Box::pin(self.introspect_by_store(caller, token, expected_kind)).await
    }

    async fn introspect_by_store(
        &self,
        caller: &Caller,
        token: &PresentedToken,
        expected_kind: TokenKind,
    ) -> Result<Introspection, Error> {
        let Some(records) = self.lookup.token_records(token).await? else {
            return Ok(told(caller, InactiveReason::Unknown));
        };
        let judged = self.judged(caller, token, expected_kind, records, self.records.now());
        Ok(judged.map_or_else(|reason| told(caller, reason), Introspection::Active))
    }

    fn judged(
        &self,
        caller: &Caller,
        token: &PresentedToken,
        expected_kind: TokenKind,
        records: TokenRecords,
        now: Timestamp,
    ) -> Result<ActiveToken, InactiveReason> {
        if !may_see(caller, &records.grant, token.kind()) {
            return Err(InactiveReason::NotVisible);
        }
        if token.kind() != expected_kind {
            return Err(InactiveReason::WrongKind);
        }
        let active = judge(&records.grant, token, records.parties(now), &self.policy, now)?;
        let whole = &records.grant.scopes;
        // Most tokens are good for all that their grant holds, and are judged to be without a look at it.
        let is_whole = ptr::eq(active.scopes, whole) || active.scopes == whole;
        let narrowed = (!is_whole).then(|| active.scopes.clone());
        let (issue_time, expire_time) = (active.issue_time, active.expire_time);
        let cache_ttl = CACHE_TTL.min(expire_time.since(now));
        let kind = token.kind();
        if kind == TokenKind::Access {
            self.last_used.note(&records.grant, now);
        }
        let position = caller.position();
        Ok(ActiveToken {
            records,
            kind,
            narrowed,
            generation: token.generation(),
            issue_time,
            expire_time,
            cache_ttl,
            position,
        })
    }
}

/// "Inactive", and why for a caller who may know.
fn told(caller: &Caller, reason: InactiveReason) -> Introspection {
    let may_know = caller.client().permissions.inactive_reason;
    Introspection::Inactive(may_know.then_some(reason))
}

/// Refresh tokens are their own client's business; access tokens as far as the caller reaches.
fn may_see(caller: &Caller, grant: &Grant, kind: TokenKind) -> bool {
    let own = || grant.client_id == *caller.id();
    let reach = caller.client().introspect;
    match (kind, reach) {
        (TokenKind::Refresh, _) | (TokenKind::Access, IntrospectReach::Own) => own(),
        (TokenKind::Access, IntrospectReach::Audience) => {
            own() || grant.audience.names_client(caller.id())
        }
        (TokenKind::Access, IntrospectReach::Any) => true,
    }
}
