//! Access tokens of the agent's client, for the service beside it: kept, and renewed ahead of their end.

use std::{collections::BTreeSet, num::NonZeroU32, sync::Arc, time::Duration};

use quick_cache::sync::Cache;

use super::not_given::NotGiven;
use crate::{
    bearer::{Introspector as _, NotGood},
    client::{Issue, IssuedToken, OwnToken, Validator},
    domain::{audience::Audience, cause::Cause, error::Error, scopes::Scopes},
    metrics::Rate,
};

/// Kinds of tokens that are kept: one service asks for a few.
const MOST: NonZeroU32 = NonZeroU32::new(64).expect("64 is not zero");
/// Kinds that are new, in a second. Each makes a grant at the server.
const NEW_PER_SECOND: NonZeroU32 = NonZeroU32::MIN;

/// Makes what requests a token from the server.
pub type Issuing = Box<dyn Fn() -> Issue + Send + Sync>;

/// A kind of token: the set of services and the set of scopes.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Kind {
    audience: BTreeSet<String>,
    scopes: BTreeSet<String>,
}

/// The tokens, by their kind.
pub(super) struct OwnTokens {
    issuing: Issuing,
    validator: Validator,
    held: Cache<Kind, OwnToken>,
    /// Of kinds that are not held.
    new: Rate,
}

impl OwnTokens {
    pub(super) fn new(issuing: Issuing, validator: Validator) -> Self {
        let held = Cache::new(MOST.get() as usize);
        Self { issuing, validator, held, new: Rate::new(NEW_PER_SECOND, MOST) }
    }

    /// Returns a token that is not known to be revoked.
    ///
    /// # Errors
    /// `Server`; `Refused` with `RateLimited` for a kind that is new.
    pub(super) async fn get(
        &self,
        audience: &Audience,
        scopes: &Scopes,
    ) -> Result<Arc<IssuedToken>, NotGiven> {
        let kind = Kind {
            audience: audience.names().map(str::to_owned).collect(),
            scopes: scopes.values().map(str::to_owned).collect(),
        };
        let limited = |retry_after| Error::RateLimited { cause: Cause::Requests, retry_after };
        let own = self.of(&kind).map_err(|pause| NotGiven::Refused(limited(pause)))?;
        let issued = own.token().await?;
        // A token of unknown state may be good: the servers that it is shown to decide.
        if !matches!(self.validator.claims(issued.access_token()).await, Err(NotGood::Inactive)) {
            return Ok(issued);
        }
        own.forget_revoked(&issued);
        Ok(own.token().await?)
    }

    /// Returns what holds the token of a kind.
    ///
    /// # Errors
    /// Returns the time to wait, for a kind that is not held.
    fn of(&self, kind: &Kind) -> Result<OwnToken, Duration> {
        self.held.get_or_insert_with(kind, || {
            self.new.check()?;
            let Kind { audience, scopes } = kind.clone();
            let (audience, scopes) = (audience.into_iter().collect(), scopes.into_iter().collect());
            Ok(OwnToken::issued_for(audience, scopes, (self.issuing)()))
        })
    }
}
