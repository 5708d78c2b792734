//! Converts answers of the token service into claims.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prost_types::Timestamp;

use super::{AncestorGrant, Claims};
use crate::{
    bearer::{CertificateIdentity, Confirmation},
    proto::v1::{self, IntrospectResponse},
};

impl From<IntrospectResponse> for Claims {
    /// Converts an answer for an active token.
    fn from(mut answer: IntrospectResponse) -> Self {
        // Decoded lists have room for four texts, and a validator keeps a hundred thousand answers.
        answer.scopes.shrink_to_fit();
        answer.audience.shrink_to_fit();
        Self {
            client_id: answer.client_id,
            subject: answer.subject,
            username: Some(answer.username).filter(|name| !name.is_empty()),
            scopes: answer.scopes,
            audience: answer.audience,
            issue_time: answer.issue_time.as_ref().and_then(time),
            expire_time: answer.expire_time.as_ref().and_then(time),
            grant_id: answer.grant_id,
            attributes: answer.attributes,
            actors: answer.actors,
            confirmation: answer.cnf.map(Into::into),
            ancestors: answer.ancestors.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<v1::Confirmation> for Confirmation {
    /// Nobody can show what this release does not know.
    fn from(cnf: v1::Confirmation) -> Self {
        let v1::Confirmation { certificate_sha256, certificate_identity } = cnf;
        let hash = certificate_sha256.try_into().ok().map(CertificateIdentity::Sha256);
        let known = hash.or_else(|| CertificateIdentity::parse(&certificate_identity).ok());
        known.map_or_else(Self::unknown, Self::of)
    }
}

impl From<v1::AncestorGrant> for AncestorGrant {
    fn from(v1::AncestorGrant { grant_id, client_id }: v1::AncestorGrant) -> Self {
        Self { grant_id, client_id }
    }
}

/// Returns `None` for a time before 1970 or an invalid one, which the service never sends.
pub(super) fn time(timestamp: &Timestamp) -> Option<SystemTime> {
    let seconds = timestamp.seconds.try_into().ok()?;
    let nanos = timestamp.nanos.try_into().ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds) + Duration::from_nanos(nanos))
}
