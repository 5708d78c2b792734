//! Draws the screen.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::{Cell, Paragraph, Row, Table, TableState},
};

use super::{
    calls, detail, help, overview,
    palette::Palette,
    screen::{Mode, Screen, View},
    server::{Server, State},
};
use crate::figures::Level;

/// Smallest screen that all parts fit on.
const SMALLEST: [u16; 2] = [60, 16];
/// Width from which the table of servers has all its columns.
const WIDE: u16 = 120;

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, screen: &Screen) {
    let area = frame.area();
    if area.width < SMALLEST[0] || area.height < SMALLEST[1] {
        let [width, height] = SMALLEST;
        let text = format!("jeton top needs {width} × {height} columns and lines; q ends it");
        frame.render_widget(Paragraph::new(text), area);
        return;
    }
    let most = usize::from(area.height / 5);
    let rows = u16::try_from(screen.servers.len().min(most)).unwrap_or(u16::MAX);
    let [header, servers, title, body, footer] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(rows + 1),
        Constraint::Length(1),
        Constraint::Min(0),
        Constraint::Length(1),
    ])
    .areas(area);
    draw_header(frame, header, screen);
    draw_servers(frame, servers, screen);
    draw_title(frame, title, screen);
    match screen.view {
        View::Overview => overview::draw(frame, body, screen),
        View::Calls => calls::draw(frame, body, screen),
        View::Figures => detail::draw_figures(frame, body, screen),
        View::Refusals => detail::draw_refusals(frame, body, screen),
    }
    draw_footer(frame, footer, screen);
    if screen.mode == Mode::Help {
        help::draw(frame, area, screen.palette);
    }
}

fn draw_header(frame: &mut Frame<'_>, area: Rect, screen: &Screen) {
    let mut parts = vec![format!(" jeton top  {}", screen.view.name())];
    let direction = if screen.reversed { " reversed" } else { "" };
    parts.push(format!("by {}{direction}", screen.order.name()));
    if screen.mode == Mode::Typing || !screen.filter.is_empty() {
        let cursor = if screen.mode == Mode::Typing { "_" } else { "" };
        parts.push(format!("/{}{cursor}", screen.filter));
    }
    parts.push(format!("every {}", humantime::format_duration(screen.every)));
    if screen.paused {
        parts.push("PAUSED".to_owned());
    }
    let text = parts.join("  ");
    let width = usize::from(area.width);
    frame.render_widget(Line::styled(format!("{text:width$}"), Palette::bar()), area);
}

fn draw_footer(frame: &mut Frame<'_>, area: Rect, screen: &Screen) {
    let text = if screen.mode == Mode::Typing {
        " type a part of a name or a reason   Enter keeps it   Esc clears it"
    } else {
        " q quit  ? help  p pause  Tab view  s sort  r reverse  / filter  ←→ server"
    };
    let width = usize::from(area.width);
    frame.render_widget(Line::styled(format!("{text:width$}"), Palette::bar()), area);
}

fn state(server: &Server, palette: Palette) -> Cell<'static> {
    if server.state == State::Ready {
        let text = if server.level() > Level::Calm { "ready !" } else { "ready" };
        return Cell::from(Span::styled(text, palette.good()));
    }
    Cell::from(palette.judged(server.state.text(), server.state.level()))
}

fn figure(server: &Server, key: &str, palette: Palette) -> Cell<'static> {
    let level = server.snapshot.figure(key).map(|figure| figure.level).unwrap_or_default();
    Cell::from(palette.judged(&server.text(key), level))
}

/// Columns of the table of servers: heading, key of the figure, width, and whether a narrow screen has it.
const COLUMNS: [(&str, &str, u16, bool); 9] = [
    ("CALLS", "grpc_calls", 8, true),
    ("REFUSED", "refused", 9, false),
    ("FAILED", "failed", 8, true),
    ("P99", "introspect_p99", 8, true),
    ("SYNC P99", "sync_p99", 10, false),
    ("GRANTS", "grants", 8, true),
    ("WATCHERS", "watchers", 9, false),
    ("LAG", "watch_lag", 9, false),
    ("LOGINS", "logins", 8, true),
];

fn draw_servers(frame: &mut Frame<'_>, area: Rect, screen: &Screen) {
    let is_wide = area.width >= WIDE;
    let columns: Vec<_> = COLUMNS.iter().filter(|(.., narrow)| is_wide || *narrow).collect();
    let mut widths = vec![Constraint::Fill(1), Constraint::Length(if is_wide { 27 } else { 12 })];
    widths.extend(columns.iter().map(|(_, _, width, _)| Constraint::Length(*width)));
    let headings = ["  SERVER", "STATE"].into_iter().chain(columns.iter().map(|one| one.0));
    let header = Row::new(headings.map(Cell::from)).style(Palette::heading());
    let rows = screen.servers.iter().enumerate().map(|(place, server)| {
        let mark = if place == screen.selected { "▸" } else { " " };
        let name = Cell::from(format!("{mark} {}", server.address));
        let cells = [name, state(server, screen.palette)].into_iter();
        Row::new(cells.chain(columns.iter().map(|one| figure(server, one.1, screen.palette))))
    });
    let table = Table::new(rows, widths).header(header).column_spacing(1);
    let mut shown = TableState::new().with_selected(screen.selected);
    frame.render_stateful_widget(table, area, &mut shown);
}

/// Says of the selected server what its row has no room for.
fn draw_title(frame: &mut Frame<'_>, area: Rect, screen: &Screen) {
    let server = screen.server();
    let mut parts = vec![match &server.state {
        State::Unknown => "not asked yet".to_owned(),
        State::Ready => "ready".to_owned(),
        State::NotReady(why) => format!("not ready: {why}"),
        State::Down(why) => format!("no answer: {why}"),
    }];
    let build = &server.snapshot.build;
    if !build.version.is_empty() {
        let commit: String = build.commit.chars().take(9).collect();
        parts.push(format!("{} {commit}", build.version).trim_end().to_owned());
    }
    parts.extend(server.warning.clone());
    let text = format!("{}: {}", server.address, parts.join("; "));
    let level = if server.warning.is_some() { Level::Notice } else { Level::Calm };
    let style = screen.palette.level(server.state.level().max(level));
    frame.render_widget(Line::styled(text, style), area);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ratatui::{
        Terminal,
        backend::TestBackend,
        crossterm::event::{KeyCode, KeyEvent, KeyModifiers},
    };

    use super::{
        super::{address::Address, sample::polled, server::Moment},
        *,
    };

    fn screen() -> Screen {
        let addresses = ["a:1", "b:1"].map(|text| Address::parse(text).expect("an address"));
        let mut screen = Screen::of(&addresses, Duration::from_secs(2), Palette::None);
        for (seconds, calls) in [(0.0, 100), (2.0, 300), (4.0, 900)] {
            screen.take(0, Ok(polled("ready", calls)), Moment { seconds, now: 0.0 });
        }
        screen.take(1, Err("nobody listens there".to_owned()), Moment { seconds: 0.0, now: 0.0 });
        screen
    }

    fn drawn(screen: &Screen, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
        terminal.draw(|frame| draw(frame, screen)).expect("drawn");
        let buffer = terminal.backend().buffer();
        let lines = buffer.content().chunks(usize::from(width));
        let lines =
            lines.map(|line| line.iter().map(ratatui::buffer::Cell::symbol).collect::<String>());
        lines.map(|line| line.trim_end().to_owned() + "\n").collect()
    }

    fn press(screen: &mut Screen, code: KeyCode) {
        screen.press(KeyEvent::new(code, KeyModifiers::NONE));
    }

    #[track_caller]
    fn shows(text: &str, parts: &[&str]) {
        for part in parts {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }

    #[test]
    fn the_overview_fits_80_by_24_and_has_servers_calls_and_figures() {
        let text = drawn(&screen(), 80, 24);
        assert_eq!(text.lines().count(), 24);
        shows(
            &text,
            &["▸ a:1", "ready !", "b:1", "no answer !!", "330/s", "a:1: ready; 0.1.0 abc"],
        );
        shows(&text, &["Token/Introspect", "300/s", "INVALID_GRANT 30/s", "Store", "1,234"]);
        shows(&text, &["space left", "-5 B !!", "prod", "q quit"]);
    }

    #[test]
    fn a_large_screen_has_every_section() {
        let text = drawn(&screen(), 200, 50);
        shows(
            &text,
            &["SYNC P99", "WATCHERS", "Store", "Trusted issuers", "Refusals", "wrong_password"],
        );
    }

    #[test]
    fn every_view_is_drawn_and_help_lies_over_it() {
        let mut screen = screen();
        press(&mut screen, KeyCode::Char('2'));
        shows(&drawn(&screen, 80, 24), &["CALL", "P50", "Token/IssueToken"]);
        press(&mut screen, KeyCode::Char('3'));
        shows(&drawn(&screen, 80, 24), &["Store", "grants", "1,234"]);
        press(&mut screen, KeyCode::Char('4'));
        shows(&drawn(&screen, 80, 24), &["wrong_password", "60", "90"]);
        press(&mut screen, KeyCode::Char('?'));
        shows(&drawn(&screen, 80, 24), &["Keys", "Esc", "colours"]);
    }

    #[test]
    fn a_server_without_an_answer_says_why() {
        let mut screen = screen();
        press(&mut screen, KeyCode::Right);
        shows(&drawn(&screen, 80, 24), &["▸ b:1", "b:1: no answer: nobody listens there"]);
    }

    #[test]
    fn a_screen_that_is_too_small_says_so() {
        shows(&drawn(&screen(), 50, 10), &["needs 60 × 16"]);
    }
}
