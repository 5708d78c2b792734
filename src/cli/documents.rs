//! `jeton completions` and `jeton man`: what the command line says of itself.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;

use super::{CliError, output};

#[derive(Args, Debug)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self, mut command: Command) -> Result<(), CliError> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "jeton", &mut script);
        print(&script)
    }
}

#[derive(Args, Debug)]
pub(super) struct Manual {
    /// Writes a page for every command into this directory, in place of one page on standard
    /// output
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Manual {
    pub(super) fn run(&self, command: Command) -> Result<(), CliError> {
        match &self.dir {
            Some(dir) => pages(dir, command),
            None => page(command),
        }
    }
}

fn page(command: Command) -> Result<(), CliError> {
    let mut page = Vec::new();
    let rendered = Man::new(command.disable_help_subcommand(true)).render(&mut page);
    rendered.map_err(|error| CliError::Io("the manual", error))?;
    print(&page)
}

fn pages(dir: &Path, command: Command) -> Result<(), CliError> {
    put_pages(dir, command).map_err(|error| CliError::Io("the manual's directory", error))
}

/// Pages take the place of what bears their names: they are not written through a link that was put there.
fn put_pages(dir: &Path, command: Command) -> io::Result<()> {
    let aside = tempfile::tempdir_in(dir)?;
    clap_mangen::generate_to(command, aside.path())?;
    for page in fs::read_dir(aside.path())? {
        let page = page?;
        fs::rename(page.path(), dir.join(page.file_name()))?;
    }
    aside.close()
}

fn print(text: &[u8]) -> Result<(), CliError> {
    output::write(&String::from_utf8_lossy(text))
}
