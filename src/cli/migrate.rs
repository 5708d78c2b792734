//! Runs `jeton migrate`: moves a store from one engine to another.

use std::path::PathBuf;

use clap::Args;

use super::{
    CliError,
    output::{self, Fields, Format},
};
use crate::{
    app,
    config::{Overrides, ProcessEnvironment, Settings, StoreSettings},
};

/// Moves a store to a database, with everything that lives in it. Stop the server first: nothing may
/// have the data directory open, nor the database.
#[derive(Args, Debug)]
pub(super) struct Migrate {
    /// The store to move
    #[arg(long, value_name = "sled:DIR", value_parser = directory)]
    from: Directory,

    /// The database, which holds no store yet. Without it that of `JETON_STORE_URL`: every process
    /// of the machine can see arguments
    #[arg(long, value_name = "URL", value_parser = crate::config::unread_url)]
    to: Option<crate::domain::secret::Secret>,

    /// Format of the outcome
    #[arg(long, value_enum, default_value = "table")]
    output: Format,

    #[command(flatten)]
    overrides: Overrides,
}

/// The data directory of a store.
#[derive(Clone, Debug)]
struct Directory(PathBuf);

fn directory(text: &str) -> Result<Directory, &'static str> {
    let directory = text.strip_prefix("sled:").filter(|directory| !directory.is_empty());
    directory.map(|path| Directory(path.into())).ok_or("must be sled: and a data directory")
}

impl Migrate {
    pub(super) async fn run(mut self) -> Result<(), CliError> {
        self.overrides = self.overrides.with(&StoreSettings::url(), self.to.take());
        let settings = Settings::load(None, &self.overrides, &ProcessEnvironment)?.settings;
        let Some(to) = app::database(&settings.store) else {
            return Err(CliError::Usage(
                "name the database: --to postgres://…, or JETON_STORE_URL",
            ));
        };
        let moved = app::migrate(&self.from.0, &to, |copied| {
            output::note(&format!(
                "copied so far: {} clients, {} users, {} grants",
                copied.clients, copied.users, copied.grants
            ));
        });
        let moved = moved.await?;
        let mut fields = Fields::default();
        fields.add("clients", moved.copied.clients);
        fields.add("users", moved.copied.users);
        fields.add("grants", moved.copied.grants);
        let keys: Vec<_> = moved.keys.iter().map(ToString::to_string).collect();
        let needed = keys.join(" ");
        fields.add("keys", keys);
        fields.print(self.output)?;
        output::note(&format!(
            "Grants live on. Every instance's key ring must hold {needed}. Do not serve from the \
             directory again: it knows nothing of what is revoked from now on."
        ));
        Ok(())
    }
}
