//! The messages about grants.

use crate::{
    grpc::convert::{actors, ancestors, inactive, timestamp},
    proto::v1,
    service::{EndedGrants, ShownGrant},
};

/// A grant.
pub(super) fn message(shown: &ShownGrant) -> v1::Grant {
    let grant = &shown.grant;
    let text = |text: &Option<Box<str>>| text.as_deref().unwrap_or_default().to_owned();
    v1::Grant {
        grant_id: grant.id.to_string(),
        client_id: grant.client_id.to_string(),
        subject: grant.subject.text(&grant.client_id),
        scopes: grant.scopes.values().map(str::to_owned).collect(),
        audience: grant.audience.names().map(str::to_owned).collect(),
        active: shown.inactive.is_none(),
        inactive_reason: shown.inactive.map_or(v1::InactiveReason::Unspecified, inactive).into(),
        issue_time: Some(timestamp(grant.issue_time)),
        expire_time: Some(timestamp(grant.expire_time)),
        end_time: grant.end.as_ref().map(|end| timestamp(end.time)),
        refresh_time: Some(timestamp(grant.current.issue_time)),
        last_used_time: grant.last_used.map(timestamp),
        generation: grant.current.number,
        peer: text(&grant.origin.peer),
        user_agent: text(&grant.origin.user_agent),
        ancestors: ancestors(grant.delegation.as_deref()),
        actors: actors(grant.delegation.as_deref()),
    }
}

/// Returns the number of grants that were, or would be, ended.
pub(super) const fn ended(ended: EndedGrants) -> v1::RevokeGrantsResponse {
    v1::RevokeGrantsResponse { count: ended.count, at_least: ended.at_least }
}
