//! Runs `jeton restore`: makes a data directory of a backup.

use std::{
    fs::File,
    io,
    os::fd::AsFd as _,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;

use super::{
    CliError,
    file_progress::FileProgress,
    output::{self, Fields, Format},
    store,
    time::time_of_millis,
};
use crate::app::{self, Grants, Restoration};

#[derive(Args, Debug)]
pub(super) struct Restore {
    /// The backup: a file, a pipe, or - for standard input
    #[arg(long, value_name = "FILE")]
    from: PathBuf,

    /// The data directory to make: empty or absent
    #[arg(long, value_name = "DIR")]
    store: PathBuf,

    /// Leaves the grants alive. Without it all of them end, since tokens that were revoked after
    /// the backup would be good again
    #[arg(long)]
    keep_grants: bool,

    /// Format of the outcome
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

impl Restore {
    pub(super) async fn run(self) -> Result<(), CliError> {
        if store::is_database(&self.store) {
            return Err(CliError::Usage(
                "restore into a data directory, and bring that into the database with jeton migrate",
            ));
        }
        let grants = if self.keep_grants { Grants::Keep } else { Grants::End };
        let from = open(&self.from)?;
        let progress = FileProgress::of(&from);
        let restored = app::restore(from, &self.store, grants).await?;
        drop(progress);
        fields(&restored).print(self.output)?;
        output::note(&advice(&restored, grants));
        Ok(())
    }
}

/// A backup that is to be read: a file, or a pipe at whose other end its writer is.
pub(super) fn open(from: &Path) -> Result<File, CliError> {
    if from == Path::new("-") {
        let standard = io::stdin().as_fd().try_clone_to_owned();
        return standard.map(File::from).map_err(|error| CliError::Io("standard input", error));
    }
    File::open(from).map_err(|error| CliError::File(from.display().to_string(), error))
}

fn fields(restoration: &Restoration) -> Fields {
    let Restoration { summary, restored, age } = restoration;
    let mut fields = Fields::default();
    fields.add("backup_begin_time", time_of_millis(summary.header.begin_time.as_millis()));
    fields.add("backup_end_time", time_of_millis(summary.end_time.as_millis()));
    fields.add("age", humantime::format_duration(Duration::from_secs(age.as_secs())).to_string());
    fields.add("clients", restored.clients);
    fields.add("users", restored.users);
    fields.add("grants", restored.grants);
    let keys: Vec<_> = summary.keys.iter().map(ToString::to_string).collect();
    fields.add("keys", keys);
    fields
}

/// Returns the next steps.
fn advice(restoration: &Restoration, grants: Grants) -> String {
    match grants {
        Grants::End => {
            "All grants have ended: users log in again. Any key ring will do.".to_owned()
        }
        Grants::Keep => {
            let keys = &restoration.summary.keys;
            let keys = keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            format!(
                "Grants live on, those too that were revoked since the backup. \
                 The key ring must hold {keys}: copy it from where the backup was made."
            )
        }
    }
}
