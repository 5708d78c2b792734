//! Argument that names a user.

use clap::Args;

use super::{CliError, meant};
use crate::{
    app::UserId,
    client::Admin,
    proto::v1::{self, get_user_request::Name},
};

/// One user, by login name or by id.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(super) struct UserArg {
    /// The user: the login name, or the id
    #[arg(value_name = "USER", value_parser = meant::given)]
    user: Option<String>,

    /// The login name, even if it looks like an id
    #[arg(long, value_name = "NAME", value_parser = meant::given, hide = true)]
    name: Option<String>,
}

impl UserArg {
    pub(super) async fn find(self, admin: &mut Admin) -> Result<v1::GetUserResponse, CliError> {
        let named = match self.user {
            Some(id) if UserId::parse(&id).is_some() => Some(Name::UserId(id)),
            user => user.or(self.name).map(Name::Username),
        };
        Ok(admin.get_user(v1::GetUserRequest { name: named }).await?.into_inner())
    }

    pub(super) async fn get(self, admin: &mut Admin) -> Result<v1::User, CliError> {
        Ok(self.find(admin).await?.user.unwrap_or_default())
    }

    /// Asks only where it is not given.
    pub(super) async fn id(self, admin: &mut Admin) -> Result<String, CliError> {
        match self.user {
            Some(id) if UserId::parse(&id).is_some() => Ok(id),
            user => Ok(Self { user, ..self }.get(admin).await?.user_id),
        }
    }
}

/// The id of the user of that login name or id.
pub(super) async fn id_of(user: String, admin: &mut Admin) -> Result<String, CliError> {
    UserArg { user: Some(user), name: None }.id(admin).await
}
