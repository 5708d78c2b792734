//! Answers as text for people: aligned, no wider than is wanted, sizes and times in words.

use std::{
    iter,
    ops::Range,
    time::{Duration, SystemTime},
};

use bytesize::ByteSize;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};
use serde_json::Value;

use super::presentation::Presentation;
use crate::app::SystemClock;

/// Between two columns.
const GAP: usize = 2;
const GAP_WIDTH: u16 = 2;

/// Before columns that go on below the others.
const INDENT: &str = "  ";

/// Shorter ages are shown as now.
const NOW: Duration = Duration::from_secs(10);

/// A line for each name and value; one that is too long goes on below itself.
pub(super) fn fields<'a>(shown: impl Iterator<Item = (&'a str, &'a Value)>) -> String {
    let shown: Vec<_> = shown.filter(|(_, value)| !is_empty(value)).collect();
    let names = shown.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let width = Presentation::current().width();
    let width = width.map(|width| usize::from(width).saturating_sub(names + GAP));
    let mut table = plain();
    for (name, value) in shown {
        table.add_row([name.to_owned(), broken(&in_words(name, value, " "), width)]);
    }
    render(table)
}

/// A heading, and a line for each entry, or some where it does not fit into one.
pub(super) fn rows<'a>(
    columns: &[&str],
    entries: impl Iterator<Item = Vec<Option<&'a Value>>>,
) -> String {
    let entries = entries.map(|entry| {
        let cells = columns.iter().zip(entry).map(|(name, value)| match value {
            Some(value) if !is_empty(value) => cell(name, value),
            Some(_) | None => "-".to_owned(),
        });
        cells.collect()
    });
    let headings = columns.iter().map(|name| heading(name)).collect();
    let rows: Vec<Vec<String>> = iter::once(headings).chain(entries).collect();
    match Presentation::current().width() {
        Some(width) => fitting(&rows, width),
        None => render(of(&rows, 0..columns.len())),
    }
}

/// A table of at most so many columns of text. Cells are broken at spaces; where that is not enough, the
/// columns that do not fit go on below the others, indented. A word, such as an id, stays whole.
fn fitting(rows: &[Vec<String>], width: u16) -> String {
    let count = rows.first().map_or(0, Vec::len);
    let words = (0..count).map(|column| widest(rows, column, longest_word));
    let words: Vec<_> = words.collect();
    let gaps = GAP * count.saturating_sub(1);
    if words.iter().sum::<usize>() + gaps <= usize::from(width) {
        let mut table = of(rows, 0..count);
        // Each column but the last ends with its gap, and the last has one that is cut off.
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width + GAP_WIDTH);
        table.set_constraints(words.iter().map(|word| {
            let least = u16::try_from(word + GAP).unwrap_or(u16::MAX);
            ColumnConstraint::LowerBoundary(Width::Fixed(least))
        }));
        return render(table);
    }
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut used = 0;
    for column in 0..count {
        let natural = widest(rows, column, measure);
        match groups.last_mut() {
            Some(group) if used + GAP + natural <= usize::from(width) => {
                group.end = column + 1;
                used += GAP + natural;
            }
            _ => {
                groups.push(column..column + 1);
                used = INDENT.len() + natural;
            }
        }
    }
    let groups: Vec<Vec<String>> =
        groups.into_iter().map(|group| lines(rows, group, usize::from(width))).collect();
    let mut text = String::new();
    for row in 0..rows.len() {
        for (place, group) in groups.iter().enumerate() {
            for line in group[row].lines() {
                text += if place == 0 { "" } else { INDENT };
                text += line;
                text.push('\n');
            }
        }
    }
    text
}

/// The lines of some columns, one for each row; a column alone may be broken into several.
fn lines(rows: &[Vec<String>], columns: Range<usize>, width: usize) -> Vec<String> {
    if columns.len() == 1 {
        let width = width - INDENT.len();
        return rows.iter().map(|row| broken(&row[columns.start], Some(width))).collect();
    }
    render(of(rows, columns)).lines().map(str::to_owned).collect()
}

fn of(rows: &[Vec<String>], columns: Range<usize>) -> Table {
    let mut table = plain();
    let mut rows = rows.iter().map(|row| row[columns.clone()].iter());
    if let Some(headings) = rows.next() {
        table.set_header(headings);
    }
    table.add_rows(rows);
    table
}

fn widest(rows: &[Vec<String>], column: usize, measure: fn(&str) -> usize) -> usize {
    rows.iter().map(|row| measure(&row[column])).max().unwrap_or_default()
}

fn longest_word(text: &str) -> usize {
    text.split([' ', '\n']).map(measure).max().unwrap_or_default()
}

/// At most so many columns of a terminal.
fn measure(text: &str) -> usize {
    text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum()
}

/// Over ages there is no word for a moment.
fn heading(name: &str) -> String {
    let aged = name.strip_suffix("_time").filter(|_| !Presentation::current().wide);
    aged.unwrap_or(name).replace('_', " ").to_uppercase()
}

fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

/// Columns two spaces apart and nothing around them.
fn render(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    format!("{}\n", table.trim_fmt())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// In a list a moment is its age alone.
fn cell(name: &str, value: &Value) -> String {
    let wide = Presentation::current().wide;
    let age = age_of(name, value).filter(|_| !wide);
    age.unwrap_or_else(|| in_words(name, value, ", "))
}

/// A size in units, a moment with its age; everything else as [`text`] has it.
fn in_words(name: &str, value: &Value, between: &str) -> String {
    if let (true, Some(bytes)) = (name.ends_with("_bytes"), value.as_u64()) {
        return ByteSize::b(bytes).to_string();
    }
    if let Value::Object(entries) = value {
        let entries = entries.iter().map(|(name, value)| {
            let value = if value.is_number() {
                in_words(name, value, ",").replace(' ', "")
            } else {
                text(value, ",")
            };
            format!("{}={value}", printable(name))
        });
        return entries.collect::<Vec<_>>().join(between);
    }
    let plain = text(value, between);
    age_of(name, value).map_or_else(|| plain.clone(), |age| format!("{plain} ({age})"))
}

fn age_of(name: &str, value: &Value) -> Option<String> {
    age_in_words(value.as_str().filter(|_| name.ends_with("_time"))?)
}

/// Returns how long ago a moment was, or how far ahead it is; `None` for a text that is no moment.
pub(super) fn age_in_words(moment: &str) -> Option<String> {
    let moment = humantime::parse_rfc3339(moment).ok()?;
    Some(age(moment, SystemTime::UNIX_EPOCH + SystemClock::since_epoch()))
}

/// `3m ago`, `in 2d`: the largest unit alone.
fn age(moment: SystemTime, now: SystemTime) -> String {
    match now.duration_since(moment) {
        Ok(past) if past < NOW => "now".to_owned(),
        Ok(past) => format!("{} ago", largest(past)),
        Err(ahead) => format!("in {}", largest(ahead.duration())),
    }
}

fn largest(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(365 * 24 * 60 * 60, "y"), (24 * 60 * 60, "d"), (60 * 60, "h"), (60, "m")];
    // Two of a unit at least, but for years: 36 hours say more than one day.
    let fits = |(unit, _): &&(u64, &str)| seconds >= 2 * unit;
    let (unit, name) = units.iter().find(fits).unwrap_or(&(1, "s"));
    format!("{}{name}", seconds / unit)
}

/// Lines of at most `width` characters, broken at spaces: a token or an id stays whole.
fn broken(text: &str, width: Option<usize>) -> String {
    let Some(width) = width else { return text.to_owned() };
    let lines = text.split('\n').map(|line| {
        let mut broken = String::new();
        let mut length = 0;
        for word in line.split(' ') {
            let word_length = word.chars().count();
            if length > 0 && length + 1 + word_length > width {
                broken.push('\n');
                length = 0;
            } else if length > 0 {
                broken.push(' ');
                length += 1;
            }
            broken.push_str(word);
            length += word_length;
        }
        broken
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Objects of a list take a line each.
pub(super) fn text(value: &Value, between: &str) -> String {
    match value {
        Value::String(text) => printable(text),
        Value::Array(items) => {
            let between = if items.iter().any(Value::is_object) { "\n" } else { between };
            items.iter().map(|item| text(item, " ")).collect::<Vec<_>>().join(between)
        }
        Value::Object(entries) => {
            let entries = entries
                .iter()
                .map(|(name, value)| format!("{}={}", printable(name), text(value, ",")));
            entries.collect::<Vec<_>>().join(between)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// Text that others chose, such as a program's user agent, must not steer the terminal, nor turn
/// the direction of the text behind it.
pub(super) fn printable(text: &str) -> String {
    let steers =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let shown = |c: char| if steers(c) { c.escape_unicode().to_string() } else { c.into() };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_others_chose_does_not_steer_the_terminal() {
        assert_eq!(text(&json!("Zoë 鈴木"), " "), "Zoë 鈴木");
        let hostile = json!(["a\u{1b}[2J", {"b\n": "c\u{9b}1m\u{202e}"}]);
        let shown = "a\\u{1b}[2J\nb\\u{a}=c\\u{9b}1m\\u{202e}";
        assert_eq!(text(&hostile, " "), shown);
    }

    #[test]
    fn a_line_of_fields_is_aligned_and_leaves_out_what_is_empty() {
        let keys = json!([{"id": 1, "good": true}, {"id": 2, "good": false}]);
        let [name, empty, bytes] = [json!("alice"), json!(""), json!({"free_bytes": 3_u64 << 30})];
        let shown = [("name", &name), ("empty", &empty), ("keys", &keys), ("disk", &bytes)];
        let expected =
            "name  alice\nkeys  good=true id=1\n      good=false id=2\ndisk  free_bytes=3.0GiB\n";
        assert_eq!(fields(shown.into_iter()), expected);
    }

    #[test]
    fn wide_characters_take_two_columns() {
        let values = [json!("鈴木"), json!("1"), json!("al"), json!("2")];
        let entries = values.chunks(2).map(|row| row.iter().map(Some).collect());
        assert_eq!(rows(&["name", "id"], entries), "NAME  ID\n鈴木  1\nal    2\n");
    }

    #[test]
    fn cells_are_broken_at_spaces_and_columns_that_do_not_fit_go_on_below() {
        let row = |cells: &[&str]| cells.iter().copied().map(str::to_owned).collect::<Vec<_>>();
        let rows = [row(&["ID", "SCOPES", "ACTIVE"]), row(&["aaaaaaaaaa", "read write", "true"])];
        assert_eq!(
            fitting(&rows, 30),
            "ID          SCOPES      ACTIVE\naaaaaaaaaa  read write  true\n"
        );
        assert_eq!(
            fitting(&rows, 26),
            "ID          SCOPES  ACTIVE\naaaaaaaaaa  read    true\n            write\n"
        );
        assert_eq!(
            fitting(&rows, 20),
            "ID\n  SCOPES      ACTIVE\naaaaaaaaaa\n  read write  true\n"
        );
        assert_eq!(
            fitting(&rows, 8),
            "ID\n  SCOPES\n  ACTIVE\naaaaaaaaaa\n  read\n  write\n  true\n"
        );
    }

    #[test]
    fn a_long_line_is_broken_at_spaces_and_a_long_word_is_not() {
        assert_eq!(broken("aa bb cc", Some(5)), "aa bb\ncc");
        assert_eq!(broken("aaaaaaaa bb", Some(5)), "aaaaaaaa\nbb");
        assert_eq!(broken("aa bb cc", None), "aa bb cc");
    }

    #[test]
    fn a_moment_is_as_old_as_it_is() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let ages = [
            (0, "now"),
            (9, "now"),
            (10, "10s ago"),
            (59, "59s ago"),
            (150, "2m ago"),
            (40 * 3600, "40h ago"),
        ];
        for (seconds, words) in ages {
            assert_eq!(age(now - Duration::from_secs(seconds), now), words);
        }
        assert_eq!(age(now + Duration::from_secs(900), now), "in 15m");
        assert_eq!(age(now + Duration::from_secs(30 * 24 * 3600), now), "in 30d");
    }
}
