//! Runs `jeton user`: creates, shows, changes and deletes users.

use clap::{Args, Subcommand, ValueEnum};
use prost_types::FieldMask;

use super::{
    CliError,
    administration::Administration,
    attributes, input, lockout, meant,
    output::{Columns, Fields, print_list},
    pages, time,
    user_arg::UserArg,
    user_identity,
    words::words,
};
use crate::{client::Admin, proto::v1};

/// Of a list, for people.
const COLUMNS: Columns = Columns::new(
    &["username", "user_id", "disabled", "create_time"],
    &["user_id", "username", "disabled", "create_time", "update_time"],
);

pub(super) type User = Administration<Action>;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Creates a user; the password is asked for, or read from standard input, unless there is an
    /// identity
    Create {
        #[command(flatten)]
        name: NewName,

        /// An identity of a trusted issuer, whose ID tokens log the user in; may be repeated
        #[arg(
            long = "identity",
            value_name = "issuer=NAME,subject=TEXT",
            value_parser = user_identity::parse
        )]
        identities: Vec<v1::UserIdentity>,

        /// Asks for a password although there is an identity
        #[arg(long, requires = "identities")]
        with_password: bool,

        /// A fact that introspection shows of the user; may be repeated
        #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = attributes::parse)]
        attributes: Vec<(String, String)>,
    },
    /// Shows a user
    Get {
        #[command(flatten)]
        which: UserArg,
    },
    /// Lists users in no particular order
    List(List),
    /// Changes what is given; attributes that are given replace all there were
    Update(Update),
    /// Sets a user's password, which is asked for or read from standard input, and ends every
    /// grant of the user
    SetPassword {
        #[command(flatten)]
        which: UserArg,

        /// Leaves the user's grants alive
        #[arg(long)]
        keep_grants: bool,
    },
    /// Refuses a user's logins and ends every grant of the user
    Disable {
        #[command(flatten)]
        which: UserArg,
    },
    /// Lets a user log in again; ended grants stay ended
    Enable {
        #[command(flatten)]
        which: UserArg,
    },
    /// Deletes a user and ends every grant of the user
    Delete {
        #[command(flatten)]
        which: UserArg,

        /// Skips the confirmation prompt
        #[arg(long)]
        yes: bool,
    },
}

/// The login name that a new user gets.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(super) struct NewName {
    /// The login name
    #[arg(value_name = "NAME", value_parser = meant::given)]
    positional: Option<String>,

    /// The same
    #[arg(long, value_name = "NAME", value_parser = meant::given, hide = true)]
    name: Option<String>,
}

impl NewName {
    fn text(self) -> String {
        self.positional.or(self.name).unwrap_or_default()
    }
}

#[derive(Args, Debug)]
pub(super) struct List {
    /// Only users whose login name has this prefix
    #[arg(long, value_name = "TEXT", value_parser = meant::given)]
    prefix: Option<String>,

    /// Only users that are disabled
    #[arg(long)]
    disabled: bool,

    /// Most users to list; all by default
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
}

#[derive(Args, Debug)]
pub(super) struct Update {
    #[command(flatten)]
    which: UserArg,

    /// Only if the user is still as when this was the etag
    #[arg(long, value_name = "ETAG", value_parser = meant::given)]
    etag: Option<String>,

    /// The new login name
    #[arg(long, value_name = "NAME", value_parser = meant::given)]
    new_name: Option<String>,

    /// A fact that introspection shows of the user; may be repeated
    #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = attributes::parse)]
    attributes: Vec<(String, String)>,

    /// An identity of a trusted issuer, whose ID tokens log the user in; may be repeated. Those that are
    /// given replace all there were
    #[arg(
        long = "identity",
        value_name = "issuer=NAME,subject=TEXT",
        value_parser = user_identity::parse
    )]
    identities: Vec<v1::UserIdentity>,

    /// A value to empty; may be repeated
    #[arg(long, value_name = "VALUE", value_enum)]
    clear: Vec<Clear>,
}

/// Fields that can be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Clear {
    Attributes,
    Identities,
}

impl User {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let (mut admin, server) = self.caller.administer().await?;
        let admin = &mut admin;
        let user = match self.action {
            Action::Create { name, identities, with_password, attributes } => {
                let username = name.text();
                let password = if identities.is_empty() || with_password {
                    input::new_secret("password")?.expose().to_owned()
                } else {
                    String::new()
                };
                let attributes = attributes.into_iter().collect();
                let user = v1::User { username, attributes, identities, ..v1::User::default() };
                let request = v1::CreateUserRequest { user: Some(user), password };
                admin.create_user(request).await?.into_inner().user
            }
            Action::Get { which } => {
                let found = which.find(admin).await?;
                let mut fields = fields(found.user.unwrap_or_default());
                fields.add("lockouts", lockout::of_user(found.lockouts));
                return fields.print(self.output);
            }
            Action::List(list) => {
                return print_list(list.run(admin).await?, COLUMNS, self.output);
            }
            Action::Update(change) => change.run(admin).await?,
            Action::SetPassword { which, keep_grants } => {
                let user_id = which.id(admin).await?;
                let password = input::new_secret("password")?.expose().to_owned();
                let request = v1::SetUserPasswordRequest { user_id, password, keep_grants };
                admin.set_user_password(request).await?.into_inner().user
            }
            Action::Disable { which } => {
                let request = v1::DisableUserRequest { user_id: which.id(admin).await? };
                admin.disable_user(request).await?.into_inner().user
            }
            Action::Enable { which } => {
                let request = v1::EnableUserRequest { user_id: which.id(admin).await? };
                admin.enable_user(request).await?.into_inner().user
            }
            Action::Delete { which, yes } => {
                return delete(admin, which, yes, &server).await?.print(self.output);
            }
        };
        fields(user.unwrap_or_default()).print(self.output)
    }
}

impl List {
    async fn run(self, admin: &mut Admin) -> Result<Vec<Fields>, CliError> {
        let users = pages::collect(self.limit, async |page_size, page_token| {
            let request = v1::ListUsersRequest {
                page_size,
                page_token,
                username_prefix: self.prefix.clone().unwrap_or_default(),
                disabled_only: self.disabled,
            };
            let page = admin.list_users(request).await?.into_inner();
            Ok((page.users, page.next_page_token))
        });
        Ok(users.await?.into_iter().map(fields).collect())
    }
}

impl Update {
    async fn run(self, admin: &mut Admin) -> Result<Option<v1::User>, CliError> {
        let mut paths = Vec::new();
        if self.new_name.is_some() {
            paths.push("username".to_owned());
        }
        for (field, given, path) in [
            (Clear::Attributes, !self.attributes.is_empty(), "attributes"),
            (Clear::Identities, !self.identities.is_empty(), "identities"),
        ] {
            let cleared = self.clear.contains(&field);
            if cleared && given {
                return Err(CliError::Usage("a value is given or cleared, not both"));
            }
            if cleared || given {
                paths.push(path.to_owned());
            }
        }
        if paths.is_empty() {
            return Err(CliError::Usage("nothing to change: see jeton user update --help"));
        }
        let user = v1::User {
            user_id: self.which.id(admin).await?,
            username: self.new_name.unwrap_or_default(),
            attributes: self.attributes.into_iter().collect(),
            identities: self.identities,
            etag: self.etag.unwrap_or_default(),
            ..v1::User::default()
        };
        let update_mask = Some(FieldMask { paths });
        let request = v1::UpdateUserRequest { user: Some(user), update_mask };
        Ok(admin.update_user(request).await?.into_inner().user)
    }
}

async fn delete(
    admin: &mut Admin,
    which: UserArg,
    yes: bool,
    server: &str,
) -> Result<Fields, CliError> {
    let user = which.get(admin).await?;
    if !yes {
        let request = v1::RevokeGrantsRequest {
            subject: user.user_id.clone(),
            dry_run: true,
            ..v1::RevokeGrantsRequest::default()
        };
        let found = admin.revoke_grants(request).await?.into_inner();
        let grants = super::grant::count(&found);
        let name = &user.username;
        input::confirm(&format!("Deletes the user {name} at {server} and ends {grants}. Go on?"))?;
    }
    admin.delete_user(v1::DeleteUserRequest { user_id: user.user_id.clone() }).await?;
    let mut fields = Fields::default();
    fields.add("user_id", user.user_id);
    fields.add("username", user.username);
    fields.add("deleted", true);
    Ok(fields)
}

fn fields(user: v1::User) -> Fields {
    let mut fields = Fields::default();
    fields.add("user_id", user.user_id);
    fields.add("username", user.username);
    fields.add("disabled", user.disabled);
    let identities = user.identities.into_iter().map(user_identity::text);
    fields.add("identities", identities.collect::<Vec<_>>());
    fields.add("has_password", user.has_password);
    fields.add("permissions", words::<v1::Permission>(&user.permissions));
    fields.add("permissions_expire_time", time::moment(user.permissions_expire_time));
    fields.add("attributes", attributes::object(user.attributes));
    fields.add("create_time", time::moment(user.create_time));
    fields.add("update_time", time::moment(user.update_time));
    fields.add("etag", user.etag);
    fields
}
