//! Runs `jeton client`: creates, shows, changes and deletes clients, and rotates their secrets.

mod fields;
mod keys;
mod registration;
mod secret_removal;
mod secrets;

use std::path::PathBuf;

use self::{
    fields::{CLEARABLE, COLUMNS, Values, shown},
    keys::Keys,
    registration::{get, set_disabled, update},
    secret_removal::RemoveSecrets,
    secrets::{Last, NewSecret, RotateSecret},
};
use super::{
    CliError,
    administration::Administration,
    input, meant,
    output::{Fields, Format, print_list},
    pages,
    words::Word as _,
};
use crate::{client::Admin, proto::v1};
use clap::{Args, Subcommand, builder::PossibleValuesParser};

pub(super) type Client = Administration<Action>;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Registers a client and prints its secret, once
    Create(Box<Create>),
    /// Shows a client
    Get {
        /// The client
        #[arg(value_parser = meant::given)]
        id: String,
    },
    /// Lists clients in the order of their ids
    List(List),
    /// Changes what is given; a list or an attribute that is given replaces all there were
    Update(Box<Update>),
    /// Deletes a client and ends every grant of it
    Delete(Certain),
    /// Gives a client another secret and prints it, once; the newest one of before stays good for
    /// a while
    RotateSecret(RotateSecret),
    /// Takes every secret from a client that has a certificate, an identity or a key; grants live on
    RemoveSecrets(RemoveSecrets),
    /// Manages the public keys by which a client signs assertions in the place of a secret
    Key(Keys),
    /// Refuses a client everywhere and ends every grant of it
    Disable(Certain),
    /// Serves a client again; what was ended stays ended
    Enable {
        /// The client
        #[arg(value_parser = meant::given)]
        id: String,
    },
}

#[derive(Args, Debug)]
pub(super) struct Create {
    /// The new client
    #[arg(value_parser = meant::given)]
    id: String,

    /// It has no secret; its id alone names it
    #[arg(long, conflicts_with_all = ["chosen_secret", "secret_ttl", "no_secret"])]
    public: bool,

    /// It has no secret: it authenticates by its certificate, identity or key. Implied by --identity
    /// and --jwks-file
    #[arg(long, conflicts_with_all = ["chosen_secret", "secret_ttl"])]
    no_secret: bool,

    /// File with its public keys, one or two, as a JSON Web Key Set; - reads standard input
    #[arg(long, value_name = "FILE")]
    jwks_file: Option<PathBuf>,

    #[command(flatten)]
    secret: NewSecret,

    /// Creates the client disabled
    #[arg(long)]
    disabled: bool,

    #[command(flatten)]
    values: Values,
}

#[derive(Args, Debug)]
pub(super) struct List {
    /// Only clients whose id has this prefix
    #[arg(long, value_name = "TEXT", value_parser = meant::given)]
    prefix: Option<String>,

    /// Only clients with this permission
    #[arg(long, value_name = "WORD", value_parser = v1::Permission::parser())]
    permission: Option<v1::Permission>,

    /// Only clients that are disabled
    #[arg(long)]
    disabled: bool,

    /// Most clients to list; all by default
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
}

#[derive(Args, Debug)]
pub(super) struct Update {
    /// The client
    #[arg(value_parser = meant::given)]
    id: String,

    /// Refuses the change if the client has another etag by now
    #[arg(long, value_name = "ETAG", value_parser = meant::given)]
    etag: Option<String>,

    /// A value to empty; may be repeated
    #[arg(long, value_name = "VALUE", value_parser = PossibleValuesParser::new(CLEARABLE))]
    clear: Vec<String>,

    #[command(flatten)]
    last: Last,

    #[command(flatten)]
    values: Values,
}

#[derive(Args, Debug)]
pub(super) struct Certain {
    /// The client
    #[arg(value_parser = meant::given)]
    id: String,

    /// Skips the confirmation prompt
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    last: Last,
}

impl Client {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let (mut admin, server) = self.caller.administer().await?;
        let admin = &mut admin;
        let fields = match self.action {
            Action::Create(create) => return create.run(admin, self.output).await,
            Action::Get { id } => shown(get(admin, id).await?),
            Action::List(list) => {
                let clients = list.run(admin).await?;
                return print_list(clients, COLUMNS, self.output);
            }
            Action::Update(change) => change.run(admin).await?,
            Action::Delete(certain) => {
                certain.confirm("Deletes", admin, &server).await?;
                let request = v1::DeleteClientRequest {
                    client_id: certain.id.clone(),
                    allow_no_administrator: certain.last.allow_no_administrator,
                };
                admin.delete_client(request).await?;
                let mut fields = Fields::default();
                fields.add("client_id", certain.id);
                fields.add("deleted", true);
                fields
            }
            Action::RotateSecret(rotate) => return rotate.run(admin, self.output).await,
            Action::RemoveSecrets(remove) => remove.run(admin).await?,
            Action::Key(keys) => return keys.run(admin, self.output).await,
            Action::Disable(certain) => {
                certain.confirm("Disables", admin, &server).await?;
                set_disabled(admin, certain.id, true, certain.last).await?
            }
            Action::Enable { id } => {
                let last = Last { allow_no_administrator: false };
                set_disabled(admin, id, false, last).await?
            }
        };
        fields.print(self.output)
    }
}

impl Create {
    async fn run(self, admin: &mut Admin, output: Format) -> Result<(), CliError> {
        let mut client = v1::Client {
            client_id: self.id,
            disabled: self.disabled,
            client_type: if self.public {
                v1::ClientType::Public.into()
            } else {
                v1::ClientType::Confidential.into()
            },
            ..v1::Client::default()
        };
        self.values.apply(&mut client);
        if let Some(file) = &self.jwks_file {
            let keys = input::public_keys(file)?.into_iter();
            client.keys =
                keys.map(|jwk| v1::ClientKey { jwk, ..v1::ClientKey::default() }).collect();
        }
        let vouched = !client.identities.is_empty() || !client.keys.is_empty();
        let no_secret = self.no_secret || (vouched && !self.secret.is_asked_for());
        let request = v1::CreateClientRequest {
            client: Some(client),
            no_secret,
            secret_ttl: self.secret.secret_ttl,
            ..v1::CreateClientRequest::default()
        };
        let mut create = async |client_secret: String, validate_only| {
            let request =
                v1::CreateClientRequest { client_secret, validate_only, ..request.clone() };
            Ok(admin.create_client(request).await?.into_inner().client)
        };
        if self.public || no_secret {
            let client = create(String::new(), false).await?;
            return shown(client.unwrap_or_default()).print(output);
        }
        self.secret.give(output, create).await
    }
}

impl List {
    async fn run(self, admin: &mut Admin) -> Result<Vec<Fields>, CliError> {
        let permission = self.permission.unwrap_or(v1::Permission::Unspecified);
        let clients = pages::collect(self.limit, async |page_size, page_token| {
            let request = v1::ListClientsRequest {
                page_size,
                page_token,
                client_id_prefix: self.prefix.clone().unwrap_or_default(),
                permission: permission.into(),
                disabled_only: self.disabled,
            };
            let page = admin.list_clients(request).await?.into_inner();
            Ok((page.clients, page.next_page_token))
        });
        Ok(clients.await?.into_iter().map(shown).collect())
    }
}

impl Update {
    async fn run(self, admin: &mut Admin) -> Result<Fields, CliError> {
        // Half of a limit is given: the other half is what the client has, so nobody may change it
        // in between.
        let mut client = if self.values.splits_a_limit() {
            get(admin, self.id).await?
        } else {
            v1::Client { client_id: self.id, ..v1::Client::default() }
        };
        client.etag = self.etag.unwrap_or(client.etag);
        let mut paths: Vec<_> = self.clear.iter().map(String::as_str).collect();
        if paths.contains(&"request_limit") {
            client.request_limit = None;
        }
        for path in self.values.apply(&mut client) {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        if paths.is_empty() {
            return Err(CliError::Usage("nothing to change: see jeton client update --help"));
        }
        update(admin, client, &paths, self.last).await
    }
}

impl Certain {
    async fn confirm(&self, does: &str, admin: &mut Admin, server: &str) -> Result<(), CliError> {
        if self.yes {
            return Ok(());
        }
        let request = v1::RevokeGrantsRequest {
            client_id: self.id.clone(),
            dry_run: true,
            ..v1::RevokeGrantsRequest::default()
        };
        let found = admin.revoke_grants(request).await?.into_inner();
        let id = &self.id;
        let grants = super::grant::count(&found);
        input::confirm(&format!("{does} the client {id} at {server} and ends {grants}. Go on?"))
    }
}
