//! Parts of an answer that are shown, and their width: `--field`, `--wide` and `--verbose` of every
//! command that prints one.

use std::sync::OnceLock;

use clap::{Arg, ArgAction, ArgMatches, Command};
use rustix::termios::tcgetwinsize;

/// Width of a table without a terminal, in columns.
const WIDTH: u16 = 80;

const FIELD: &str = "field";
const WIDE: &str = "wide";
const VERBOSE: &str = "verbose";

/// Presentation of this process's answers.
static CURRENT: OnceLock<Presentation> = OnceLock::new();

/// Presentation of an answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Presentation {
    /// The one field that is asked for.
    pub(super) field: Option<String>,
    /// All columns, and no line is broken.
    pub(super) wide: bool,
    /// All details of a refusal by the server.
    pub(super) verbose: bool,
}

impl Presentation {
    /// Reads the arguments; by default all of an answer, as wide as a terminal.
    pub(super) fn current() -> &'static Self {
        CURRENT.get_or_init(Self::default)
    }

    /// Columns of text that a line may take; `None` for any number.
    pub(super) fn width(&self) -> Option<u16> {
        let terminal = tcgetwinsize(std::io::stdout()).ok().map(|size| size.ws_col);
        (!self.wide).then(|| terminal.filter(|width| *width >= WIDTH).unwrap_or(WIDTH))
    }
}

/// Gives the flags to every command that has `--output`.
pub(super) fn flags(command: Command) -> Command {
    let prints = command.get_arguments().any(|argument| argument.get_id() == "output");
    let command = command.mut_subcommands(flags);
    if !prints {
        return command;
    }
    let field = Arg::new(FIELD).long(FIELD).value_name("NAME").global(true).help(
        "Prints this field of the answer alone, a line for each value, in place of --output; one \
         within another is written store.engine, and several, with tabs between them, a,b",
    );
    let wide = Arg::new(WIDE).long(WIDE).action(ArgAction::SetTrue).global(true);
    let wide = wide.help("Shows all columns of a table, and breaks no line");
    let verbose = Arg::new(VERBOSE).long(VERBOSE).action(ArgAction::SetTrue).global(true).help(
        "Tells all that the server says of what it refuses, and asks it for the cause where a token is \
         inactive",
    );
    command.arg(field).arg(wide).arg(verbose)
}

/// Keeps the flags of the command, for [`Presentation::current`].
pub(super) fn keep(matches: &ArgMatches) {
    let mut leaf = matches;
    while let Some((_, below)) = leaf.subcommand() {
        leaf = below;
    }
    // A command that prints no answer has neither flag.
    let field = leaf.try_get_one::<String>(FIELD).ok().flatten().cloned();
    let is_set = |flag| leaf.try_get_one::<bool>(flag).ok().flatten().copied().unwrap_or_default();
    let (wide, verbose) = (is_set(WIDE), is_set(VERBOSE));
    let _first = CURRENT.set(Presentation { field, wide, verbose });
}
