//! Runs `jeton backup`: takes a backup of a running server, or inspects one.

use std::{
    fs::{self, File, Metadata},
    io::{self, Seek as _, Write as _},
    os::{fd::AsFd as _, unix::fs::FileTypeExt as _},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tempfile::{Builder, NamedTempFile};
use tonic::Streaming;

use super::{
    CliError,
    connection::Caller,
    file_progress::FileProgress,
    output::{Fields, Format},
    restore,
    time::time_of_millis,
};
use crate::{
    app::{self, BackupError, PassingChecksum, Summary},
    proto::v1::{BackupRequest, BackupResponse},
};

#[derive(Args, Debug)]
#[command(subcommand_negates_reqs = true)]
pub(super) struct Backup {
    /// Target of the backup: a file, which is replaced once the new one is whole, a pipe, or - for
    /// standard output
    #[arg(long, value_name = "FILE", required = true)]
    to: Option<PathBuf>,

    #[command(flatten)]
    caller: Caller,

    /// Format of the outcome; never beside a backup that goes to a pipe
    #[arg(long, value_enum, default_value = "table", global = true)]
    output: Format,

    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Reads all of a backup, checks it, and prints its contents and the keys that it needs. No
    /// server is asked
    Inspect {
        /// The backup: a file, a pipe, or - for standard input
        file: PathBuf,
    },
}

/// A backup that is to be made.
struct Making {
    to: PathBuf,
    output: Format,
}

/// Target of a backup.
enum Target {
    /// A pipe or a device: it is written to as it is.
    Stream(File),
    /// A file, in whose place the new one is put.
    File,
}

impl Target {
    /// # Errors
    /// When something is at `path` that a file must not take the place of.
    fn at(path: &Path) -> io::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::Stream(io::stdout().as_fd().try_clone_to_owned()?.into()));
        }
        let refused = |problem| Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        let link = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::File),
            found => found?.is_symlink(),
        };
        // Standard output and what a shell makes of >(…) have names too, which are links.
        let kind = fs::metadata(path)?.file_type();
        if kind.is_fifo() || kind.is_char_device() {
            return Ok(Self::Stream(File::options().write(true).open(path)?));
        }
        if link {
            return refused("is a link: name the file that it points to, or - for standard output");
        }
        if kind.is_file() { Ok(Self::File) } else { refused("is no file and no pipe") }
    }
}

impl Backup {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let to = match (self.to, self.action) {
            (None, Some(Action::Inspect { file })) => return inspect(&file, self.output),
            (Some(to), None) => to,
            _ => return Err(CliError::Usage("either --to or inspect")),
        };
        let making = Making { to, output: self.output };
        let target = Target::at(&making.to).map_err(|error| making.failed(error))?;
        let (mut admin, _) = self.caller.administer().await?;
        let pieces = admin.backup(BackupRequest {}).await?.into_inner();
        match target {
            Target::Stream(output) => making.stream(pieces, output).await,
            Target::File => making.write(pieces).await,
        }
    }
}

/// Prints the contents of a backup, all of which was read and found right.
fn inspect(path: &Path, output: Format) -> Result<(), CliError> {
    let file = restore::open(path)?;
    let bytes = file.metadata().ok().filter(Metadata::is_file).map(|metadata| metadata.len());
    let progress = FileProgress::of(&file);
    let summary = app::verify_backup(&file)?;
    drop(progress);
    let mut fields = Fields::default();
    fields.add("file", path.display().to_string());
    fields.add("file_bytes", bytes);
    held(&mut fields, &summary);
    fields.add("verified", true);
    fields.print(output)
}

/// Adds the facts that a whole backup states about itself.
fn held(fields: &mut Fields, summary: &Summary) {
    fields.add("backup_begin_time", time_of_millis(summary.header.begin_time.as_millis()));
    fields.add("backup_end_time", time_of_millis(summary.end_time.as_millis()));
    fields.add("clients", summary.counts.clients);
    fields.add("users", summary.counts.users);
    fields.add("grants", summary.counts.grants);
    let keys: Vec<_> = summary.keys.iter().map(ToString::to_string).collect();
    fields.add("keys", keys);
}

impl Making {
    /// Writes a file that nobody else can have made, and puts it in place. One that is cut short is
    /// removed as it is dropped.
    async fn write(&self, pieces: Streaming<BackupResponse>) -> Result<(), CliError> {
        let failed = |error| self.failed(error);
        let mut part = partial(&self.to).map_err(failed)?;
        receive(pieces, |data| part.write_all(data).map_err(failed)).await?;
        let file = part.as_file_mut();
        file.sync_all().and_then(|()| file.rewind()).map_err(failed)?;
        // Reads the file back from the disk: a check of the stream would miss faults in writing.
        let progress = FileProgress::of(file);
        let summary = app::verify_backup(file)?;
        drop(progress);
        let Target::File = Target::at(&self.to).map_err(failed)? else {
            return Err(failed(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "is no file any more",
            )));
        };
        part.persist(&self.to).map_err(|error| failed(error.error))?;
        sync_directory(&self.to).map_err(failed)?;
        let mut fields = Fields::default();
        fields.add("file", self.to.display().to_string());
        held(&mut fields, &summary);
        fields.print(self.output)
    }

    async fn stream(
        &self,
        pieces: Streaming<BackupResponse>,
        mut output: File,
    ) -> Result<(), CliError> {
        let mut checksum = PassingChecksum::default();
        receive(pieces, |data| {
            checksum.update(data);
            output.write_all(data).map_err(|error| self.failed(error))
        })
        .await?;
        if checksum.is_right() { Ok(()) } else { Err(CUT_OFF.into()) }
    }

    fn failed(&self, error: io::Error) -> CliError {
        if self.to == Path::new("-") {
            return CliError::Io("standard output", error);
        }
        CliError::File(self.to.display().to_string(), error)
    }
}

const CUT_OFF: BackupError = BackupError::Damaged("it was cut off");

/// Hands on each piece, and shows on a terminal how far it is.
async fn receive(
    mut pieces: Streaming<BackupResponse>,
    mut take: impl FnMut(&[u8]) -> Result<(), CliError>,
) -> Result<(), CliError> {
    // Drawn on a terminal only.
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = |template| ProgressStyle::with_template(template).ok();
    if let Some(style) = style("{spinner} {pos} records, {elapsed}; how many are left is not known")
    {
        bar.set_style(style);
    }
    while let Some(piece) = pieces.message().await? {
        take(&piece.data)?;
        // The server counts the records that it found at its start: the total comes, and grows.
        let known = (piece.total_records > 0).then_some(piece.total_records.max(piece.records));
        if let Some(total) = known {
            if bar.length().is_none()
                && let Some(style) = style("{wide_bar} {pos}/{len} records, {elapsed}, {eta} left")
            {
                bar.set_style(style);
            }
            bar.set_length(total);
        }
        bar.set_position(piece.records);
    }
    bar.finish_and_clear();
    Ok(())
}

/// A file beside `path`, for its owner alone, with a name that nobody could foresee.
fn partial(path: &Path) -> io::Result<NamedTempFile> {
    let mut prefix = path.file_name().unwrap_or_default().to_owned();
    prefix.push(".");
    let mut options = Builder::new();
    options.prefix(&prefix).suffix(".partial").tempfile_in(directory_of(path))
}

fn directory_of(file: &Path) -> &Path {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// The rename is durable only when the directory is.
fn sync_directory(file: &Path) -> io::Result<()> {
    File::open(directory_of(file))?.sync_all()
}
