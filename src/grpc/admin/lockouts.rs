//! Between the messages about lockouts and the types of `service`.

use super::names;
use crate::{
    domain::{attempts::AttemptsId, client_id::ClientId, error::Error},
    grpc::convert::timestamp,
    proto::v1,
    service::{ClearLockouts, Lockout, LockoutFilter},
};

/// # Errors
/// `NotFound` for text that names no user or no client.
pub(super) fn filter(request: &v1::ListLockoutsRequest) -> Result<LockoutFilter, Error> {
    let user = match request.subject.as_str() {
        "" => None,
        subject => Some(names::user_id(subject)?),
    };
    Ok(LockoutFilter { user, client: client(&request.client_id)?, all: request.all })
}

/// # Errors
/// `InvalidRequest` unless a lockout or a user is named; `NotFound` for text that names none.
pub(super) fn which(request: &v1::ClearLockoutRequest) -> Result<ClearLockouts, Error> {
    let v1::ClearLockoutRequest { lockout_id, subject, client_id } = request;
    let problem = match (lockout_id.is_empty(), subject.is_empty()) {
        (true, true) => "or subject is required",
        (true, false) => {
            let (id, client) = (names::user_id(subject)?, client(client_id)?);
            return Ok(ClearLockouts::OfUser { id, client });
        }
        (false, true) if client_id.is_empty() => {
            let id = AttemptsId::parse(lockout_id).ok_or(Error::NotFound("lockout"))?;
            return Ok(ClearLockouts::One(id));
        }
        (false, _) => "excludes subject and client_id",
    };
    Err(Error::InvalidRequest { field: "lockout_id", problem })
}

fn client(text: &str) -> Result<Option<ClientId>, Error> {
    if text.is_empty() { Ok(None) } else { names::client_id(text).map(Some) }
}

/// A lockout.
pub(super) fn message(lockout: &Lockout) -> v1::Lockout {
    v1::Lockout {
        lockout_id: lockout.id.to_string(),
        client_id: lockout.client.as_ref().map(ToString::to_string).unwrap_or_default(),
        subject: lockout.user.map(|user| user.to_string()).unwrap_or_default(),
        username: lockout.username.as_ref().map(ToString::to_string).unwrap_or_default(),
        failures: lockout.failures,
        last_failure_time: Some(timestamp(lockout.last_failure)),
        retry_time: lockout.retry_time.map(timestamp),
    }
}
