//! The keys of trusted issuers, read as a server would.

use super::super::start::Findings;
use crate::{
    config::{KeyPlace, Settings},
    jwks::PublishedKeys,
};

const SUBJECT: &str = "issuers";

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

/// Reads the keys of each issuer: a file that cannot be used has to be mended, an issuer that is away
/// may come back.
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
    }
}
