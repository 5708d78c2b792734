//! Colours of the screen. Each judgement has a mark as well, so that none needs them.

use clap::ValueEnum;
use ratatui::{
    style::{Color, Modifier, Style},
    text::Span,
};

use crate::{
    config::{Environment as _, ProcessEnvironment},
    figures::Level,
};

/// A set of colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Palette {
    /// Green, yellow and red of the terminal
    Default,
    /// Blue, orange and magenta, which people who confuse red and green distinguish
    ColourBlind,
    /// No colours
    None,
}

impl Palette {
    /// This one, or none with `NO_COLOR` in the environment.
    pub(super) fn or_none(self) -> Self {
        if ProcessEnvironment.variable("NO_COLOR").is_some() { Self::None } else { self }
    }

    /// The next one.
    pub(super) const fn next(self) -> Self {
        match self {
            Self::Default => Self::ColourBlind,
            Self::ColourBlind => Self::None,
            Self::None => Self::Default,
        }
    }

    /// Name in the header.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::ColourBlind => "colour-blind",
            Self::None => "none",
        }
    }

    /// Style of a judged value.
    pub(super) fn level(self, level: Level) -> Style {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        match (self, level) {
            (_, Level::Calm) => Style::new(),
            (Self::Default, Level::Notice) => Style::new().fg(Color::Yellow),
            (Self::Default, Level::Bad) => bold.fg(Color::Red),
            // Of 256 colours, which terminals over SSH have.
            (Self::ColourBlind, Level::Notice) => Style::new().fg(Color::Indexed(214)),
            (Self::ColourBlind, Level::Bad) => bold.fg(Color::Indexed(200)),
            (Self::None, Level::Notice) => bold,
            (Self::None, Level::Bad) => bold.add_modifier(Modifier::REVERSED),
        }
    }

    /// Returns text with the mark of its judgement, in its style.
    pub(super) fn judged(self, text: &str, level: Level) -> Span<'static> {
        let text = format!("{text} {}", level.mark());
        Span::styled(text.trim_end().to_owned(), self.level(level))
    }

    /// Style of a server that is ready.
    pub(super) fn good(self) -> Style {
        match self {
            Self::Default => Style::new().fg(Color::Green),
            Self::ColourBlind => Style::new().fg(Color::Indexed(39)),
            Self::None => Style::new(),
        }
    }

    /// Style of sparklines.
    pub(super) fn line(self) -> Style {
        match self {
            Self::Default => Style::new().fg(Color::Cyan),
            Self::ColourBlind => Style::new().fg(Color::Indexed(39)),
            Self::None => Style::new(),
        }
    }

    /// Style of headings.
    pub(super) fn heading() -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Style of headers and footers.
    pub(super) fn bar() -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}
