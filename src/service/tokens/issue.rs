//! Issues tokens: authenticates client and user, makes a grant, stores it, answers its first pair.

use std::{sync::Arc, time::Duration};

use super::{
    elapsed::Elapsed,
    exchange::{Delegated, Exchanges, TokenExchange},
    limit::GrantLimits,
    minting::{HeavyClient, TokenRates},
};
use crate::{
    domain::{
        access_format::AccessTokenFormat,
        audience::Audience,
        confirmation::Confirmation,
        error::Error,
        grant::Origin,
        grant_type::GrantType,
        issue::{self, IssueRequest, Issued, check_grant_type},
        liveness::{ClientAndUser, Lineage},
        policy::RotationPolicy,
        scopes::Scopes,
        secret::Secret,
        subject::Subject,
        user::User,
    },
    jose::Unsigned,
    metrics,
    service::{
        Caller, Tokens,
        audit::{
            Audit,
            audit_line::{AuditSubject, Event, Outcome},
        },
        keys::Keys,
        login::{Login, Logins, people::People},
        look_up::TokenLookup,
        metrics::ServiceMetrics,
        records::Records,
        signing::{signature_pool::Signer, signed_tokens::TokenSigner},
    },
    store::{Store, Write, race::race},
};

/// Request of [`TokenService::issue`].
#[derive(Clone, Debug)]
pub struct Issue {
    /// Subject of the tokens.
    pub grant: IssueGrant,
    /// Empty: the client's default.
    pub scopes: Scopes,
    /// Empty: the client's own, save jeton.
    pub audience: Audience,
    /// Shortens the access token only.
    pub ttl: Option<Duration>,
    /// Makes the request repeatable.
    pub request_id: Option<Box<str>>,
    /// Origin of the request.
    pub origin: Origin,
}

/// Grant of the request.
#[derive(Clone, Debug)]
pub enum IssueGrant {
    /// For a user who gave their password to the client (RFC 6749 §4.3).
    Password {
        /// As it was typed.
        username: String,
        /// As it was typed.
        password: Secret,
    },
    /// For the client itself (RFC 6749 §4.4).
    ClientCredentials,
    /// For a user whom a trusted issuer vouches for (RFC 7523 §2.1).
    JwtBearer {
        /// The ID token.
        assertion: Secret,
    },
    /// For a user whose access token or ID token the client was shown (RFC 8693).
    TokenExchange(TokenExchange),
}

impl IssueGrant {
    fn grant_type(&self) -> GrantType {
        match self {
            Self::Password { .. } => GrantType::Password,
            Self::ClientCredentials => GrantType::ClientCredentials,
            Self::JwtBearer { .. } => GrantType::JwtBearer,
            Self::TokenExchange(_) => GrantType::TokenExchange,
        }
    }
}

/// The answer of a grant that was made. A signed access token has yet to take the place of the opaque one.
struct Made {
    tokens: Tokens,
    unsigned: Option<Unsigned>,
}

/// Tokens of clients: issued, refreshed, revoked.
pub struct TokenService<S> {
    pub(in crate::service) records: Records<S>,
    pub(in crate::service) keys: Arc<Keys<S>>,
    pub(in crate::service) lookup: Arc<TokenLookup<S>>,
    pub(in crate::service) signer: Arc<TokenSigner<S>>,
    pub(in crate::service) logins: Logins<S>,
    pub(in crate::service) people: Arc<People<S>>,
    pub(in crate::service) exchanges: Exchanges<S>,
    pub(in crate::service) limits: GrantLimits<S>,
    pub(in crate::service) policy: RotationPolicy,
    /// Clients that ask for many tokens.
    pub(in crate::service) minting: TokenRates,
    /// Age of generations, which no change of the clock moves.
    pub(in crate::service) elapsed: Elapsed,
    pub(in crate::service) audit: Arc<Audit<S>>,
    pub(in crate::service) metrics: Arc<ServiceMetrics>,
}

impl<S: Store> TokenService<S> {
    /// The clients that ask for tokens for themselves much faster than those expire: those with more
    /// than 100 live ones, the most first, at most 20.
    pub fn minting_clients(&self) -> Vec<HeavyClient> {
        self.minting.clients(self.records.clock.age())
    }

    /// Issues the first pair of a new grant. Answers once the grant is durable.
    ///
    /// # Errors
    /// `UnauthorizedClient`, `InvalidScope`, `InvalidTarget`, `InvalidRequest` for what the client
    /// may not ask, also for a token that it may not exchange and for a missing certificate to bind to, `InvalidGrant` for a wrong user name, password or ID token, `RateLimited` after
    /// too many failures and when the client's limit of grants refuses, `Overloaded`, `Unavailable`.
    pub async fn issue(&self, caller: &Caller, request: Issue) -> Result<Tokens, Error> {
        let (origin, mut concerned) = (request.origin.clone(), AuditSubject::default());
        let grant_type = request.grant.grant_type();
        let call = self.metrics.grant(grant_type);
        let issued = self.issue_tokens(caller, request, &mut concerned).await;
        call.end(metrics::Outcome::of(&issued));
        if let (Ok(tokens), GrantType::ClientCredentials) = (&issued, grant_type) {
            let length = caller.client().lifetimes.access;
            self.minting.issued(caller.id(), length, tokens.expires_in, self.records.clock.age());
        }
        let outcome = match &issued {
            Ok(_) => Outcome::Done,
            Err(error) => Outcome::Refused(error.clone()),
        };
        self.audit.write(Event::Issue, caller, &origin, &concerned, &outcome);
        issued
    }

    async fn issue_tokens(
        &self,
        caller: &Caller,
        request: Issue,
        concerned: &mut AuditSubject,
    ) -> Result<Tokens, Error> {
        let client = caller.client();
        // Requests beyond the client's rights are refused before a password costs a hash.
        check_grant_type(request.grant.grant_type(), client)?;
        let mut asked = IssueRequest {
            grant_type: request.grant.grant_type(),
            subject: Subject::Client,
            scopes: request.scopes,
            audience: request.audience,
            access_ttl: request.ttl,
            request_id: request.request_id,
            origin: request.origin,
            signed_by: None,
            exchanged: None,
            confirmation: None,
        };
        asked.check(client)?;
        asked.confirmation = Confirmation::due(client.bound_to, caller.certificate())?;
        let user = match request.grant {
            IssueGrant::ClientCredentials => None,
            IssueGrant::JwtBearer { assertion } => {
                Some(self.people.vouched_user(client, &assertion, concerned).await?.user)
            }
            IssueGrant::Password { username, password } => {
                let address = asked.origin.peer.as_deref().and_then(|peer| peer.parse().ok());
                let login = Login { username: &username, password: &password, address };
                Some(self.logins.log_in(client, login, concerned).await?)
            }
            IssueGrant::TokenExchange(shown) => {
                let found = self.exchanges.delegated(caller, &shown, &asked.scopes, concerned);
                let Delegated { subject, user, exchanged } = found.await?;
                (asked.exchanged, asked.subject) = (Some(exchanged), subject);
                user
            }
        };
        if let (Some(user), None) = (&user, &asked.exchanged) {
            asked.subject = Subject::User { id: user.id, epoch: user.epoch };
        }
        concerned.subject(&asked.subject, &client.id);
        let signs = client.access_token_format == AccessTokenFormat::Jwt;
        let signer = self.signer.next_signer(caller, client, signs).await?;
        asked.signed_by = signer.as_ref().map(|signer| self.signer.due(signer));
        let made = self.make_grant(caller, user.as_deref(), &asked, signer.as_ref()).await?;
        let tokens = made.tokens.signed(self.signer.sign(signer.zip(made.unsigned)).await?);
        concerned.named(tokens.grant_id);
        Ok(tokens)
    }

    async fn make_grant(
        &self,
        caller: &Caller,
        user: Option<&User>,
        request: &IssueRequest,
        signer: Option<&Signer>,
    ) -> Result<Made, Error> {
        let client = caller.client();
        let (keys, now) = (self.keys.load(), self.records.now());
        let id = request.grant_id(client, now, &*self.records.entropy);
        let parties = ClientAndUser { client: Some(client), user, lineage: Lineage::Alive };
        race(async || {
            let found = match request.request_id {
                Some(_) => self.records.grant(id).await?,
                None => None,
            };
            // A repeat makes no further grant.
            if let (Some(user), None) = (user, &found) {
                self.limits.make_room(client, user, request.exchanged.is_some()).await?;
            }
            let key = keys.active();
            let Issued { grant, pair } = match &found {
                None => issue::issue(id, request, client, key, &*self.records.entropy, now),
                Some(found) => issue::reissue(
                    found,
                    request,
                    parties,
                    client,
                    key,
                    &*self.records.entropy,
                    now,
                )?,
            };
            self.exchanges.note_delegates(&grant).await?;
            let tokens = Tokens::new(&grant, &pair, now);
            let unsigned = signer.map(|signer| self.signer.unsigned(signer, &grant, client, user));
            let answer = Made { tokens, unsigned };
            let write = match found {
                None => Write::Insert(grant),
                Some(found) => Write::Replace(found.version(), grant),
            };
            let won = self.records.win(self.records.store.grants(), write).await?;
            Ok(won.map(|_| answer))
        })
        .await
    }
}
