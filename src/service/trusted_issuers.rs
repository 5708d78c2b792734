//! The issuers that the settings trust, and the verification of their assertions.

use std::sync::Arc;

use futures_util::future::join_all;

use super::{assertion_metrics::AssertionMetrics, issuer_keys::IssuerKeys};
use crate::{
    domain::{
        assertion::{Asserted, IssuerRules},
        cause::Cause,
        error::Error,
        issuer_name::IssuerName,
        secret::Secret,
        time::{Clock, Timestamp},
    },
    jose::SignedToken,
    metrics::Registry,
};

/// Trusted issuers with their keys.
#[derive(Default)]
pub struct TrustedIssuers {
    audience: Box<str>,
    issuers: Vec<TrustedIssuer>,
    metrics: AssertionMetrics,
}

/// An issuer with its keys.
pub struct TrustedIssuer {
    /// The rules for its assertions.
    pub rules: IssuerRules,
    /// Its keys.
    pub keys: Arc<IssuerKeys>,
}

/// Result of trying one issuer after the other.
enum Tried<'a> {
    /// The issuer's key has made the signature: its rules have decided.
    Decided(&'a TrustedIssuer, Result<Asserted, Cause>),
    /// None of the known keys has made it.
    Unproven(Unproven<'a>),
}

struct Unproven<'a> {
    /// The cause that came closest to a good assertion, and the issuer that it is of.
    cause: Cause,
    issuer: Option<&'a TrustedIssuer>,
    /// Issuers that may have the key without its being known.
    lacking: Vec<&'a TrustedIssuer>,
    /// An issuer that could have made it has no keys that could be used.
    without_keys: bool,
}

impl TrustedIssuers {
    /// Issuers whose keys are yet to be read. `audience` is this server's own issuer, which assertions
    /// must be meant for; each of `issuers` has a name of its own.
    pub fn new(
        audience: impl Into<Box<str>>,
        issuers: Vec<IssuerRules>,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let metrics = AssertionMetrics::new();
        let trusted = |rules: IssuerRules| {
            let failures = metrics.failures(&rules.name);
            let keys = IssuerKeys::unread(Arc::clone(clock), rules.max_key_age, failures);
            let keys = Arc::new(keys);
            metrics.watch(&rules.name, &keys);
            TrustedIssuer { rules, keys }
        };
        let issuers = issuers.into_iter().map(trusted).collect();
        Self { audience: audience.into(), issuers, metrics }
    }

    /// The only audience that an assertion may have, also one of a client's own: this server's issuer.
    /// `None` if the settings do not name it: no assertion is good then.
    pub fn audience(&self) -> Option<&str> {
        Some(&*self.audience).filter(|audience| !audience.is_empty())
    }

    /// The issuers, in the order of the settings.
    pub fn iter(&self) -> impl Iterator<Item = &TrustedIssuer> {
        self.issuers.iter()
    }

    /// The keys of the issuer of that name.
    pub fn keys(&self, name: &IssuerName) -> Option<&Arc<IssuerKeys>> {
        let named = self.issuers.iter().find(|issuer| issuer.rules.name == *name)?;
        Some(&named.keys)
    }

    /// Returns the metrics of assertions and keys.
    pub fn metrics(&self) -> Registry {
        self.metrics.registry.clone()
    }

    /// Verifies an assertion. Of issuers that share an `iss`, the one whose key made the signature
    /// decides. An unknown key has the keys of the issuers that could have it read again, at most every
    /// ten seconds, and is waited for.
    ///
    /// # Errors
    /// `InvalidClient` with the cause. `Unavailable` if no known key has made the signature, and the keys
    /// of an issuer that could have made it are unknown, too old, or could not be read again.
    pub async fn verify(&self, assertion: &Secret, now: Timestamp) -> Result<Asserted, Error> {
        let token = SignedToken::parse(assertion).map_err(|cause| {
            self.metrics.refused(None, cause);
            Error::InvalidClient(cause)
        })?;
        let mut tried = self.try_all(&token, now);
        let mut undecided = false;
        if let Tried::Unproven(Unproven { lacking, .. }) = &tried
            && !lacking.is_empty()
        {
            let renewed = join_all(lacking.iter().map(|issuer| issuer.keys.renew())).await;
            undecided = renewed.contains(&false);
            tried = self.try_all(&token, now);
        }
        match tried {
            Tried::Decided(issuer, Ok(asserted)) => {
                self.metrics.accepted(&issuer.rules.name);
                Ok(asserted)
            }
            Tried::Decided(issuer, Err(cause)) => {
                self.metrics.refused(Some(&issuer.rules.name), cause);
                Err(Error::InvalidClient(cause))
            }
            Tried::Unproven(unproven) if undecided || unproven.without_keys => {
                self.metrics.undecided();
                Err(Error::UNAVAILABLE)
            }
            Tried::Unproven(Unproven { cause, issuer, .. }) => {
                self.metrics.refused(issuer.map(|issuer| &issuer.rules.name), cause);
                Err(Error::InvalidClient(cause))
            }
        }
    }

    fn try_all(&self, token: &SignedToken<'_>, now: Timestamp) -> Tried<'_> {
        let mut unproven = Unproven {
            cause: Cause::UnknownIssuer,
            issuer: None,
            lacking: Vec::new(),
            without_keys: false,
        };
        let Some(audience) = self.audience() else { return Tried::Unproven(unproven) };
        for issuer in &self.issuers {
            let TrustedIssuer { rules, keys } = issuer;
            if !rules.may_issue(token.claimed_issuer()) {
                continue;
            }
            let Some(keys) = keys.known() else {
                unproven.without_keys = true;
                continue;
            };
            match token.verify(&keys, &rules.algorithms) {
                Ok(claims) => return Tried::Decided(issuer, rules.judge(claims, audience, now)),
                Err(cause) => unproven.note(issuer, cause),
            }
        }
        Tried::Unproven(unproven)
    }
}

impl<'a> Unproven<'a> {
    fn note(&mut self, issuer: &'a TrustedIssuer, cause: Cause) {
        const ORDER: [Cause; 4] =
            [Cause::UnknownIssuer, Cause::WrongAlgorithm, Cause::UnknownKey, Cause::WrongSignature];
        let rank = |cause| ORDER.iter().position(|known| *known == cause);
        if cause == Cause::UnknownKey {
            self.lacking.push(issuer);
        }
        if rank(cause) > rank(self.cause) {
            self.cause = cause;
            self.issuer = Some(issuer);
        }
    }
}
