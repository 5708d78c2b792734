//! Access tokens of the agent's client, for the service beside it: kept, and renewed ahead of their end.

use std::{convert::Infallible, sync::Arc};

use quick_cache::sync::Cache;

use crate::{
    bearer::{Introspector as _, NotGood},
    client::{Error, Issue, IssuedToken, OwnToken, Validator},
    grpc::NotIssued,
};

/// Kinds of tokens that are kept: one service asks for a few.
const MOST: usize = 64;

/// Makes what requests a token from the server.
pub type Issuing = Box<dyn Fn() -> Issue + Send + Sync>;

/// A kind of token: services and scopes in the order in which they were requested.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Kind {
    audience: Vec<String>,
    scopes: Vec<String>,
}

/// The tokens, by their kind.
pub(super) struct OwnTokens {
    issuing: Issuing,
    validator: Validator,
    held: Cache<Kind, OwnToken>,
}

impl OwnTokens {
    pub(super) fn new(issuing: Issuing, validator: Validator) -> Self {
        Self { issuing, validator, held: Cache::new(MOST) }
    }

    /// Returns a token that is not known to be revoked.
    ///
    /// # Errors
    /// `Refused` and `Unavailable`.
    pub(super) async fn get(
        &self,
        audience: Vec<String>,
        scopes: Vec<String>,
    ) -> Result<Arc<IssuedToken>, NotIssued> {
        let own = self.of(&Kind { audience, scopes });
        let issued = own.token().await.map_err(|error| not_issued(&error))?;
        // Where the state is unknown the token may be good, and those that it is shown to decide.
        if !matches!(self.validator.claims(issued.access_token()).await, Err(NotGood::Inactive)) {
            return Ok(issued);
        }
        own.forget_revoked(&issued);
        own.token().await.map_err(|error| not_issued(&error))
    }

    fn of(&self, kind: &Kind) -> OwnToken {
        let make = || {
            let Kind { audience, scopes } = kind.clone();
            Ok::<_, Infallible>(OwnToken::issued_for(audience, scopes, (self.issuing)()))
        };
        match self.held.get_or_insert_with(kind, make) {
            Ok(own) => own,
            Err(never) => match never {},
        }
    }
}

fn not_issued(error: &Error) -> NotIssued {
    match error {
        Error::Request(status) | Error::Forbidden(status) | Error::Throttled { status, .. } => {
            NotIssued::Refused(status.clone())
        }
        Error::Credentials(_)
        | Error::Grant(_)
        | Error::CursorOutOfRange(_)
        | Error::Unavailable { .. }
        | Error::Server { .. } => NotIssued::Unavailable,
    }
}
