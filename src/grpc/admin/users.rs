//! Between the messages about users and the types of `service`.

use std::collections::HashMap;

use super::{enum_value::EnumValue, fields, mask::Mask, names};
use crate::{
    domain::{
        attributes::Attributes,
        error::Error,
        invalid::Invalid,
        secret::Secret,
        time::Timestamp,
        user::User,
        user_identity::UserIdentity,
        user_name::TypedName,
        user_patch::{OldGrants, UserPatch},
        vouched::Vouched,
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
    let identities = identities(&user.identities)?;
    let no_password = request.password.is_empty() && !identities.is_empty();
    Ok(CreateUser {
        name: typed_name("user.username", &user.username)?,
        patch: UserPatch {
            attributes: Some(attributes(&user.attributes)?),
            identities: Some(identities),
            ..UserPatch::disabled(user.disabled)
        },
        password: if no_password { None } else { Some(password(request.password)?) },
    })
}

/// # Errors
/// `InvalidRequest` without a name; `NotFound` for an id that is none.
pub(super) fn key(request: v1::GetUserRequest) -> Result<UserKey, Error> {
    match request.name {
        Some(Name::UserId(id)) => names::user_id(&id).map(UserKey::Id),
        Some(Name::Username(name)) if !name.is_empty() => Ok(UserKey::Name(TypedName::new(&name))),
        Some(Name::Username(_)) | None => Err(Error::missing("user_id")),
    }
}

/// # Errors
/// `InvalidRequest` for a prefix that no name has.
pub(super) fn filter(request: &v1::ListUsersRequest) -> Result<UserFilter, Error> {
    let name_prefix = match request.username_prefix.as_str() {
        "" => None,
        prefix => Some(TypedName::new(prefix)),
    };
    if let Some(Err(refused)) = name_prefix.as_ref().map(TypedName::name)
        && name_prefix.iter().flat_map(TypedName::readings).next().is_none()
    {
        return Err(names::refused("username_prefix", refused));
    }
    Ok(UserFilter { name_prefix, disabled_only: request.disabled_only })
}

/// # Errors
/// `InvalidRequest` for a mask of other fields, and for values beyond their limits.
pub(super) fn update(request: v1::UpdateUserRequest) -> Result<UpdateUser, Error> {
    let user = request.user.ok_or(Error::missing("user"))?;
    let id = names::user_id(&user.user_id)?;
    let mut mask = Mask::of(request.update_mask)?;
    let name = mask.read("username", || typed_name("user.username", &user.username))?;
    let attributes = mask.read("attributes", || attributes(&user.attributes))?;
    let identities = mask.read("identities", || identities(&user.identities))?;
    mask.finish("must name username, attributes or identities")?;
    let patch = UserPatch { identities, attributes, ..UserPatch::default() };
    Ok(UpdateUser { id, name, patch, expected: names::expected("user.etag", &user.etag)? })
}

/// # Errors
/// `InvalidRequest` when it is missing.
pub(super) fn password(text: String) -> Result<Secret, Error> {
    let password = Secret::new(text);
    if password.is_empty() { Err(Error::missing("password")) } else { Ok(password) }
}

/// Returns the effect of a new password on the user's grants.
pub(super) const fn old_grants(keep: bool) -> OldGrants {
    if keep { OldGrants::Keep } else { OldGrants::End }
}

fn identities(entries: &[v1::UserIdentity]) -> Result<Vec<UserIdentity>, Error> {
    let refused = |Invalid(problem)| Error::InvalidRequest { field: "user.identities", problem };
    let identity = |entry: &v1::UserIdentity| {
        UserIdentity::new(&entry.issuer, &entry.subject).map_err(refused)
    };
    let identities: Vec<_> = entries.iter().map(identity).collect::<Result<_, _>>()?;
    UserIdentity::check_all(&identities).map_err(refused)?;
    Ok(identities)
}

fn attributes(entries: &HashMap<String, String>) -> Result<Attributes, Error> {
    fields::attributes("user.attributes", entries)
}

fn typed_name(field: &'static str, text: &str) -> Result<TypedName, Error> {
    if text.is_empty() { Err(Error::missing(field)) } else { Ok(TypedName::new(text)) }
}

/// A user.
pub(super) fn message(user: &Stored<User>, now: Timestamp) -> v1::User {
    let attributes = user.attributes.entries();
    let identity = |identity: &UserIdentity| v1::UserIdentity {
        issuer: identity.issuer.to_string(),
        subject: identity.subject.to_string(),
    };
    let vouched = user.vouched.as_ref().filter(|vouched| now < vouched.expire_time);
    let permissions = vouched.map(Vouched::permissions).unwrap_or_default();
    v1::User {
        user_id: user.id.to_string(),
        username: user.name.to_string(),
        attributes: attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        disabled: user.disabled,
        create_time: Some(timestamp(user.create_time)),
        update_time: Some(timestamp(user.update_time)),
        etag: names::etag(user.version()),
        identities: user.identities.iter().map(identity).collect(),
        has_password: user.password.phc().is_some(),
        permissions: permissions.iter().map(EnumValue::number).collect(),
        permissions_expire_time: vouched.map(|vouched| timestamp(vouched.expire_time)),
    }
}
