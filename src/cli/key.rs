//! `jeton key`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{
    CliError,
    connection::Caller,
    output::{Fields, Format},
    store,
};
use crate::{
    app::{self, KeyFiles, KeyId, SystemEntropy},
    proto::v1::GetStatusRequest,
};

/// How often a server is asked about a key at once: each asking has it look at some more grants.
const ASKED: usize = 100;

/// The keys that derive and tag tokens: distribute first, activate second, remove last.
#[derive(Args, Debug)]
pub(super) struct Key {
    /// The directory of the key ring
    #[arg(
        long,
        env = "JETON_KEYS_PATH",
        value_name = "DIR",
        default_value = "jeton-keys",
        global = true
    )]
    keys: PathBuf,

    /// How the outcome is printed
    #[arg(long, value_enum, default_value = "table", global = true)]
    output: Format,

    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Makes a new key, which nothing uses yet: copy its file to wherever the ring lies
    Add,
    /// Has new tokens made with a key; a running server notices within a second or two
    Activate {
        /// The key's id
        #[arg(value_name = "ID", value_parser = id)]
        id: KeyId,
    },
    /// Lists the keys
    List,
    /// Removes a key that nothing live names any more
    Remove(Remove),
}

/// Either the store, while no server runs, or the running server tells whether the key is needed.
#[derive(Args, Debug)]
struct Remove {
    /// The key's id
    #[arg(value_name = "ID", value_parser = id)]
    id: KeyId,

    /// The data directory to look at, while no server runs. Without it a running server is asked
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,

    #[command(flatten)]
    caller: Caller,
}

fn id(text: &str) -> Result<KeyId, &'static str> {
    KeyId::parse(text).ok_or("must be eight hexadecimal digits")
}

impl Key {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let files = KeyFiles::new(&self.keys);
        let mut fields = Fields::default();
        match self.action {
            Action::Add => {
                let id = files.add(&SystemEntropy)?;
                fields.add("key_id", id.to_string());
                fields.add("active", files.load()?.is_some_and(|ring| ring.active().id() == id));
            }
            Action::Activate { id } => {
                files.activate(id)?;
                fields.add("key_id", id.to_string());
                fields.add("active", true);
            }
            Action::List => {
                if let Some(ring) = files.load()? {
                    fields.add("active", ring.active().id().to_string());
                    let others: Vec<_> = ring.ids().skip(1).map(|id| id.to_string()).collect();
                    fields.add("others", others);
                }
            }
            Action::Remove(remove) => {
                let id = remove.id;
                remove.run(&files).await?;
                fields.add("key_id", id.to_string());
                fields.add("removed", true);
            }
        }
        fields.print(self.output)
    }
}

impl Remove {
    async fn run(self, files: &KeyFiles) -> Result<(), CliError> {
        if let Some(store) = &self.store {
            if store::is_database(store) {
                return Err(CliError::Usage(
                    "leave --store out: of a store in PostgreSQL a running instance tells whether the \
                     key is needed",
                ));
            }
            return Ok(app::remove_key(files, store, self.id).await?);
        }
        let (mut admin, _) = self.caller.administer().await?;
        let name = self.id.to_string();
        for _ in 0..ASKED {
            let keys = admin.get_status(GetStatusRequest {}).await?.into_inner().keys;
            match keys.into_iter().find(|key| key.key_id == name) {
                None => return Err(CliError::NoSuchKey),
                Some(key) if key.active => break,
                Some(key) if key.in_use => {}
                // The server looks once more itself before it forgets the key.
                Some(_) => return Ok(files.remove(self.id)?),
            }
        }
        Err(CliError::KeyInUse)
    }
}
