//! The decision on a request: pure except for the question about the token, which an
//! [`Introspector`] answers.

use std::{future::Future, sync::Arc, time::Duration};

use super::{Claims, Denial, PeerCertificate, Requirement, authorization};

/// A source of claims: the service in its own process, or a validator in a client's process.
pub trait Introspector {
    /// Returns the claims of `token`.
    ///
    /// # Errors
    /// Fails if the token is invalid, or if its state is unknown at present.
    fn claims(&self, token: &str) -> impl Future<Output = Result<Arc<Claims>, NotGood>> + Send;
}

/// The reason for missing claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotGood {
    /// The token is invalid, or not visible to the introspector.
    Inactive,
    /// The token's state is unknown at present.
    Unknown {
        /// Time to wait before the next question.
        retry_after: Duration,
    },
}

/// The bearer of an accepted request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bearer {
    /// The bearer of a valid token.
    Of(Arc<Claims>),
    /// The request has no token and needs none.
    Nobody,
}

/// Decides on a request with these values of `Authorization`, over a connection whose peer has shown
/// the certificate that `peer` returns.
///
/// # Errors
/// Returns the reason for a rejection.
pub async fn check<'v>(
    introspector: &impl Introspector,
    requirement: &Requirement,
    authorizations: impl Iterator<Item = &'v [u8]>,
    peer: impl FnOnce() -> Option<PeerCertificate> + Send,
) -> Result<Bearer, Denial> {
    match requirement.token(authorizations)? {
        Some(token) => requirement.judge(introspector.claims(token).await, peer),
        None => Ok(Bearer::Nobody),
    }
}

impl Requirement {
    /// Returns the token to ask about, or `None` for a request that needs no token and has none.
    ///
    /// # Errors
    /// Fails if the request is rejected without a question.
    pub fn token<'v>(
        &self,
        authorizations: impl Iterator<Item = &'v [u8]>,
    ) -> Result<Option<&'v str>, Denial> {
        match authorization::token(authorizations) {
            Ok(token) => Ok(Some(token)),
            Err(Denial::NoToken) if self.is_optional() => Ok(None),
            Err(denial) => Err(denial),
        }
    }

    /// Decides by the claims of the request's token, and by the certificate that the connection has shown.
    ///
    /// # Errors
    /// Returns the reason for a rejection.
    pub fn judge(
        &self,
        found: Result<Arc<Claims>, NotGood>,
        peer: impl FnOnce() -> Option<PeerCertificate>,
    ) -> Result<Bearer, Denial> {
        let claims = found.map_err(Denial::from)?;
        if self.audience().is_some_and(|audience| !claims.is_for(audience)) {
            return Err(Denial::NotGoodHere);
        }
        // Few tokens are bound, and a certificate takes longer to read than a token.
        let free = self.is_any_holder() || claims.confirmation.is_none();
        if !free && !claims.may_be_shown_by(peer().as_ref()) {
            return Err(Denial::NotGoodHere);
        }
        if !self.scopes().iter().all(|scope| claims.has_scope(scope)) {
            return Err(Denial::LacksScope);
        }
        Ok(Bearer::Of(claims))
    }
}

impl From<NotGood> for Denial {
    fn from(not_good: NotGood) -> Self {
        match not_good {
            NotGood::Inactive => Self::NotGoodHere,
            NotGood::Unknown { retry_after } => Self::Undecided { retry_after },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use futures_util::FutureExt as _;

    use super::*;

    /// Knows one token, `jat_good`, and fails to answer for `jat_lost`.
    struct One;

    const PAUSE: Duration = Duration::from_millis(1_500);

    impl Introspector for One {
        async fn claims(&self, token: &str) -> Result<Arc<Claims>, NotGood> {
            match token {
                "jat_good" => Ok(Arc::new(Claims {
                    client_id: "shop".to_owned(),
                    subject: "usr_1".to_owned(),
                    username: None,
                    scopes: vec!["read".to_owned(), "list".to_owned()],
                    audience: vec!["billing".to_owned(), "stock".to_owned()],
                    issue_time: None,
                    expire_time: None,
                    grant_id: "grant".to_owned(),
                    attributes: HashMap::new(),
                    actors: Vec::new(),
                    ancestors: Vec::new(),
                    confirmation: None,
                })),
                "jat_lost" => Err(NotGood::Unknown { retry_after: PAUSE }),
                _ => Err(NotGood::Inactive),
            }
        }
    }

    /// Returns the accepted client, or the reason for a rejection.
    fn decided(requirement: &Requirement, values: &[&str]) -> Result<Option<String>, Denial> {
        let values = values.iter().map(|value| value.as_bytes());
        let bearer =
            check(&One, requirement, values, || None).now_or_never().expect("it waits for nothing");
        bearer.map(|bearer| match bearer {
            Bearer::Of(claims) => Some(claims.subject.clone()),
            Bearer::Nobody => None,
        })
    }

    #[test]
    fn a_request_passes_if_its_one_token_is_good_here_and_has_every_scope() {
        let here = Requirement::new(Some("billing".to_owned()));
        let known = Ok(Some("usr_1".to_owned()));
        for (scopes, values, expected) in [
            (&[][..], &["Bearer jat_good"][..], known.clone()),
            (&["read"], &["bearer jat_good"], known.clone()),
            (&["list", "read"], &["Bearer jat_good"], known.clone()),
            (&["read", "write"], &["Bearer jat_good"], Err(Denial::LacksScope)),
            (&[], &[], Err(Denial::NoToken)),
            (&[], &["Basic YTpi"], Err(Denial::NoToken)),
            (&[], &["Bearer jat_bad"], Err(Denial::NotGoodHere)),
            (&[], &["Bearer jat_lost"], Err(Denial::Undecided { retry_after: PAUSE })),
            (&[], &["Bearer jat_good", "Bearer jat_good"], Err(Denial::Malformed)),
            (&[], &["Bearer jat_good,Bearer jat_good"], Err(Denial::Malformed)),
            (&[], &["Basic YTpi", "Bearer jat_good"], Err(Denial::Malformed)),
            (&[], &["Bearer"], Err(Denial::Malformed)),
        ] {
            let requirement = here.clone().with_scopes(scopes.iter().copied());
            assert_eq!(decided(&requirement, values), expected, "{scopes:?} {values:?}");
        }
        let elsewhere = Requirement::new(Some("payroll".to_owned())).with_scopes(["write"]);
        // The bearer of a token for another service does not learn which scopes this service
        // requires.
        assert_eq!(decided(&elsewhere, &["Bearer jat_good"]), Err(Denial::NotGoodHere));
        assert_eq!(decided(&Requirement::new(None), &["Bearer jat_good"]), known);
    }

    #[test]
    fn where_a_token_is_optional_only_a_request_without_any_passes_as_nobodys() {
        let requirement = Requirement::new(Some("billing".to_owned())).optional(true);
        for values in [&[][..], &[""], &["Basic YTpi"]] {
            assert_eq!(decided(&requirement, values), Ok(None), "{values:?}");
        }
        for (values, denial) in [
            (&["Bearer jat_bad"][..], Denial::NotGoodHere),
            (&["Bearer jat_lost"], Denial::Undecided { retry_after: PAUSE }),
            (&["Bearer"], Denial::Malformed),
            (&["Basic YTpi,Bearer jat_good"], Denial::Malformed),
            (&["Basic YTpi", "Basic YTpi"], Denial::Malformed),
        ] {
            assert_eq!(decided(&requirement, values), Err(denial), "{values:?}");
        }
        let known = Ok(Some("usr_1".to_owned()));
        assert_eq!(decided(&requirement, &["Bearer jat_good"]), known);
    }
}
