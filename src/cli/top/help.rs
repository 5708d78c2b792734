//! The help over the screen.

use ratatui::{
    Frame,
    layout::{Constraint, Flex, Layout, Rect},
    widgets::{Block, Clear, Paragraph},
};

use super::palette::Palette;

const TEXT: &str = "\
 Keys
   1 2 3 4, Tab   overview, calls, figures, refusals
   ← →            the server before, the next server
   ↑ ↓ Home       scrolls what is longer than the screen
   s  r           sorts calls by rate, p99, errors, name; reverses
   /  Esc         filters by name or reason; clears the filter
   p or space     pauses and goes on
   c              colours: default, colour-blind, none
   q              ends
 Marks
   !  to be looked at      !!  to be acted on
 Rates, p50 and p99 are of the time between two readings. P99 of a
 server and of the charts is that of Introspect.
 Under Refusals: number of the interval, of all since the start.";

/// Draws the help in the middle.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, palette: Palette) {
    let [area] = Layout::vertical([Constraint::Length(16)]).flex(Flex::Center).areas(area);
    let [area] = Layout::horizontal([Constraint::Length(68)]).flex(Flex::Center).areas(area);
    frame.render_widget(Clear, area);
    let title = format!(" jeton top, colours: {} ", palette.name());
    frame.render_widget(Paragraph::new(TEXT).block(Block::bordered().title(title)), area);
}
