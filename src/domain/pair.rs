//! The pair of tokens of one generation, as it leaves the service and as the record keeps it.

use std::time::Duration;

use super::{
    client::Lifetimes,
    entropy::Entropy,
    grant::{AccessSlot, Generation, RefreshSlot},
    grant_id::GrantId,
    key_ring::{Salt, ServerKey},
    scopes::Scopes,
    time::Timestamp,
    token::{Token, TokenKind, TokenSecret},
};

/// An access token and, for clients that may refresh, the refresh token beside it.
#[derive(Clone, Debug)]
pub struct TokenPair {
    /// For services.
    pub access: Token,
    /// For the next pair.
    pub refresh: Option<Token>,
}

impl TokenPair {
    /// The first pair of a grant, from fresh randomness.
    pub fn first(id: GrantId, key: &ServerKey, refreshable: bool, entropy: &dyn Entropy) -> Self {
        let mint = |kind| Token::mint(kind, key, id, 0, TokenSecret::generate(entropy));
        Self {
            access: mint(TokenKind::Access),
            refresh: refreshable.then(|| mint(TokenKind::Refresh)),
        }
    }

    /// The pair that follows when `parent`, a refresh token, is presented: a function of its
    /// arguments, so that a repeated refresh gives the same pair.
    pub fn next(parent: &Token, generation: u32, key: &ServerKey, salt: &Salt) -> Self {
        let mint = |kind| {
            let id = parent.grant_id;
            let secret = key.derive(kind, id, generation, salt, &parent.secret);
            Token::mint(kind, key, id, generation, secret)
        };
        Self { access: mint(TokenKind::Access), refresh: Some(mint(TokenKind::Refresh)) }
    }

    /// Returns the grant's record of the pair, made at `now`.
    ///
    /// Nothing outlives `grant_end`. `access_ttl` may shorten, never lengthen, the access token's
    /// lifetime by the client's `lifetimes`.
    pub fn record(
        &self,
        lifetimes: &Lifetimes,
        access_ttl: Option<Duration>,
        scopes: Option<Scopes>,
        grant_end: Timestamp,
        now: Timestamp,
    ) -> Generation {
        let access_ttl = access_ttl.map_or(lifetimes.access, |ttl| ttl.min(lifetimes.access));
        Generation {
            number: self.access.generation,
            key_id: self.access.key_id,
            issue_time: now,
            access: AccessSlot {
                hash: Some(self.access.hash()),
                expire_time: now.after(access_ttl).min(grant_end),
                scopes: scopes.map(Box::new),
            },
            refresh: self.refresh.as_ref().map(|token| {
                let expire_time = now.after(lifetimes.refresh).min(grant_end);
                Box::new(RefreshSlot { hash: token.hash(), expire_time })
            }),
        }
    }
}
