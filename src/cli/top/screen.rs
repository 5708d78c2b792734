//! The screen of `jeton top` as a person has set it: the selected server, the view, order and filter.

use std::time::Duration;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{
    address::Address,
    palette::Palette,
    poll::Polled,
    server::{Moment, Server},
};
use crate::figures::Call;

/// Longest filter.
const FILTER_CHARS: usize = 40;

/// Part of the figures that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// A little of everything.
    Overview,
    /// All calls.
    Calls,
    /// All figures.
    Figures,
    /// Refusals by cause.
    Refusals,
}

impl View {
    pub(super) const ALL: [Self; 4] = [Self::Overview, Self::Calls, Self::Figures, Self::Refusals];

    /// Name in the header.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Calls => "calls",
            Self::Figures => "figures",
            Self::Refusals => "refusals",
        }
    }

    fn next(self) -> Self {
        let place = Self::ALL.iter().position(|view| *view == self).unwrap_or_default();
        Self::ALL[(place + 1) % Self::ALL.len()]
    }
}

/// Order of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The most frequent first.
    Rate,
    /// The slowest first.
    Slowness,
    /// The most errors first.
    Errors,
    /// By name.
    Name,
}

impl Order {
    /// Name in the header.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Slowness => "p99",
            Self::Errors => "errors",
            Self::Name => "name",
        }
    }

    const fn next(self) -> Self {
        match self {
            Self::Rate => Self::Slowness,
            Self::Slowness => Self::Errors,
            Self::Errors => Self::Name,
            Self::Name => Self::Rate,
        }
    }
}

/// Receiver of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// The screen.
    Looking,
    /// The filter, which is being typed.
    Typing,
    /// The help, which lies over the screen.
    Help,
}

/// Everything that is drawn.
#[derive(Debug)]
pub(super) struct Screen {
    pub(super) servers: Vec<Server>,
    pub(super) selected: usize,
    pub(super) view: View,
    pub(super) order: Order,
    /// True if the order is the other way round.
    pub(super) reversed: bool,
    pub(super) filter: String,
    pub(super) mode: Mode,
    pub(super) paused: bool,
    pub(super) palette: Palette,
    /// Time between two readings.
    pub(super) every: Duration,
    /// First line that is shown of a view that is longer than the screen.
    pub(super) offset: usize,
}

impl Screen {
    /// A screen of servers that were not asked yet.
    pub(super) fn of(addresses: &[Address], every: Duration, palette: Palette) -> Self {
        Self {
            servers: addresses.iter().map(|one| Server::new(one.to_string())).collect(),
            selected: 0,
            view: View::Overview,
            order: Order::Rate,
            reversed: false,
            filter: String::new(),
            mode: Mode::Looking,
            paused: false,
            palette,
            every,
            offset: 0,
        }
    }

    /// Returns the selected server.
    pub(super) fn server(&self) -> &Server {
        &self.servers[self.selected]
    }

    /// Takes the answer of a server, unless the screen is paused.
    pub(super) fn take(&mut self, place: usize, polled: Result<Polled, String>, moment: Moment) {
        if let Some(server) = self.servers.get_mut(place).filter(|_| !self.paused) {
            server.take(polled, moment);
        }
    }

    /// Returns whether a name passes the filter.
    pub(super) fn passes(&self, name: &str) -> bool {
        name.to_lowercase().contains(&self.filter.to_lowercase())
    }

    /// Returns the calls of the selected server that pass the filter, in order.
    pub(super) fn calls(&self) -> Vec<&Call> {
        let calls = self.server().snapshot.calls.iter();
        let mut calls: Vec<_> = calls
            .filter(|call| {
                self.passes(&call.name) || call.errors.iter().any(|(name, _)| self.passes(name))
            })
            .collect();
        calls.sort_by(|one, other| {
            let by = match self.order {
                Order::Rate => other.rate.total_cmp(&one.rate),
                Order::Slowness => other.p99.unwrap_or(-1.0).total_cmp(&one.p99.unwrap_or(-1.0)),
                Order::Errors => other.error_rate().total_cmp(&one.error_rate()),
                Order::Name => one.name.cmp(&other.name),
            };
            let by = if self.reversed { by.reverse() } else { by };
            by.then_with(|| one.name.cmp(&other.name))
        });
        calls
    }

    /// Does what a key asks for. Returns `false` where it asks to end.
    pub(super) fn press(&mut self, key: KeyEvent) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control && matches!(key.code, KeyCode::Char('c')) {
            return false;
        }
        match self.mode {
            Mode::Looking => self.look(key.code),
            Mode::Typing => self.type_filter(key.code),
            Mode::Help => {
                self.mode = Mode::Looking;
                !matches!(key.code, KeyCode::Char('q'))
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "all other keys do nothing")]
    fn look(&mut self, code: KeyCode) -> bool {
        match code {
            KeyCode::Char('q') => return false,
            KeyCode::Char('?' | 'h') => self.mode = Mode::Help,
            KeyCode::Char('p' | ' ') => self.paused = !self.paused,
            KeyCode::Char('s') => self.order = self.order.next(),
            KeyCode::Char('r') => self.reversed = !self.reversed,
            KeyCode::Char('c') => self.palette = self.palette.next(),
            KeyCode::Char('/') => self.mode = Mode::Typing,
            KeyCode::Esc => self.filter.clear(),
            KeyCode::Tab => self.show(self.view.next()),
            KeyCode::Char(digit @ '1'..='4') => {
                let place = usize::try_from(u32::from(digit) - u32::from('1')).unwrap_or_default();
                self.show(View::ALL[place]);
            }
            KeyCode::Right | KeyCode::Char('n') => self.select(self.selected + 1),
            KeyCode::Left | KeyCode::Char('N') => {
                self.select(self.selected + self.servers.len() - 1);
            }
            KeyCode::Down | KeyCode::Char('j') => self.offset = self.offset.saturating_add(1),
            KeyCode::Up | KeyCode::Char('k') => self.offset = self.offset.saturating_sub(1),
            KeyCode::Home => self.offset = 0,
            _ => {}
        }
        true
    }

    fn show(&mut self, view: View) {
        (self.view, self.offset) = (view, 0);
    }

    fn select(&mut self, place: usize) {
        (self.selected, self.offset) = (place % self.servers.len(), 0);
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "all other keys do nothing")]
    fn type_filter(&mut self, code: KeyCode) -> bool {
        match code {
            KeyCode::Enter => self.mode = Mode::Looking,
            KeyCode::Esc => {
                self.filter.clear();
                self.mode = Mode::Looking;
            }
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Char(letter) if self.filter.chars().count() < FILTER_CHARS => {
                self.filter.push(letter);
            }
            _ => {}
        }
        self.offset = 0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{super::sample::polled, *};

    fn screen() -> Screen {
        let addresses = ["a:1", "b:1"].map(|text| Address::parse(text).expect("an address"));
        let mut screen = Screen::of(&addresses, Duration::from_secs(2), Palette::None);
        for (seconds, calls) in [(0.0, 100), (2.0, 300)] {
            screen.take(0, Ok(polled("ready", calls)), Moment { seconds, now: 0.0 });
        }
        screen
    }

    fn press(screen: &mut Screen, keys: &str) -> bool {
        keys.chars().all(|letter| {
            let code = match letter {
                '\n' => KeyCode::Enter,
                '\t' => KeyCode::Tab,
                '\u{1b}' => KeyCode::Esc,
                '\u{8}' => KeyCode::Backspace,
                letter => KeyCode::Char(letter),
            };
            screen.press(KeyEvent::new(code, KeyModifiers::NONE))
        })
    }

    fn names(screen: &Screen) -> Vec<&str> {
        screen.calls().iter().map(|call| &*call.name).collect()
    }

    #[test]
    fn calls_are_sorted_and_filtered_as_the_keys_ask() {
        let mut screen = screen();
        assert_eq!(names(&screen), ["Token/Introspect", "Token/IssueToken"]);
        press(&mut screen, "r");
        assert_eq!(names(&screen), ["Token/IssueToken", "Token/Introspect"]);
        press(&mut screen, "rss");
        assert_eq!((screen.order, names(&screen)[0]), (Order::Errors, "Token/IssueToken"));
        press(&mut screen, "s/introq\u{8}\n");
        assert_eq!(names(&screen), ["Token/Introspect"]);
        press(&mut screen, "\u{1b}/invalid_grant\n");
        assert_eq!(names(&screen), ["Token/IssueToken"], "by a reason");
        press(&mut screen, "\u{1b}");
        assert_eq!(names(&screen).len(), 2);
    }

    #[test]
    fn keys_change_view_server_palette_and_help_and_q_ends() {
        let mut screen = screen();
        press(&mut screen, "\t");
        assert_eq!(screen.view, View::Calls);
        press(&mut screen, "4n");
        assert_eq!((screen.view, screen.selected), (View::Refusals, 1));
        press(&mut screen, "n?");
        assert_eq!((screen.mode, screen.selected), (Mode::Help, 0));
        assert!(press(&mut screen, "x") && screen.mode == Mode::Looking, "any key closes the help");
        press(&mut screen, "c");
        assert_eq!(screen.palette, Palette::Default);
        assert!(!press(&mut screen, "q"));
        assert!(press(&mut screen, "/q"), "a letter of the filter");
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert!(!screen.press(interrupt));
    }

    #[test]
    fn a_paused_screen_takes_nothing() {
        let mut screen = screen();
        press(&mut screen, "p");
        screen.take(0, Err("gone".to_owned()), Moment { seconds: 4.0, now: 0.0 });
        assert_eq!(screen.server().state.text(), "ready");
        press(&mut screen, "p");
        screen.take(0, Err("gone".to_owned()), Moment { seconds: 4.0, now: 0.0 });
        assert_eq!(screen.server().state.text(), "no answer");
    }
}
