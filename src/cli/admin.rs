//! Runs `jeton admin`: makes an administrator on the machine of the store.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{
    CliError,
    output::{self, Begun, Fields, Format},
};
use crate::{
    app::{self, AdminReset, ClientId},
    config::{
        self, AuditSettings, LogSettings, Overrides, ProcessEnvironment, Settings, StoreSettings,
        TraceSettings,
    },
    domain::secret::Secret,
    telemetry,
};

/// Commands of administrators on the machine of the store, without credentials at the server.
#[derive(Args, Debug)]
pub(super) struct Admin {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Gives an administrator a new secret, or makes the first one: beside the running server, or while
    /// none runs
    Reset(Box<Reset>),
}

/// The client is enabled, gets the permission admin and has no other secret afterwards; its grants end.
/// Every user that can write the data directory, or can open the database, can do this.
#[derive(Args, Debug)]
struct Reset {
    /// The client; it is made where there is none
    #[arg(value_name = "CLIENT_ID", default_value = "admin", value_parser = client_id)]
    client_id: ClientId,

    /// The server's settings file, for its sections store and audit
    #[arg(long, env = "JETON_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    /// The data directory; unless given, what the settings say, or else jeton-data
    #[arg(long, env = "JETON_STORE_PATH", value_name = "DIR")]
    store: Option<PathBuf>,

    /// The database, in place of a data directory
    #[arg(long, env = "JETON_STORE_URL", value_name = "URL", hide_env_values = true, value_parser = config::unread_url)]
    store_url: Option<Secret>,

    /// The CAs of the database's certificate
    #[arg(long, env = "JETON_STORE_TLS_CA", value_name = "FILE")]
    store_tls_ca: Option<PathBuf>,

    /// Format of the answer
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "table")]
    output: Format,
}

fn client_id(text: &str) -> Result<ClientId, &'static str> {
    ClientId::parse_new(text).map_err(|invalid| invalid.0)
}

impl Admin {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let Action::Reset(reset) = self.action;
        reset.run().await
    }
}

impl Reset {
    async fn run(self) -> Result<(), CliError> {
        if !Begun::is_asked_for("client_secret") {
            return Err(CliError::Usage(
                "the secret is shown this once: --field client_secret, or without --field",
            ));
        }
        let overrides = Overrides::default()
            .with(&StoreSettings::path(), self.store)
            .with(&StoreSettings::url(), self.store_url)
            .with(&StoreSettings::tls_ca(), self.store_tls_ca);
        let (store, audit) =
            Settings::store(self.config.as_deref(), &overrides, &ProcessEnvironment)?;
        let begun = AdminReset::begin(&store).await?;
        // A server that is asked writes it into its own audit.
        let audit = match (&begun, audit) {
            (AdminReset::Served(_), _) => AuditSettings::Off,
            (AdminReset::Open(_), AuditSettings::Stdout) => AuditSettings::Log,
            (AdminReset::Open(_), audit) => audit,
        };
        let log = LogSettings { filter: "error".into(), ..LogSettings::default() };
        let _log = telemetry::start(&log, &audit, &TraceSettings::default())?;
        let secret = app::new_client_secret();
        // Before it counts: one that counts and was never seen would lock everybody out.
        output::note("This is the only time that the client secret is shown.");
        let shown = match Begun::with("client_secret", secret.expose(), self.output) {
            Ok(shown) => shown,
            Err(error) => {
                output::note("The secret cannot be printed, so nothing was changed.");
                begun.leave().await?;
                return Err(error);
            }
        };
        if let Err(error) = begun.finish(&self.client_id, &secret).await {
            output::note("The secret that was printed may not count.");
            return Err(error.into());
        }
        let mut others = Fields::default();
        others.add("client_id", self.client_id.as_str());
        others.add("reset", true);
        shown.end(others)
    }
}
