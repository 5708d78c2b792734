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
    domain::secret::Secret,
};

/// Moves a store to a database or back, with everything that lives in it. Stop the servers first:
/// nothing may have the data directory open, nor the database.
#[derive(Args, Debug)]
pub(super) struct Migrate {
    /// The store to move: a data directory, `sled:DIR`, or a database, `postgres` for that of
    /// `JETON_STORE_URL`: every process of the machine can see arguments
    #[arg(long, value_name = "PLACE", value_parser = place)]
    from: Place,

    /// Its new place, which holds no store yet. Without it the database of `JETON_STORE_URL`
    #[arg(long, value_name = "PLACE", value_parser = place, default_value = "postgres")]
    to: Place,

    /// Format of the outcome
    #[arg(long, value_enum, default_value = "table")]
    output: Format,

    #[command(flatten)]
    overrides: Overrides,
}

/// The place of a store.
#[derive(Clone, Debug)]
enum Place {
    Directory(PathBuf),
    /// A database. `None` stands for that of the settings.
    Database(Option<Secret>),
}

/// Reads a place. A text that is no directory is taken for a URL, which is read later: it is secret.
fn place(text: &str) -> Result<Place, &'static str> {
    match text.strip_prefix("sled:") {
        Some("") => Err("must be sled: and a data directory, or a database's URL"),
        Some(path) => Ok(Place::Directory(path.into())),
        None if text == "postgres" => Ok(Place::Database(None)),
        None => Ok(Place::Database(Some(Secret::new(text)))),
    }
}

impl Migrate {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let overrides = self.overrides;
        // The database at this URL, or at that of the settings.
        let database = |url: Option<Secret>| {
            let overrides = overrides.with(&StoreSettings::url(), url);
            let settings = Settings::load(None, &overrides, &ProcessEnvironment)?.settings;
            let refused = "name the database: its URL as the place, or JETON_STORE_URL";
            app::database(&settings.store).ok_or(CliError::Usage(refused))
        };
        let moved = match [self.from, self.to] {
            [Place::Directory(from), Place::Database(to)] => {
                let to = database(to)?;
                app::migrate(&from, &to, tell).await?
            }
            [Place::Database(from), Place::Directory(to)] => {
                let from = database(from)?;
                app::migrate_back(&from, &to, tell).await?
            }
            _ => {
                return Err(CliError::Usage(
                    "one place is a data directory, sled:DIR, and the other one is a database",
                ));
            }
        };
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
             old place again: it knows nothing of what is revoked from now on."
        ));
        Ok(())
    }
}

/// Says how far it is.
fn tell(copied: app::Copied) {
    output::note(&format!(
        "copied so far: {} clients, {} users, {} grants",
        copied.clients, copied.users, copied.grants
    ));
}
