//! Runs `jeton check`: examines settings, this machine and a store before a start.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{
    CliError,
    agent::Agent,
    output::{self, Columns, Fields, Format},
    presentation::Presentation,
    store,
};
use crate::{
    app::{self, Finding, Level},
    config::{Environment as _, Overrides, ProcessEnvironment, Settings, Undeclared},
};

/// Checks what the flags name: the settings, the store, or both.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Check {
    /// The settings file to check; without --store and this, the one that `JETON_CONFIG` names
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Checks also this machine for a server with these settings: files, keys, clock, space, ports,
    /// credentials. Can run beside the server
    #[arg(long, conflicts_with = "store")]
    deep: bool,

    /// The data directory to check; no server may have it open
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,

    /// The key ring that must hold the keys which the store's grants name
    #[arg(long, value_name = "DIR", requires = "store")]
    keys: Option<PathBuf>,

    /// Repairs faults if possible: writes index entries, sets records aside that do not decode
    #[arg(long, requires = "store")]
    repair: bool,

    /// Format of the counts of a store, or of the findings of --deep
    #[arg(long, value_enum, default_value = "table")]
    output: Format,

    #[command(flatten)]
    overrides: Overrides,

    #[command(subcommand)]
    of: Option<Of>,
}

/// Checks that are not of a server.
#[derive(Debug, Subcommand)]
enum Of {
    /// The settings of an agent: its flags and variables, and the files that they name
    Agent(Box<Agent>),
}

impl Check {
    pub(super) async fn run(self) -> Result<(), CliError> {
        if let Some(Of::Agent(agent)) = self.of {
            agent.examine().await?;
            return output::write("agent: good\n");
        }
        // The variable is for servers: it must not turn a check of the store into one of both.
        let from_variable = || match self.store {
            None => ProcessEnvironment.variable("JETON_CONFIG").map(PathBuf::from),
            Some(_) => None,
        };
        let config = self.config.clone().or_else(from_variable);
        if config.is_none() && self.store.is_none() {
            return Err(CliError::Usage("name what to check: --config FILE, --store DIR, or both"));
        }
        if let Some(config) = &config {
            self.check_settings(config).await?;
        }
        if let Some(store) = &self.store {
            if store::is_database(store) {
                return Err(CliError::Usage(
                    "a store in PostgreSQL is checked with PostgreSQL's own tools, such as pg_amcheck; \
                     jeton check --deep looks at it from outside",
                ));
            }
            self.check_store(store)?;
        }
        Ok(())
    }

    async fn check_settings(&self, config: &Path) -> Result<(), CliError> {
        let loaded = Settings::load(Some(config), &self.overrides, &ProcessEnvironment)?;
        if self.deep {
            return self.print_findings(&app::examine(&loaded, config).await);
        }
        for warning in &loaded.warnings {
            output::note(&format!("warning: {warning}"));
        }
        let settings = loaded.settings;
        if settings.serve.undeclared == Undeclared::Disable {
            for name in app::left_out(&settings) {
                output::note(&format!(
                    "warning: the {name} was declared at the last start and is no more: the next one \
                     disables it and ends its grants (serve.undeclared)"
                ));
            }
        }
        for problem in app::unusable_keys(&settings).await {
            output::note(&format!("warning: {problem}"));
        }
        let (clients, users) = (settings.clients.len(), settings.users.len());
        let config = config.display();
        output::write(&format!("{config}: good ({clients} clients, {users} users)\n"))
    }

    /// Prints one finding a line, or one list of objects.
    fn print_findings(&self, findings: &[Finding]) -> Result<(), CliError> {
        match self.output {
            Format::Table if Presentation::current().field.is_none() => {
                let lines = findings.iter().map(|finding| format!("{finding}\n"));
                output::write(&lines.collect::<String>())?;
            }
            Format::Table | Format::Json | Format::Yaml => {
                let columns = Columns::new(&[], &[]);
                output::print_list(findings.iter().map(fields).collect(), columns, self.output)?;
            }
        }
        let errors = findings.iter().filter(|finding| finding.level == Level::Error).count();
        if errors == 0 { Ok(()) } else { Err(CliError::Unfit(errors)) }
    }

    fn check_store(&self, store: &Path) -> Result<(), CliError> {
        let report = app::check_store(store, self.keys.as_deref(), self.repair)?;
        for finding in &report.findings {
            output::note(&format!("{finding}"));
        }
        let untold = report.faults - report.findings.len() as u64;
        if untold > 0 {
            output::note(&format!("and {untold} more"));
        }
        for joined in &report.joined {
            output::note(&format!("{joined}: rename one of them"));
        }
        let untold = report.names_joined - report.joined.len() as u64;
        if untold > 0 {
            output::note(&format!("and {untold} more such pairs"));
        }
        let mut fields = Fields::default();
        fields.add("clients", report.clients);
        fields.add("users", report.users);
        fields.add("grants", report.grants);
        fields.add("index_entries", report.entries);
        fields.add("leftovers", report.leftovers);
        fields.add("changes", report.changes);
        fields.add("names_joined", report.names_joined);
        fields.add("faults", report.faults);
        fields.add("repaired", report.repaired);
        fields.print(self.output)?;
        if report.is_good() { Ok(()) } else { Err(CliError::Faulty) }
    }
}

fn fields(finding: &Finding) -> Fields {
    let mut fields = Fields::default();
    fields.add("level", finding.level.text());
    fields.add("subject", finding.subject);
    fields.add("found", finding.found.as_str());
    fields.add("remedy", finding.remedy.as_deref());
    fields
}
