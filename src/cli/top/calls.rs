//! The table of calls by RPC and endpoint.

use ratatui::{
    Frame,
    layout::{Constraint, Rect},
    widgets::{Cell, Row, Table},
};

use super::{palette::Palette, screen::Screen};
use crate::figures::{Call, Level, Unit};

const HEADINGS: [&str; 5] = ["CALL", "RATE", "P50", "P99", "ERRORS BY REASON"];

/// Draws as many calls as there is room for, from the offset on.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, screen: &Screen) {
    let calls = screen.calls();
    let room = usize::from(area.height.saturating_sub(1));
    let first = screen.offset.min(calls.len().saturating_sub(room));
    let rows = calls[first..].iter().map(|call| row(call, screen));
    let widths = [
        Constraint::Length(24),
        Constraint::Length(9),
        Constraint::Length(8),
        Constraint::Length(8),
        Constraint::Fill(1),
    ];
    let header = Row::new(HEADINGS).style(Palette::heading());
    frame.render_widget(Table::new(rows, widths).header(header).column_spacing(1), area);
}

fn row(call: &Call, screen: &Screen) -> Row<'static> {
    let seconds = |value: Option<f64>| {
        value.map_or_else(|| "–".to_owned(), |value| Unit::Seconds.text(value))
    };
    let errors = call.errors.iter();
    let errors = errors.map(|(name, rate)| format!("{name} {}", Unit::PerSecond.text(*rate)));
    let level = if call.errors.is_empty() { Level::Calm } else { Level::Notice };
    Row::new([
        Cell::from(call.name.clone()),
        Cell::from(Unit::PerSecond.text(call.rate)),
        Cell::from(seconds(call.p50)),
        Cell::from(seconds(call.p99)),
        Cell::from(screen.palette.judged(&errors.collect::<Vec<_>>().join(", "), level)),
    ])
}
