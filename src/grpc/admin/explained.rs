//! Between the messages that explain a token and the types of `service`.

use super::{grants, names};
use crate::{
    domain::{
        cause::Cause, epoch::Epoch, error::Error, secret::Secret, subject::Subject,
        time::Timestamp, token::TokenKind,
    },
    grpc::convert::timestamp,
    proto::v1::{self, explain_token_request::What},
    service::{Explain, ExplainedToken, Explanation},
};

/// # Errors
/// `InvalidRequest` when nothing is asked about; `NotFound` for text that names no grant.
pub(super) fn what(request: v1::ExplainTokenRequest) -> Result<Explain, Error> {
    match request.what {
        Some(What::Token(token)) => Ok(Explain::Token(Secret::new(token))),
        Some(What::GrantId(id)) => names::grant_id(&id).map(Explain::Grant),
        None => Err(Error::missing("token")),
    }
}

/// The whole story.
pub(super) fn message(found: &Explanation) -> v1::ExplainTokenResponse {
    let Explanation { cause, token, grant, client, user } = found;
    let record = grant.as_ref().map(|shown| &shown.grant);
    let party = |exists, disabled, epoch_moved, update_time: Option<Timestamp>| v1::GrantParty {
        exists,
        disabled,
        epoch_moved,
        update_time: update_time.map(timestamp),
    };
    let moved = |now: Epoch, then: Epoch| now != then;
    let of_client = record.map(|grant| match client {
        Some(client) => {
            let moved = moved(client.epoch, grant.client_epoch);
            party(true, client.disabled, moved, Some(client.update_time))
        }
        None => party(false, false, false, None),
    });
    let of_user = record.and_then(|grant| match (&grant.subject, user) {
        (Subject::Client, _) => None,
        (Subject::User { epoch, .. }, Some(user)) => {
            let moved = moved(user.epoch, *epoch);
            Some(party(true, user.disabled, moved, Some(user.update_time)))
        }
        (Subject::User { .. }, None) => Some(party(false, false, false, None)),
    });
    let end = record.and_then(|grant| grant.end.as_deref());
    v1::ExplainTokenResponse {
        active: cause.is_none(),
        cause: cause.map(Cause::name).unwrap_or_default().to_owned(),
        token: token.as_ref().map(explained),
        grant: grant.as_ref().map(grants::message),
        username: user.as_ref().map(|user| user.name.to_string()).unwrap_or_default(),
        end_cause: end.map(|end| end.cause.cause().name()).unwrap_or_default().to_owned(),
        client: of_client,
        user: of_user,
    }
}

fn explained(token: &ExplainedToken) -> v1::ExplainedToken {
    let kind = match token.kind {
        TokenKind::Access => v1::TokenKind::Access,
        TokenKind::Refresh => v1::TokenKind::Refresh,
    };
    v1::ExplainedToken {
        kind: kind.into(),
        generation: token.generation,
        grant_id: token.grant_id.to_string(),
        key_id: token.key_id.map(|id| id.to_string()).unwrap_or_default(),
        key_held: token.key_held,
        issue_time: token.issue_time.map(timestamp),
        expire_time: token.expire_time.map(timestamp),
    }
}
