//! Assertions of trusted issuers (RFC 7521 §5.2, RFC 7523 §3): the rules of an issuer, and what a good
//! assertion proves.

use std::time::Duration;

use super::{
    algorithm::Algorithm,
    cause::Cause,
    claim_texts::ClaimTexts,
    claims::{Claims, Validity},
    client_id::ClientId,
    issuer_name::IssuerName,
    person::{Person, PersonRules},
    time::Timestamp,
    user_identity::UserIdentity,
};

/// The rules for the assertions of one issuer, as the settings have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerRules {
    /// Name that trust goes by.
    pub name: IssuerName,
    /// The `iss` that its assertions have. `None` if they have none.
    pub issuer: Option<String>,
    /// `true` if its assertions can be without `iss`, as JWT-SVIDs are.
    pub allow_missing_issuer: bool,
    /// Algorithms that it signs with.
    pub algorithms: Vec<Algorithm>,
    /// The time in which its assertions are good.
    pub validity: Validity,
    /// Longest time for which its keys are used after they were last read.
    pub max_key_age: Duration,
    /// The rules for its ID tokens; `None` if it is not enabled for users.
    pub people: Option<PersonRules>,
}

/// Proof of a good assertion: the workload is `subject` in the eyes of the issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asserted {
    /// The issuer, by its name in the settings.
    pub issuer: IssuerName,
    /// `sub`, as the issuer wrote it.
    pub subject: String,
    /// The uid of a Kubernetes service account, if it is one.
    pub uid: Option<String>,
}

impl IssuerRules {
    /// Returns whether an assertion with that `iss` can be of this issuer. Its signature decides.
    pub fn may_issue(&self, issuer: Option<&str>) -> bool {
        match issuer {
            Some(issuer) => self.issuer.as_deref() == Some(issuer),
            None => self.allow_missing_issuer,
        }
    }

    /// Judges claims that one of the issuer's keys has signed. `audience` is this server's own issuer.
    /// No `jti` is asked for, and none is used up: workloads show a token of theirs many times.
    ///
    /// # Errors
    /// `UnknownIssuer`, `WrongMediaType`, `WrongAudience`, `UnreadableAssertion` without subject or
    /// expiry, `ExpiredAssertion`, `EarlyAssertion`, `LongAssertion`.
    pub fn judge(&self, claims: Claims, audience: &str, now: Timestamp) -> Result<Asserted, Cause> {
        if !self.may_issue(claims.issuer.as_deref()) {
            return Err(Cause::UnknownIssuer);
        }
        claims.check_media_type()?;
        claims.check_audience(audience)?;
        claims.check_time(self.validity, now)?;
        let subject = claims.subject.filter(|subject| !subject.is_empty());
        let subject = subject.ok_or(Cause::UnreadableAssertion)?;
        Ok(Asserted { issuer: self.name.clone(), subject, uid: claims.account_uid })
    }

    /// Judges claims of an ID token that one of the issuer's keys has signed, and that `client` shows
    /// (RFC 7523 §3, OIDC Core §3.1.3.7). `nonce` is checked by the application that asked
    /// for the token: this server has sent none.
    ///
    /// # Errors
    /// `UnknownIssuer`, also for an issuer that is not enabled for users; `WrongMediaType`,
    /// `WrongAudience`; `UnreadableAssertion` without `sub`, `exp` or `iat`; `ExpiredAssertion`,
    /// `EarlyAssertion`, `LongAssertion`.
    pub fn judge_person(
        &self,
        claims: &Claims,
        texts: &ClaimTexts,
        client: &ClientId,
        now: Timestamp,
    ) -> Result<Person, Cause> {
        let issuer = claims.issuer.as_deref().filter(|issuer| self.may_issue(Some(issuer)));
        let people = self.people.as_ref().filter(|_| issuer.is_some());
        let people = people.ok_or(Cause::UnknownIssuer)?;
        PersonRules::check_kind(claims, texts)?;
        people.check_audience(claims, texts, client)?;
        claims.issue_time.ok_or(Cause::UnreadableAssertion)?;
        let expire_time = claims.check_time(self.validity, now)?;
        let subject = claims.subject.as_deref().unwrap_or_default();
        let identity = UserIdentity::new(self.name.as_str(), subject);
        let identity = identity.map_err(|_| Cause::UnreadableAssertion)?;
        Ok(people.person(identity, texts, expire_time.after(self.validity.clock_skew), now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "https://tokens.example";
    const CLUSTER: &str = "https://kubernetes.default.svc.cluster.local";
    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn rules(issuer: Option<&str>, allow_missing_issuer: bool) -> IssuerRules {
        IssuerRules {
            name: IssuerName::parse("prod").expect("a name"),
            issuer: issuer.map(str::to_owned),
            allow_missing_issuer,
            algorithms: vec![Algorithm::Rs256],
            validity: Validity {
                clock_skew: Duration::from_secs(30),
                max_lifetime: Duration::from_secs(3_600),
            },
            max_key_age: Duration::from_secs(3_600),
            people: None,
        }
    }

    fn claims(issuer: Option<&str>) -> Claims {
        Claims {
            issuer: issuer.map(str::to_owned),
            subject: Some("system:serviceaccount:shop:orders".to_owned()),
            audience: vec![HERE.to_owned()],
            expire_time: Some(NOW.after(Duration::from_secs(600))),
            account_uid: Some("7c1b".to_owned()),
            ..Claims::default()
        }
    }

    #[test]
    fn a_good_assertion_proves_a_subject_of_the_name_in_the_settings() {
        let asserted = rules(Some(CLUSTER), false).judge(claims(Some(CLUSTER)), HERE, NOW);
        let asserted = asserted.expect("good");
        assert_eq!(asserted.issuer.as_str(), "prod");
        assert_eq!(asserted.subject, "system:serviceaccount:shop:orders");
        assert_eq!(asserted.uid.as_deref(), Some("7c1b"));
    }

    #[test]
    fn a_missing_iss_passes_where_the_settings_allow_it() {
        let judge = |rules: IssuerRules, iss| rules.judge(claims(iss), HERE, NOW);
        assert!(judge(rules(None, true), None).is_ok());
        assert!(judge(rules(Some(CLUSTER), true), None).is_ok());
        assert!(judge(rules(Some(CLUSTER), true), Some(CLUSTER)).is_ok());
        let refused = Err(Cause::UnknownIssuer);
        assert_eq!(judge(rules(Some(CLUSTER), false), None), refused);
        assert_eq!(judge(rules(Some(CLUSTER), true), Some("https://elsewhere.example")), refused);
        assert_eq!(judge(rules(None, true), Some(CLUSTER)), refused);
        assert_eq!(judge(rules(Some(CLUSTER), false), Some("")), refused);
    }

    #[test]
    fn an_assertion_without_a_subject_proves_nothing() {
        for subject in [None, Some(String::new())] {
            let claims = Claims { subject, ..claims(Some(CLUSTER)) };
            let judged = rules(Some(CLUSTER), false).judge(claims, HERE, NOW);
            assert_eq!(judged, Err(Cause::UnreadableAssertion));
        }
    }
}
