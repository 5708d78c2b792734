//! The view with a little of everything.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::Line,
    widgets::Sparkline,
};

use super::{calls, detail, palette::Palette, screen::Screen};
use crate::figures::Unit;

/// Charts, by the keys of their figures, with their titles.
const CHARTS: [(&str, &str, Unit); 4] = [
    ("grpc_calls", "gRPC calls", Unit::PerSecond),
    ("introspect_p99", "p99", Unit::Seconds),
    ("refused", "refused", Unit::PerSecond),
    ("logins", "logins", Unit::PerSecond),
];
/// Height of the charts with their titles.
const CHART_LINES: u16 = 3;
/// Height of a screen from which the charts are higher, and how much.
const HIGH: [u16; 2] = [36, 5];

/// Draws charts, calls and figures.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, screen: &Screen) {
    let chart_lines = if area.height >= HIGH[0] { HIGH[1] } else { CHART_LINES };
    let all = u16::try_from(screen.calls().len()).unwrap_or(u16::MAX).saturating_add(1);
    let most = (area.height - chart_lines) * 2 / 5;
    let [charts, table, figures] = Layout::vertical([
        Constraint::Length(chart_lines),
        Constraint::Length(all.clamp(2, most.max(2))),
        Constraint::Min(0),
    ])
    .areas(area);
    draw_charts(frame, charts, screen);
    calls::draw(frame, table, screen);
    detail::draw_overview(frame, figures, screen);
}

fn draw_charts(frame: &mut Frame<'_>, area: Rect, screen: &Screen) {
    let areas: [Rect; CHARTS.len()] =
        Layout::horizontal([Constraint::Fill(1); CHARTS.len()]).spacing(2).areas(area);
    for ((key, title, unit), area) in CHARTS.into_iter().zip(areas) {
        let [heading, line] =
            Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
        let value = screen.server().snapshot.figure(key).map(|figure| figure.value);
        let value = value.map_or_else(|| "–".to_owned(), |value| unit.text(value));
        frame.render_widget(Line::styled(format!("{title} {value}"), Palette::heading()), heading);
        draw_chart(frame, line, screen, key);
    }
}

/// Draws as many of the last values as there are columns.
fn draw_chart(frame: &mut Frame<'_>, area: Rect, screen: &Screen, key: &str) {
    let values = screen.server().history.values(key);
    let width = usize::from(area.width);
    let shown = &values[values.len().saturating_sub(width)..];
    let bars: Vec<_> = shown.iter().map(|value| value.map(whole)).collect();
    let chart = Sparkline::default().data(bars).style(screen.palette.line());
    frame.render_widget(chart.absent_value_symbol("·"), area);
}

/// Returns a value as the height of a bar, which are whole: in millionths.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float becomes the nearest whole number that there is"
)]
fn whole(value: f64) -> u64 {
    (value * 1e6) as u64
}
