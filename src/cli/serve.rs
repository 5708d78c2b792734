//! Runs `jeton serve`: the server itself.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;

use super::{
    CliError,
    dev::{self, DevEnvironment},
    output,
    reread::{Reread, apply},
};
use crate::{
    app::{self, Announce, FirstAdmin, Hooks},
    config::{
        self, AuditSettings, Environment, Faults, ListenAddress, Loaded, LogFormat, LogSettings,
        Overrides, ProcessEnvironment, ServingEnvironment, Settings, StoreSettings, TraceSettings,
        Warning, without_secrets,
    },
    domain::secret::Secret,
    telemetry::{self, Log},
};

#[derive(Args, Debug)]
pub(super) struct Serve {
    /// Tries jeton: makes data and keys in ./jeton-dev, a demo client and user, and prints commands
    /// to run
    #[arg(long, conflicts_with = "config")]
    dev: bool,

    /// With --dev, also the clients and users of the documented APIs that the HTTP endpoints stand in for
    #[arg(long, requires = "dev")]
    seeds: bool,

    /// The settings file
    #[arg(long, env = "JETON_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    /// On a store without an administrator: makes the client `admin` and prints its secret, once
    #[arg(long)]
    init_admin: bool,

    /// The same as --store-url
    #[arg(long, value_name = "URL", value_parser = config::unread_url, conflicts_with = "store-url")]
    store: Option<Secret>,

    #[command(flatten)]
    overrides: Overrides,
}

impl Serve {
    pub(super) async fn run(mut self) -> Result<(), CliError> {
        self.overrides = self.overrides.with(&StoreSettings::url(), self.store.take());
        let Begun { settings, warnings, reachable, log } = match self.begin().await {
            Ok(begun) => begun,
            Err(error) if self.wants_json() => return Err(logged(error)),
            Err(error) => return Err(error),
        };
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        if let Some(address) = reachable {
            tracing::warn!("{}", CliError::EverybodyKnows(address));
        }
        let (dev, init_admin) = (self.dev, self.init_admin);
        let (switch, running) = (log.switch.clone(), settings.clone());
        let reread = move || {
            let read = self.settings(&ServingEnvironment).map(|Loaded { settings, .. }| Reread {
                restart: running.needing_restart(&settings),
                log: settings.log,
            });
            apply(&switch, read);
        };
        let hooks = Hooks {
            log: log.metrics.clone(),
            init_admin: init_admin.then(|| Box::new(print_first_admin) as Announce),
            started: Box::new(move |listeners| {
                if dev {
                    // Nobody has to read it.
                    drop(output::write(&format!("{}\n", dev::first_session(&listeners))));
                }
            }),
            reread: Arc::new(reread),
        };
        let served = app::serve(&settings, hooks).await.map_err(CliError::from);
        match served {
            // A line that no reader of the log could parse would be the one that matters most.
            Err(error) if telemetry::is_json(settings.log.format) => {
                tracing::error!("{}", without_secrets(&error.to_string()));
                Err(CliError::Logged)
            }
            served => served,
        }
    }

    /// Reads the settings and starts the log.
    async fn begin(&self) -> Result<Begun, CliError> {
        let Loaded { settings, warnings } = self.settings(&ProcessEnvironment)?;
        let reachable = reachable(&settings).filter(|_| self.dev);
        if let Some(address) = &reachable
            && !settings.serve.allow_plaintext
        {
            return Err(CliError::EverybodyKnows(address.clone()));
        }
        let log = app::start_log(&settings).await?;
        Ok(Begun { settings, warnings, reachable, log })
    }

    /// Returns whether the log is asked for in JSON, as far as that can be read.
    fn wants_json(&self) -> bool {
        let log = |config| Settings::log(config, &self.overrides, &ProcessEnvironment);
        let log = log(self.config.as_deref()).or_else(|_| log(None));
        log.is_ok_and(|log| log.format == LogFormat::Json)
    }

    fn settings(&self, environment: &dyn Environment) -> Result<Loaded, Faults> {
        if self.dev {
            let settings = Path::new(dev::SETTINGS_NAME);
            let environment = DevEnvironment { around: environment, seeds: self.seeds };
            let mut loaded = Settings::load(Some(settings), &self.overrides, &environment)?;
            loaded.settings.first_look = true;
            return Ok(loaded);
        }
        Settings::load(self.config.as_deref(), &self.overrides, environment)
    }
}

/// State of a start once the log runs.
struct Begun {
    settings: Settings,
    warnings: Vec<Warning>,
    reachable: Option<ListenAddress>,
    log: Log,
}

/// Says in lines of JSON why there is no log of the settings' own.
fn logged(error: CliError) -> CliError {
    let settings = LogSettings { format: LogFormat::Json, ..LogSettings::default() };
    let log = telemetry::start(&settings, &AuditSettings::Off, &TraceSettings::default());
    let Ok(_log) = log else { return error };
    for line in without_secrets(&error.to_string()).lines() {
        tracing::error!("{line}");
    }
    CliError::Logged
}

/// Returns an address at which other machines reach the service, if there is one.
fn reachable(settings: &Settings) -> Option<ListenAddress> {
    let listeners = [&settings.grpc.listen, &settings.http.listen];
    listeners.into_iter().find(|address| !address.is_local()).cloned()
}

/// On standard output, where the log does not go.
fn print_first_admin(admin: FirstAdmin) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match admin {
        FirstAdmin::Made { client_id, client_secret } => {
            writeln!(out, "the first administrator; the secret is not shown again:")?;
            writeln!(out, "client_id={client_id}")?;
            writeln!(out, "client_secret={}", client_secret.expose())?;
        }
        FirstAdmin::Present { client_id } => {
            writeln!(out, "there is an administrator already: {client_id}. None was made.")?;
        }
    }
    out.flush()
}
