//! Colours of lines on a terminal. Words carry the meaning: a pipe, a dumb terminal and `NO_COLOR` get them alone.

use std::io::{self, IsTerminal as _};

use crate::config::{Environment as _, ProcessEnvironment};

/// Colour of a text, of those that people who confuse red and green distinguish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    /// As the terminal's text.
    Plain,
    /// Something changed.
    Blue,
    /// Something ended.
    Yellow,
    /// Everything of somebody's ended, and nothing new is let in.
    Magenta,
}

impl Colour {
    /// Returns whether standard output shows colours.
    pub(super) fn is_shown() -> bool {
        let variable = |name| ProcessEnvironment.variable(name);
        let dumb = variable("TERM").is_none_or(|name| name == "dumb");
        io::stdout().is_terminal() && !dumb && variable("NO_COLOR").is_none()
    }

    /// Returns the text in this colour.
    pub(super) fn over(self, text: &str) -> String {
        let code = match self {
            Self::Plain => return text.to_owned(),
            Self::Blue => "34",
            Self::Yellow => "33",
            Self::Magenta => "1;35",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_ends_with_its_text() {
        assert_eq!(Colour::Yellow.over("a"), "\u{1b}[33ma\u{1b}[0m");
        assert_eq!(Colour::Plain.over("a"), "a");
    }
}
