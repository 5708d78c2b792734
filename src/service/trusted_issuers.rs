//! The issuers that the settings trust, and the verification of their assertions.

use super::issuer_keys::IssuerKeys;
use crate::{
    domain::{
        assertion::{Asserted, IssuerRules},
        cause::Cause,
        error::Error,
        issuer_name::IssuerName,
        secret::Secret,
        time::Timestamp,
    },
    jose::SignedToken,
};

/// Trusted issuers with their keys.
#[derive(Default)]
pub struct TrustedIssuers {
    audience: Box<str>,
    issuers: Vec<TrustedIssuer>,
}

/// An issuer with its keys.
struct TrustedIssuer {
    rules: IssuerRules,
    keys: IssuerKeys,
}

impl TrustedIssuers {
    /// Issuers whose keys are yet to be read. `audience` is this server's own issuer, which assertions
    /// must be meant for; each of `issuers` has a name of its own.
    pub fn new(audience: impl Into<Box<str>>, issuers: Vec<IssuerRules>) -> Self {
        let trusted = |rules| TrustedIssuer { rules, keys: IssuerKeys::default() };
        Self { audience: audience.into(), issuers: issuers.into_iter().map(trusted).collect() }
    }

    /// The only audience that an assertion may have, also one of a client's own: this server's issuer.
    /// `None` if the settings do not name it: no assertion is good then.
    pub fn audience(&self) -> Option<&str> {
        Some(&*self.audience).filter(|audience| !audience.is_empty())
    }

    /// The keys of the issuer of that name.
    pub fn keys(&self, name: &IssuerName) -> Option<&IssuerKeys> {
        let named = self.issuers.iter().find(|issuer| issuer.rules.name == *name)?;
        Some(&named.keys)
    }

    /// Verifies an assertion. Issuers that share an `iss` are told apart by the key that made the
    /// signature.
    ///
    /// # Errors
    /// `InvalidClient` with the cause. `Unavailable` if no issuer vouches for it and one that could
    /// have made it has no known keys.
    #[expect(clippy::unused_async, reason = "an unknown key is asked for")]
    pub async fn verify(&self, assertion: &Secret, now: Timestamp) -> Result<Asserted, Error> {
        let token = SignedToken::parse(assertion).map_err(Error::InvalidClient)?;
        let audience = self.audience().ok_or(Error::InvalidClient(Cause::UnknownIssuer))?;
        let mut refusal = Cause::UnknownIssuer;
        let mut without_keys = false;
        for TrustedIssuer { rules, keys } in &self.issuers {
            if !rules.may_issue(token.claimed_issuer()) {
                continue;
            }
            let Some(keys) = keys.known() else {
                without_keys = true;
                continue;
            };
            match token.verify(&keys, &rules.algorithms) {
                Ok(claims) => {
                    return rules.judge(claims, audience, now).map_err(Error::InvalidClient);
                }
                Err(cause) => refusal = closer(refusal, cause),
            }
        }
        Err(if without_keys { Error::UNAVAILABLE } else { Error::InvalidClient(refusal) })
    }
}

/// The cause that came closer to a good assertion.
fn closer(one: Cause, other: Cause) -> Cause {
    const ORDER: [Cause; 4] =
        [Cause::UnknownIssuer, Cause::WrongAlgorithm, Cause::UnknownKey, Cause::WrongSignature];
    let rank = |cause| ORDER.iter().position(|known| *known == cause);
    if rank(other) > rank(one) { other } else { one }
}
