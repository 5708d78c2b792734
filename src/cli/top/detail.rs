//! Lists of figures in columns, and refusals by cause.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::Paragraph,
};

use super::{palette::Palette, screen::Screen};
use crate::figures::{Figure, Section, Unit};

/// Least width of a column: a title, a value with its mark, and a gap.
const COLUMN: u16 = 26;
/// Width of a title.
const TITLE: usize = 15;

/// Figures of the overview where there is no room for all.
const ESSENTIAL: [&str; 21] = [
    "logins",
    "logins_refused",
    "lockouts",
    "client_tokens",
    "refreshes",
    "refresh_retries",
    "refresh_replays",
    "grants",
    "backlog",
    "batch_commands",
    "commit_p99",
    "sync_p99",
    "space_left",
    "grants_in_memory",
    "watchers",
    "watch_lag",
    "hash_queue",
    "key_ring_usable",
    "certificate_left",
    "staleness",
    "answered_from_memory",
];

/// Lines that stay together, under a heading.
type Block = Vec<Line<'static>>;

/// Draws the figures that the table of calls does not have: all of them where there is room.
pub(super) fn draw_overview(frame: &mut Frame<'_>, area: Rect, screen: &Screen) {
    let beside = |figure: &Figure| figure.definition.section != Section::Calls;
    let mut all = sections(screen, beside);
    all.extend(issuers(screen));
    all.extend(refusals(screen, 8));
    if let Some(columns) = packed(&all, area) {
        return draw_columns(frame, area, columns);
    }
    let essential = |figure: &Figure| ESSENTIAL.contains(&figure.definition.key);
    let mut some = sections(screen, essential);
    some.extend(issuers(screen));
    let columns = packed(&some, area).unwrap_or_else(|| cut(&some, area));
    draw_columns(frame, area, columns);
}

/// Draws all figures that pass the filter.
pub(super) fn draw_figures(frame: &mut Frame<'_>, area: Rect, screen: &Screen) {
    let passes = |figure: &Figure| {
        let definition = figure.definition;
        screen.passes(definition.title)
            || screen.passes(definition.key)
            || screen.passes(definition.section.title())
    };
    let mut blocks = sections(screen, passes);
    blocks.extend(issuers(screen));
    match packed(&blocks, area) {
        Some(columns) => draw_columns(frame, area, columns),
        None => draw_columns(frame, area, scrolled(&blocks, area, screen.offset)),
    }
}

/// Draws the refusals by cause that pass the filter.
pub(super) fn draw_refusals(frame: &mut Frame<'_>, area: Rect, screen: &Screen) {
    let block = refusals(screen, usize::MAX).unwrap_or_else(|| {
        vec![Line::from("Nothing was refused since the start, or nothing that passes the filter.")]
    });
    let room = usize::from(area.height);
    let first = screen.offset.min(block.len().saturating_sub(room));
    frame.render_widget(Paragraph::new(block[first..].to_vec()), area);
}

/// Returns the wanted figures, a block for each section.
fn sections(screen: &Screen, wanted: impl Fn(&Figure) -> bool) -> Vec<Block> {
    let mut blocks: Vec<(Section, Block)> = Vec::new();
    for figure in screen.server().snapshot.figures.iter().filter(|figure| wanted(figure)) {
        let section = figure.definition.section;
        if blocks.last().is_none_or(|(last, _)| *last != section) {
            blocks.push((section, vec![heading(section.title())]));
        }
        if let Some((_, lines)) = blocks.last_mut() {
            let value = screen.palette.judged(&figure.text(), figure.level);
            lines.push(line(figure.definition.title, value));
        }
    }
    blocks.into_iter().map(|(_, lines)| lines).collect()
}

fn heading(text: &str) -> Line<'static> {
    Line::styled(text.to_owned(), Palette::heading())
}

fn line(title: &str, value: Span<'static>) -> Line<'static> {
    Line::from(vec![Span::from(format!("{title:TITLE$} ")), value])
}

fn issuers(screen: &Screen) -> Option<Block> {
    let issuers = &screen.server().snapshot.issuers;
    if issuers.is_empty() {
        return None;
    }
    let lines = issuers.iter().map(|issuer| {
        let mut text = format!("{} {}", issuer.keys, Unit::Seconds.text(issuer.age));
        text += if issuer.reviews_failing { " no reviews" } else { "" };
        let name: String = issuer.name.chars().take(TITLE).collect();
        line(&name, screen.palette.judged(&text, issuer.level()))
    });
    let heading = heading("Trusted issuers");
    Some(std::iter::once(heading).chain(lines).collect())
}

fn refusals(screen: &Screen, most: usize) -> Option<Block> {
    let refusals = screen.server().snapshot.refusals.iter();
    let shown = refusals.filter(|refusal| screen.passes(&refusal.cause)).take(most);
    let lines: Vec<_> = shown
        .map(|refusal| {
            let (recent, total) =
                (Unit::Count.text(refusal.recent), Unit::Count.text(refusal.total));
            Line::from(format!("{:22} {recent} of {total}", refusal.cause))
        })
        .collect();
    let heading = heading("Refusals by cause");
    (!lines.is_empty()).then(|| std::iter::once(heading).chain(lines).collect())
}

/// Returns the blocks in columns of about one height, each whole. `None` where they do not fit.
fn packed(blocks: &[Block], area: Rect) -> Option<Vec<Block>> {
    let most = usize::from((area.width / COLUMN).max(1));
    let heights = 1..=usize::from(area.height);
    let mut packings = heights.filter_map(|height| columns(blocks, height));
    packings.find(|columns| columns.len() <= most)
}

/// Returns the blocks in columns of at most that height. `None` where one is higher.
fn columns(blocks: &[Block], height: usize) -> Option<Vec<Block>> {
    let mut columns: Vec<Block> = Vec::new();
    for block in blocks {
        if block.len() > height {
            return None;
        }
        match columns.last_mut() {
            Some(last) if last.len() + 1 + block.len() <= height => {
                last.push(Line::default());
                last.extend(block.iter().cloned());
            }
            Some(_) | None => columns.push(block.clone()),
        }
    }
    Some(columns)
}

/// Returns the blocks as they follow each other, without gaps, and cut off at the end of the last column.
fn cut(blocks: &[Block], area: Rect) -> Vec<Block> {
    let most = usize::from((area.width / COLUMN).max(1));
    let room = usize::from(area.height).max(1);
    let lines: Vec<_> = blocks.iter().flatten().cloned().collect();
    lines.chunks(room).take(most).map(<[_]>::to_vec).collect()
}

/// Returns the lines from the offset on.
fn scrolled(blocks: &[Block], area: Rect, offset: usize) -> Vec<Block> {
    let most = usize::from((area.width / COLUMN).max(1));
    let room = usize::from(area.height).max(1);
    let lines: Vec<_> = blocks.iter().flatten().cloned().collect();
    let first = offset.min(lines.len().saturating_sub(room * most));
    lines[first..].chunks(room).take(most).map(<[_]>::to_vec).collect()
}

fn draw_columns(frame: &mut Frame<'_>, area: Rect, columns: Vec<Block>) {
    let areas = Layout::horizontal(vec![Constraint::Fill(1); columns.len()]).split(area);
    for (column, area) in columns.into_iter().zip(areas.iter()) {
        frame.render_widget(Paragraph::new(column), *area);
    }
}
