//! The issuers that the settings trust, and the verification of their assertions.

use std::sync::Arc;

use futures_util::future::join_all;

use super::{
    assertion_metrics::AssertionMetrics, issuer_keys::IssuerKeys, token_reviewer::TokenReviewer,
    token_reviews::TokenReviews,
};
use crate::{
    domain::{
        assertion::{Asserted, IssuerRules},
        cause::Cause,
        claims::Claims,
        client_id::ClientId,
        error::Error,
        issuer_name::IssuerName,
        permission::Permissions,
        person::{Person, PersonRules},
        secret::Secret,
        time::{Clock, Timestamp},
        used_assertion::AssertionId,
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
    /// Its reviews of its tokens; `None` if it is not asked about them.
    pub reviews: Option<Arc<TokenReviews>>,
}

/// A person whom a verified ID token describes.
pub struct ProvenPerson {
    /// The person.
    pub person: Person,
    /// The ID token, which is good once.
    pub token: AssertionId,
}

/// Result of trying one issuer after the other.
enum Tried<'a, T> {
    /// The issuer's key has made the signature: its rules have decided.
    Decided(&'a TrustedIssuer, Result<T, Cause>),
    /// None of the known keys has made it.
    Unproven(Unproven<'a>),
}

/// Outcome for a token that could be read.
enum Decision<'a, T> {
    Good(&'a TrustedIssuer, T),
    Refused(Option<&'a TrustedIssuer>, Cause),
    /// The keys that would decide are out of reach.
    Unknown,
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
            TrustedIssuer { rules, keys, reviews: None }
        };
        let issuers = issuers.into_iter().map(trusted).collect();
        Self { audience: audience.into(), issuers, metrics }
    }

    /// The issuers, of which the one of that name is asked about each of its tokens.
    #[must_use]
    pub fn reviewed_by(
        mut self,
        name: &IssuerName,
        reviewer: Arc<dyn TokenReviewer>,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let metrics = self.metrics.reviews.of_issuer(name);
        let reviews = TokenReviews::by(reviewer, &self.audience, Arc::clone(clock), metrics);
        if let Some(named) = self.issuers.iter_mut().find(|issuer| issuer.rules.name == *name) {
            named.reviews = Some(Arc::new(reviews));
        }
        self
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
    /// decides. An unknown key, or a token without `kid` that no known key verifies, has the keys of
    /// the issuers that could have it read again, at most every ten seconds, and is waited for.
    ///
    /// # Errors
    /// `InvalidClient` with the cause. `Unavailable` if no known key has made the signature, and the keys
    /// of an issuer that could have made it are unknown, too old, or could not be read again.
    pub async fn verify(&self, assertion: &Secret, now: Timestamp) -> Result<Asserted, Error> {
        let decided = async {
            let token = SignedToken::parse(assertion)?;
            // Without a name in the settings every assertion is for somebody else.
            let audience = self.audience().ok_or(Cause::UnknownIssuer)?;
            let judge = |rules: &IssuerRules, claims| rules.judge(claims, audience, now);
            self.decide(&token, |_| true, judge).await
        };
        self.count(decided.await, Error::InvalidClient)
    }

    /// Asks the issuer of a verified assertion whether it still vouches for it, where the settings have
    /// it asked.
    ///
    /// # Errors
    /// `InvalidClient` if it does not; `Unavailable` if nobody knows.
    pub async fn confirm(&self, assertion: &Secret, asserted: &Asserted) -> Result<(), Error> {
        let named = self.issuers.iter().find(|issuer| issuer.rules.name == asserted.issuer);
        match named.and_then(|issuer| issuer.reviews.as_ref()) {
            Some(reviews) => reviews.confirm(assertion, asserted).await,
            None => Ok(()),
        }
    }

    /// Verifies an ID token that `client` shows, and finds its issuer, as [`Self::verify`] does for an
    /// assertion. A token that was shown before passes: another check finds it.
    ///
    /// # Errors
    /// `InvalidGrant` with the cause; `Unavailable` as in [`Self::verify`].
    pub async fn verify_person(
        &self,
        id_token: &Secret,
        client: &ClientId,
        now: Timestamp,
    ) -> Result<ProvenPerson, Error> {
        let decided = async {
            let token = SignedToken::parse(id_token)?;
            let texts = token.claim_texts();
            let judge = |rules: &IssuerRules, claims: Claims| {
                let person = rules.judge_person(&claims, &texts, client, now)?;
                let token = AssertionId::of_id_token(&rules.name, token.message());
                Ok(ProvenPerson { person, token })
            };
            self.decide(&token, |rules| rules.people.is_some(), judge).await
        };
        self.count(decided.await, Error::InvalidGrant)
    }

    /// The permissions in administration that logins with ID tokens of that issuer can give.
    pub fn may_allow(&self, name: &IssuerName) -> Permissions {
        let named = self.issuers.iter().find(|issuer| issuer.rules.name == *name);
        let people = named.and_then(|issuer| issuer.rules.people.as_ref());
        people.map(PersonRules::may_allow).unwrap_or_default()
    }

    /// Counts an outcome, and names its error.
    fn count<T>(
        &self,
        decided: Result<Decision<'_, T>, Cause>,
        refused: fn(Cause) -> Error,
    ) -> Result<T, Error> {
        let (issuer, cause) = match decided {
            Ok(Decision::Good(issuer, proven)) => {
                self.metrics.accepted(&issuer.rules.name);
                return Ok(proven);
            }
            Ok(Decision::Unknown) => {
                self.metrics.undecided();
                return Err(Error::UNAVAILABLE);
            }
            Ok(Decision::Refused(issuer, cause)) => (issuer, cause),
            Err(cause) => (None, cause),
        };
        self.metrics.refused(issuer.map(|issuer| &issuer.rules.name), cause);
        Err(refused(cause))
    }

    /// Tries the issuers that `may_speak`, again if their keys had to be read for it.
    async fn decide<T>(
        &self,
        token: &SignedToken<'_>,
        may_speak: impl Fn(&IssuerRules) -> bool,
        judge: impl Fn(&IssuerRules, Claims) -> Result<T, Cause>,
    ) -> Result<Decision<'_, T>, Cause> {
        let mut tried = self.try_all(token, &may_speak, &judge);
        let mut undecided = false;
        if let Tried::Unproven(Unproven { lacking, .. }) = &tried
            && !lacking.is_empty()
        {
            let renewed = join_all(lacking.iter().map(|issuer| issuer.keys.renew())).await;
            undecided = renewed.contains(&false);
            tried = self.try_all(token, &may_speak, &judge);
        }
        Ok(match tried {
            Tried::Decided(issuer, Ok(proven)) => Decision::Good(issuer, proven),
            Tried::Decided(issuer, Err(cause)) => Decision::Refused(Some(issuer), cause),
            Tried::Unproven(unproven) if undecided || unproven.without_keys => Decision::Unknown,
            Tried::Unproven(Unproven { cause, issuer, .. }) => Decision::Refused(issuer, cause),
        })
    }

    fn try_all<T>(
        &self,
        token: &SignedToken<'_>,
        may_speak: impl Fn(&IssuerRules) -> bool,
        judge: impl Fn(&IssuerRules, Claims) -> Result<T, Cause>,
    ) -> Tried<'_, T> {
        let mut unproven = Unproven {
            cause: Cause::UnknownIssuer,
            issuer: None,
            lacking: Vec::new(),
            without_keys: false,
        };
        for issuer in &self.issuers {
            let TrustedIssuer { rules, keys, .. } = issuer;
            if !rules.may_issue(token.claimed_issuer()) || !may_speak(rules) {
                continue;
            }
            let Some(keys) = keys.known() else {
                unproven.without_keys = true;
                continue;
            };
            match token.verify(&keys, &rules.algorithms) {
                Ok(claims) => return Tried::Decided(issuer, judge(rules, claims)),
                Err(cause) => unproven.note(issuer, cause, token.names_key()),
            }
        }
        Tried::Unproven(unproven)
    }
}

impl<'a> Unproven<'a> {
    fn note(&mut self, issuer: &'a TrustedIssuer, cause: Cause, names_key: bool) {
        const ORDER: [Cause; 4] =
            [Cause::UnknownIssuer, Cause::WrongAlgorithm, Cause::UnknownKey, Cause::WrongSignature];
        let rank = |cause| ORDER.iter().position(|known| *known == cause);
        // A token that names no key can be of one that is not known yet.
        if cause == Cause::UnknownKey || (cause == Cause::WrongSignature && !names_key) {
            self.lacking.push(issuer);
        }
        if rank(cause) > rank(self.cause) {
            self.cause = cause;
            self.issuer = Some(issuer);
        }
    }
}
