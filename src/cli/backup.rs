//! `jeton backup`.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tonic::Streaming;

use super::{
    CliError,
    connection::Caller,
    output::{Fields, Format},
    restore::time,
};
use crate::{
    app::{self, BackupError, PassingChecksum},
    proto::v1::{BackupRequest, BackupResponse},
};

#[derive(Args, Debug)]
pub(super) struct Backup {
    /// Where the backup goes: a file, which is replaced once the new one is whole, or - for standard
    /// output
    #[arg(long, value_name = "FILE")]
    to: PathBuf,

    #[command(flatten)]
    caller: Caller,

    /// How the outcome is printed; never beside a backup on standard output
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

impl Backup {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let (mut admin, _) = self.caller.administer().await?;
        let pieces = admin.backup(BackupRequest {}).await?.into_inner();
        if self.to == Path::new("-") {
            return to_standard_output(pieces).await;
        }
        let partial = partial(&self.to);
        let written = self.write(pieces, &partial).await;
        if written.is_err() {
            // What is cut short is of no use. That it could not be made is said below.
            drop(fs::remove_file(&partial));
        }
        written
    }

    async fn write(&self, pieces: Streaming<BackupResponse>, part: &Path) -> Result<(), CliError> {
        let failed = |error| CliError::File(part.display().to_string(), error);
        let options = &mut OpenOptions::new();
        let open = options.write(true).create(true).truncate(true).mode(0o600).open(part);
        let mut file = open.map_err(failed)?;
        receive(pieces, |data| file.write_all(data).map_err(failed)).await?;
        file.sync_all().map_err(failed)?;
        // What is on the disk is read, not what was sent.
        let summary = app::verify_backup(part)?;
        fs::rename(part, &self.to).and_then(|()| sync_directory(&self.to)).map_err(failed)?;
        let mut fields = Fields::default();
        fields.add("file", self.to.display().to_string());
        fields.add("backup_begin_time", time(summary.header.begin_time.as_millis()));
        fields.add("backup_end_time", time(summary.end_time.as_millis()));
        fields.add("clients", summary.counts.clients);
        fields.add("users", summary.counts.users);
        fields.add("grants", summary.counts.grants);
        let keys: Vec<_> = summary.keys.iter().map(ToString::to_string).collect();
        fields.add("keys", keys);
        fields.print(self.output)
    }
}

async fn to_standard_output(pieces: Streaming<BackupResponse>) -> Result<(), CliError> {
    let failed = |error| CliError::Io("standard output", error);
    let mut checksum = PassingChecksum::default();
    let mut output = io::stdout();
    receive(pieces, |data| {
        checksum.update(data);
        output.write_all(data).map_err(failed)
    })
    .await?;
    output.flush().map_err(failed)?;
    if checksum.is_right() { Ok(()) } else { Err(CUT_OFF.into()) }
}

const CUT_OFF: BackupError = BackupError::Damaged("it was cut off");

/// Hands on each piece, and shows on a terminal how far it is.
async fn receive(
    mut pieces: Streaming<BackupResponse>,
    mut take: impl FnMut(&[u8]) -> Result<(), CliError>,
) -> Result<(), CliError> {
    // Drawn on a terminal only.
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} records, {elapsed}") {
        bar.set_style(style);
    }
    while let Some(piece) = pieces.message().await? {
        take(&piece.data)?;
        bar.set_length(piece.total_records);
        bar.set_position(piece.records);
    }
    bar.finish_and_clear();
    Ok(())
}

fn partial(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".partial");
    name.into()
}

/// The rename is durable only when the directory is.
fn sync_directory(file: &Path) -> io::Result<()> {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}
