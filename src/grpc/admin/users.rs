//! Between the messages about users and the types of `service`.

use super::{fields, names};
use crate::{
    domain::{
        error::Error,
        secret::Secret,
        user::User,
        user_edit::{OldGrants, UserEdit},
        user_name::UserName,
    },
    grpc::convert::timestamp,
    proto::v1::{self, get_user_request::Name},
    service::{CreateUser, UpdateUser, UserFilter, UserKey},
    store::Stored,
};

/// # Errors
/// `InvalidRequest` for what no user may be.
pub(super) fn create(request: v1::CreateUserRequest) -> Result<CreateUser, Error> {
    let user = request.user.ok_or(Error::missing("user"))?;
    Ok(CreateUser {
        name: user_name("user.username", &user.username)?,
        attributes: fields::attributes("user.attributes", &user.attributes)?,
        disabled: user.disabled,
        password: password(request.password)?,
    })
}

/// # Errors
/// `InvalidRequest` without a name; `NotFound` for one that nobody can have.
pub(super) fn key(request: v1::GetUserRequest) -> Result<UserKey, Error> {
    match request.name {
        Some(Name::UserId(id)) => names::user_id(&id).map(UserKey::Id),
        Some(Name::Username(name)) if !name.is_empty() => {
            let name = UserName::parse(&name);
            name.map(UserKey::Name).map_err(|_| Error::NotFound("user"))
        }
        Some(Name::Username(_)) | None => Err(Error::missing("user_id")),
    }
}

/// # Errors
/// `InvalidRequest` for a prefix that no name has.
pub(super) fn filter(request: &v1::ListUsersRequest) -> Result<UserFilter, Error> {
    let name_prefix = match request.username_prefix.as_str() {
        "" => String::new(),
        prefix => user_name("username_prefix", prefix)?.to_string(),
    };
    Ok(UserFilter { name_prefix, disabled_only: request.disabled_only })
}

/// # Errors
/// `InvalidRequest` for a mask of other fields, and for values beyond their limits.
pub(super) fn update(request: v1::UpdateUserRequest) -> Result<UpdateUser, Error> {
    let user = request.user.ok_or(Error::missing("user"))?;
    let id = names::user_id(&user.user_id)?;
    let mask = request.update_mask.unwrap_or_default();
    if mask.paths.is_empty() {
        return Err(Error::missing("update_mask"));
    }
    let given = mask.paths.iter().map(|field| edit(field, &user));
    let fields = given.collect::<Result<_, _>>()?;
    Ok(UpdateUser { id, fields, expected: names::expected("user.etag", &user.etag)? })
}

fn edit(field: &str, user: &v1::User) -> Result<UserEdit, Error> {
    match field {
        "username" => user_name("user.username", &user.username).map(UserEdit::Name),
        "attributes" => {
            let attributes = fields::attributes("user.attributes", &user.attributes);
            attributes.map(UserEdit::Attributes)
        }
        _ => {
            let problem = "must name username or attributes";
            Err(Error::InvalidRequest { field: "update_mask", problem })
        }
    }
}

/// # Errors
/// `InvalidRequest` when it is missing.
pub(super) fn password(text: String) -> Result<Secret, Error> {
    let password = Secret::new(text);
    if password.is_empty() { Err(Error::missing("password")) } else { Ok(password) }
}

/// What a new password does to the user's grants.
pub(super) const fn old_grants(keep: bool) -> OldGrants {
    if keep { OldGrants::Keep } else { OldGrants::End }
}

fn user_name(field: &'static str, text: &str) -> Result<UserName, Error> {
    if text.is_empty() {
        return Err(Error::missing(field));
    }
    UserName::parse(text).map_err(|invalid| names::refused(field, invalid))
}

/// A user.
pub(super) fn message(user: &Stored<User>) -> v1::User {
    let attributes = user.attributes.entries();
    v1::User {
        user_id: user.id.to_string(),
        username: user.name.to_string(),
        attributes: attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        disabled: user.disabled,
        create_time: Some(timestamp(user.create_time)),
        update_time: Some(timestamp(user.update_time)),
        etag: names::etag(user.version()),
    }
}
