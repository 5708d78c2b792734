//! Reads how requests name clients, users, grants, states and pages.

use crate::{
    domain::{
        base62, client_id::ClientId, error::Error, grant_id::GrantId,
        grant_selector::GrantSelector, grant_selector::SubjectName, invalid::Invalid,
        subject::UserId,
    },
    service::PageRequest,
    store::Version,
};

/// # Errors
/// `InvalidRequest` when it is missing; `NotFound` for text that names no client.
pub(super) fn client_id(text: &str) -> Result<ClientId, Error> {
    required("client_id", text)?;
    ClientId::parse(text).map_err(|_| Error::NotFound("client"))
}

/// # Errors
/// `InvalidRequest` when it is missing; `NotFound` for text that names no user.
pub(super) fn user_id(text: &str) -> Result<UserId, Error> {
    required("user_id", text)?;
    UserId::parse(text).ok_or(Error::NotFound("user"))
}

/// # Errors
/// `InvalidRequest` when it is missing; `NotFound` for text that names no grant.
pub(super) fn grant_id(text: &str) -> Result<GrantId, Error> {
    required("grant_id", text)?;
    GrantId::parse(text).ok_or(Error::NotFound("grant"))
}

/// # Errors
/// `InvalidRequest` when neither is given, or what is given cannot be one.
pub(super) fn selector(subject: &str, client_id: &str) -> Result<GrantSelector, Error> {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let subject = given(subject).map(|text| SubjectName::parse(&text)).transpose();
    let client = given(client_id).map(|text| ClientId::parse(&text)).transpose();
    let subject = subject.map_err(|invalid| refused("subject", invalid))?;
    let client = client.map_err(|invalid| refused("client_id", invalid))?;
    let problem = "or client_id is required";
    GrantSelector::new(subject, client).ok_or(Error::InvalidRequest { field: "subject", problem })
}

/// # Errors
/// `InvalidRequest` for a negative size.
pub(super) fn page(size: i32, token: String) -> Result<PageRequest, Error> {
    let size = usize::try_from(size).map_err(|_| {
        let problem = "must not be negative";
        Error::InvalidRequest { field: "page_size", problem }
    })?;
    Ok(PageRequest { size, token })
}

/// A state of a record, as text.
pub(super) fn etag(version: Version) -> String {
    let mut text = String::new();
    base62::encode_into(&version.as_u64().to_be_bytes(), &mut text);
    text
}

/// The state that a request speaks of, if it speaks of one.
///
/// # Errors
/// `InvalidRequest` for text that was no state's.
pub(super) fn expected(field: &'static str, etag: &str) -> Result<Option<Version>, Error> {
    if etag.is_empty() {
        return Ok(None);
    }
    let bytes = base62::decode(etag.as_bytes());
    let version = bytes.map(|bytes| Version::from_u64(u64::from_be_bytes(bytes)));
    let problem = "must be one that was answered";
    version.map(Some).ok_or(Error::InvalidRequest { field, problem })
}

/// The refusal of a field's value.
pub(super) fn refused(field: &'static str, Invalid(problem): Invalid) -> Error {
    Error::InvalidRequest { field, problem }
}

fn required(field: &'static str, text: &str) -> Result<(), Error> {
    if text.is_empty() { Err(Error::missing(field)) } else { Ok(()) }
}
