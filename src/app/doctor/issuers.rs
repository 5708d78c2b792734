//! Trusted issuers: their keys, read as a server would, and a question about a token.

use super::super::start::Findings;
use crate::{
    config::{KeyPlace, KeyUrl, Settings},
    domain::secret::Secret,
    jwks::{PublishedKeys, review_token},
};

const SUBJECT: &str = "issuers";
/// A text that is no token of anybody's.
const MADE_UP: &str = "jeton-check";

/// The files with keys of issuers that cannot be used, each with the reason. A server starts all the
/// same.
pub async fn unusable_keys(settings: &Settings) -> Vec<String> {
    let mut unusable = Vec::new();
    for issuer in &settings.issuers {
        if let KeyPlace::File(_) = &issuer.keys
            && let Err(error) = PublishedKeys::at(issuer.keys.clone()).read().await
        {
            unusable.push(format!("the keys of issuer {}: {error}", issuer.rules.name));
        }
    }
    unusable
}

/// Reads the keys of each issuer, and has those that are asked about tokens review one: a file that cannot
/// be used has to be mended, an issuer that is away may come back.
pub(super) async fn examine(settings: &Settings, findings: &mut Findings) {
    for issuer in &settings.issuers {
        let name = &issuer.rules.name;
        match PublishedKeys::at(issuer.keys.clone()).read().await {
            Ok(publication) => {
                let keys = publication.keys.len();
                findings
                    .good(SUBJECT, format!("{name} has {keys} keys that verify its assertions"));
                for skipped in publication.news.into_iter().flatten() {
                    let (index, problem) = (skipped.index, skipped.problem);
                    let found = format!("key {index} of {name} is not used: {problem}");
                    findings.warn(SUBJECT, found, "have the issuer publish another one");
                }
            }
            Err(error) => {
                let found = format!("the keys of {name} cannot be read: {error}");
                if error.is_lasting() {
                    let remedy = "mend it: until then its assertions are UNAVAILABLE";
                    findings.error(SUBJECT, found, remedy);
                } else {
                    let remedy = "a server starts; until it can, its assertions are UNAVAILABLE";
                    findings.warn(SUBJECT, found, remedy);
                }
            }
        }
        if let Some(url) = &issuer.token_review {
            let audience = settings.http.issuer.as_deref().unwrap_or_default();
            review(name.as_str(), url, audience, findings).await;
        }
    }
}

/// Has an issuer review a made-up token, which it must not take for good.
async fn review(name: &str, url: &KeyUrl, audience: &str, findings: &mut Findings) {
    match review_token(url, &Secret::new(MADE_UP), audience).await {
        Ok(review) if review.authenticated => {
            let found = format!("{name} takes a made-up token for good: {}", url.uri);
            findings.error(SUBJECT, found, "name the URL of its token reviews in token_review_url");
        }
        Ok(_) => findings.good(SUBJECT, format!("{name} answers questions about its tokens")),
        Err(error) => {
            let found = format!("{name} cannot be asked about its tokens: {error}");
            if error.is_lasting() {
                let remedy = "mend it: in Kubernetes bind the account of bearer_file to system:auth-delegator";
                findings.error(SUBJECT, found, remedy);
            } else {
                let remedy = "a server starts; until it can, its assertions are UNAVAILABLE";
                findings.warn(SUBJECT, found, remedy);
            }
        }
    }
}
