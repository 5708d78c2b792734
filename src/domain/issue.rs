//! The transition that makes a grant, and the one that makes it again for a repeated request.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::{
    access_format::AccessTokenFormat,
    audience::Audience,
    client::{Client, ClientType},
    confirmation::Confirmation,
    entropy::Entropy,
    error::Error,
    exchange::Exchanged,
    field_hash::hash_field,
    grant::{AccessSlot, Bindings, Grant, Origin, RequestFingerprint},
    grant_id::GrantId,
    grant_type::GrantType,
    key_ring::ServerKey,
    liveness::{self, ClientAndUser},
    pair::TokenPair,
    scopes::Scopes,
    signing_times::DueSignature,
    subject::Subject,
    time::Timestamp,
    token::Token,
};

/// For how long a repeat of a request may make the same grant again.
pub const REPEAT_WINDOW: Duration = Duration::from_secs(10 * 60);

/// A request for tokens by an authenticated client and user.
#[derive(Clone, Debug)]
pub struct IssueRequest {
    /// Grant type of the request.
    pub grant_type: GrantType,
    /// Subject of the grant.
    pub subject: Subject,
    /// Empty: the client's default.
    pub scopes: Scopes,
    /// Empty: the client's own, save jeton.
    pub audience: Audience,
    /// Shortens the access token only.
    pub access_ttl: Option<Duration>,
    /// Makes the request repeatable.
    pub request_id: Option<Box<str>>,
    /// Origin of the request.
    pub origin: Origin,
    /// The signature of the access token, if a signed one is due: see [`Client::signs`].
    pub signed_by: Option<DueSignature>,
    /// The grant that is to come of another one, for a token exchange.
    pub exchanged: Option<Exchanged>,
    /// The holder of the tokens, if they are bound.
    pub confirmation: Option<Confirmation>,
}

impl IssueRequest {
    /// Checks the request against what `client` is registered for.
    ///
    /// # Errors
    /// `UnauthorizedClient`, `InvalidScope`, `InvalidTarget` or `InvalidRequest`.
    pub fn check(&self, client: &Client) -> Result<(), Error> {
        check_grant_type(self.grant_type, client)?;
        if !self.scopes.is_within(&client.allowed_scopes) {
            return Err(Error::InvalidScope);
        }
        if !self.audience.is_within(self.registered_audience(client)) {
            return Err(Error::InvalidTarget);
        }
        if self.grant_type == GrantType::TokenExchange && self.audience_at(client).is_empty() {
            return Err(Error::InvalidTarget);
        }
        // A signed token for several services could be shown by each of them to the others.
        let names = self.audience_at(client).names().count();
        if client.access_token_format == AccessTokenFormat::Jwt && names != 1 {
            return Err(Error::InvalidTarget);
        }
        if self.access_ttl.is_some_and(|ttl| ttl < AccessSlot::SHORTEST) {
            return Err(Error::InvalidRequest { field: "ttl", problem: "must be at least 1 s" });
        }
        Ok(())
    }

    fn registered_audience<'c>(&self, client: &'c Client) -> &'c Audience {
        if self.grant_type == GrantType::TokenExchange {
            &client.may_exchange_to
        } else {
            &client.audience
        }
    }

    /// The services that the grant is for.
    fn audience_at(&self, client: &Client) -> Audience {
        if self.audience.is_empty() {
            // A token that is sent to other services must not be good at jeton unless that was asked.
            self.registered_audience(client).without_jeton()
        } else {
            self.audience.clone()
        }
    }

    /// Returns the fingerprint of everything that a repeat must request again, word for word. It
    /// leaves out credentials: they are verified each time.
    pub fn fingerprint(&self) -> RequestFingerprint {
        let mut hash = Sha256::new();
        hash_field(&mut hash, b"jeton issue request");
        hash_field(&mut hash, self.grant_type.name().as_bytes());
        hash_field(&mut hash, self.scopes.as_str().as_bytes());
        for name in self.audience.names() {
            hash_field(&mut hash, name.as_bytes());
        }
        let ttl = self.access_ttl.map_or(0, |ttl| ttl.as_millis());
        hash_field(&mut hash, &ttl.to_be_bytes());
        let parent = self.exchanged.as_ref().and_then(|exchanged| exchanged.delegation.parent());
        if let Some(parent) = parent {
            hash_field(&mut hash, parent.grant_id.as_bytes());
        }
        RequestFingerprint(hash.finalize().into())
    }

    /// The id of the grant that this request makes: of its own, or decided by its `request_id`.
    pub fn grant_id(&self, client: &Client, now: Timestamp, entropy: &dyn Entropy) -> GrantId {
        match &self.request_id {
            Some(request_id) => {
                GrantId::for_request(&client.id, &self.subject.text(&client.id), request_id)
            }
            None => GrantId::generate(now, entropy),
        }
    }
}

/// Checks that `client` is registered for `grant_type`.
///
/// # Errors
/// `UnauthorizedClient` when it is not, and always for client credentials (RFC 6749 §4.4.2) and token exchange
/// (RFC 8693 §5) without a secret.
pub fn check_grant_type(grant_type: GrantType, client: &Client) -> Result<(), Error> {
    let secretless = client.client_type == ClientType::Public;
    let needs_secret =
        matches!(grant_type, GrantType::ClientCredentials | GrantType::TokenExchange);
    if needs_secret && secretless {
        return Err(Error::UnauthorizedClient);
    }
    if client.grant_types.contains(grant_type) { Ok(()) } else { Err(Error::UnauthorizedClient) }
}

/// A grant and the tokens that only this answer holds.
#[derive(Clone, Debug)]
pub struct Issued {
    /// To be inserted.
    pub grant: Grant,
    /// To be answered once the insert is durable.
    pub pair: TokenPair,
}

/// Makes a grant named `id` for a request that passed [`IssueRequest::check`].
pub fn issue(
    id: GrantId,
    request: &IssueRequest,
    client: &Client,
    key: &ServerKey,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Issued {
    let may_be =
        !matches!(request.grant_type, GrantType::ClientCredentials | GrantType::TokenExchange);
    let refreshable = may_be && client.grant_types.contains(GrantType::RefreshToken);
    let lifetimes = &client.lifetimes;
    let exchanged = request.exchanged.as_ref();
    let own_end = now.after(lifetimes.grant);
    let latest = exchanged.map_or(own_end, |exchanged| own_end.min(exchanged.expire_time));
    let pair = TokenPair::first(id, key, refreshable, entropy);
    let longest = request.signed_by.map(|due| due.longest.0);
    let access_ttl = request.access_ttl.into_iter().chain(longest).min();
    let current = pair.record(lifetimes, access_ttl, None, latest, now);
    let or_default = |asked: &Scopes| {
        if asked.is_empty() { client.default_scopes.clone() } else { asked.clone() }
    };
    let grant = Grant {
        id,
        client_id: client.id.clone(),
        client_epoch: client.epoch,
        subject: request.subject.clone(),
        scopes: exchanged
            .map_or_else(|| or_default(&request.scopes), |exchanged| exchanged.scopes.clone()),
        audience: request.audience_at(client),
        issue_time: now,
        // Nothing of a grant without refresh outlives its one access token.
        expire_time: if refreshable { latest } else { current.access.expire_time },
        end: None,
        request: request.request_id.as_ref().map(|_| Box::new(request.fingerprint())),
        repeated_root: None,
        origin: Box::new(request.origin.clone()),
        last_used: None,
        current,
        previous: None,
        salt: None,
        signed_by: request.signed_by.map(|due| Box::new(due.key)),
        delegation: exchanged.map(|exchanged| Box::new(exchanged.delegation.clone())),
        delegates: None,
        bindings: Bindings::new(request.confirmation.clone(), None),
    };
    Issued { grant, pair }
}

/// Replaces the tokens of `existing` for a repeat of its request: the same grant, another pair. The
/// caller writes the result by a compare-and-swap against `existing`.
///
/// # Errors
/// `InvalidRequest` unless the repeat asks for the same, early enough, of a grant that is alive
/// and was not refreshed yet.
pub fn reissue(
    existing: &Grant,
    request: &IssueRequest,
    parties: ClientAndUser<'_>,
    client: &Client,
    key: &ServerKey,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<Issued, Error> {
    let repeatable = existing.request.as_deref() == Some(&request.fingerprint())
        && existing.current.number == 0
        // A clock that is a little behind the first request says that no time has passed.
        && now.since(existing.issue_time) < REPEAT_WINDOW
        && existing.issue_time.since(now) < REPEAT_WINDOW
        && liveness::check(existing, parties, now).is_ok();
    if !repeatable {
        return Err(Error::InvalidRequest {
            field: "request_id",
            problem: "was used before, for another request or too long ago",
        });
    }
    let mut issued = issue(existing.id, request, client, key, entropy, now);
    issued.grant.issue_time = existing.issue_time;
    issued.grant.delegates.clone_from(&existing.delegates);
    issued.grant.repeated_root = issued.pair.refresh.as_ref().map(Token::hash).map(Box::new);
    Ok(issued)
}
