//! `jeton completions` and `jeton man`: what the command line says of itself.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::Args;
use clap_complete::Shell;
use clap_mangen::Man;

use super::{CliError, arguments, output};

#[derive(Args, Debug)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> Result<(), CliError> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut arguments::command(), "jeton", &mut script);
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
    pub(super) fn run(&self) -> Result<(), CliError> {
        match &self.dir {
            Some(dir) => pages(dir),
            None => page(),
        }
    }
}

fn page() -> Result<(), CliError> {
    let mut page = Vec::new();
    let rendered = Man::new(arguments::command().disable_help_subcommand(true)).render(&mut page);
    rendered.map_err(|error| CliError::Io("the manual", error))?;
    print(&page)
}

fn pages(dir: &Path) -> Result<(), CliError> {
    put_pages(dir).map_err(|error| CliError::Io("the manual's directory", error))
}

/// Pages take the place of what bears their names: they are not written through a link that was put there.
fn put_pages(dir: &Path) -> io::Result<()> {
    let aside = tempfile::tempdir_in(dir)?;
    clap_mangen::generate_to(arguments::command(), aside.path())?;
    for page in fs::read_dir(aside.path())? {
        let page = page?;
        fs::rename(page.path(), dir.join(page.file_name()))?;
    }
    aside.close()
}

fn print(text: &[u8]) -> Result<(), CliError> {
    output::write(&String::from_utf8_lossy(text))
}
