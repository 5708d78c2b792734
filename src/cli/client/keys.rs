//! `jeton client key`: the public keys by which a client signs assertions of its own.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{
    fields::public_key,
    registration::{get, update},
    secrets::Last,
};
use crate::{
    cli::{
        CliError, input, meant,
        output::{Columns, Fields, Format, print_list},
        time,
    },
    client::Admin,
    proto::v1,
};

/// For how long the key before stays good unless it is given.
const DAY: prost_types::Duration = prost_types::Duration { seconds: 24 * 60 * 60, nanos: 0 };

/// Of a list, for people.
const COLUMNS: Columns = Columns::new(
    &["thumbprint", "kty", "kid", "alg", "expire_time"],
    &["thumbprint", "kty", "kid", "alg", "expire_time"],
);

#[derive(Args, Debug)]
pub(in crate::cli) struct Keys {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Gives a client another public key; the newest one of before stays good for a while
    Add(Add),
    /// Lists the keys of a client, the oldest first
    List {
        /// The client
        #[arg(value_parser = meant::given)]
        id: String,
    },
    /// Takes a key from a client: what it has signed counts no more
    Remove(Remove),
}

#[derive(Args, Debug)]
struct Add {
    /// The client
    #[arg(value_parser = meant::given)]
    id: String,

    /// File with the public key, as a JSON Web Key or a set of one; - reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Life of the key; for ever unless given
    #[arg(long, value_name = "DURATION", value_parser = time::parse)]
    ttl: Option<prost_types::Duration>,

    /// Time for which the previous newest key stays good, 0s to end it at once; 24h unless given
    #[arg(long, value_name = "DURATION", value_parser = time::parse)]
    previous_ttl: Option<prost_types::Duration>,

    #[command(flatten)]
    last: Last,
}

#[derive(Args, Debug)]
struct Remove {
    /// The client
    #[arg(value_parser = meant::given)]
    id: String,

    /// Thumbprint of the key, as listed
    #[arg(value_parser = meant::given)]
    thumbprint: String,

    #[command(flatten)]
    last: Last,
}

impl Keys {
    pub(super) async fn run(self, admin: &mut Admin, output: Format) -> Result<(), CliError> {
        match self.action {
            Action::List { id } => {
                let keys = get(admin, id).await?.keys;
                print_list(keys.into_iter().map(public_key).collect(), COLUMNS, output)
            }
            Action::Add(add) => add.run(admin).await?.print(output),
            Action::Remove(remove) => remove.run(admin).await?.print(output),
        }
    }
}

impl Add {
    async fn run(self, admin: &mut Admin) -> Result<Fields, CliError> {
        let mut added = input::public_keys(&self.file)?;
        let (Some(jwk), true) = (added.pop(), added.is_empty()) else {
            return Err(CliError::Usage("the file must hold one key"));
        };
        let mut client = get(admin, self.id).await?;
        let newest = client.keys.pop();
        client.keys.clear();
        let none = prost_types::Duration::default();
        let previous_ttl = self.previous_ttl.unwrap_or(DAY);
        if let Some(newest) = newest.filter(|_| previous_ttl != none) {
            client.keys.push(v1::ClientKey { ttl: Some(previous_ttl), ..newest });
        }
        client.keys.push(v1::ClientKey { jwk, ttl: self.ttl, ..v1::ClientKey::default() });
        update(admin, client, &["keys"], self.last).await
    }
}

impl Remove {
    async fn run(self, admin: &mut Admin) -> Result<Fields, CliError> {
        let mut client = get(admin, self.id).await?;
        let before = client.keys.len();
        client.keys.retain(|key| key.thumbprint != self.thumbprint);
        if client.keys.len() == before {
            return Err(CliError::Usage("the client has no such key: see jeton client key list"));
        }
        update(admin, client, &["keys"], self.last).await
    }
}
