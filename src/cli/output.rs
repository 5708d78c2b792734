//! Prints an answer: aligned text for people, JSON for scripts.

use std::io::{self, Write as _};

use clap::ValueEnum;
use comfy_table::{Table, presets};
use serde_json::{Map, Value};

use super::CliError;

/// How an answer is printed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Format {
    /// A line for each field, or for each entry of a list
    Table,
    /// One JSON object, or an array of them for a list
    Json,
}

/// Named values in the order they are shown. What is not known is left out, and in a table what is
/// empty too.
#[derive(Default)]
pub(super) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    pub(super) fn add(&mut self, name: &'static str, value: impl Into<Value>) {
        let value = value.into();
        if !value.is_null() {
            self.0.push((name, value));
        }
    }

    pub(super) fn print(self, format: Format) -> Result<(), CliError> {
        match format {
            Format::Json => write(&format!("{}\n", Value::from(self))),
            Format::Table => write(&self.lines()),
        }
    }

    fn lines(self) -> String {
        let shown = self.0.into_iter().filter(|(_, value)| !is_empty(value));
        let mut table = plain();
        for (name, value) in shown {
            table.add_row([name.to_owned(), text(&value, " ")]);
        }
        render(table)
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

impl From<Fields> for Value {
    fn from(fields: Fields) -> Self {
        let entries = fields.0.into_iter().map(|(name, value)| (name.to_owned(), value));
        Self::Object(entries.collect::<Map<_, _>>())
    }
}

/// Prints a list: all of its fields for scripts, for people those that `columns` names.
pub(super) fn print_list(
    list: Vec<Fields>,
    columns: &[&str],
    format: Format,
) -> Result<(), CliError> {
    if let Format::Json = format {
        return write(&format!("{}\n", list.into_iter().map(Value::from).collect::<Value>()));
    }
    let mut table = plain();
    table.set_header(columns.iter().map(|name| name.replace('_', " ").to_uppercase()));
    for fields in list {
        let shown = |name: &&str| fields.get(name).filter(|value| !is_empty(value));
        let cell = |name| shown(name).map_or_else(|| "-".to_owned(), |value| text(value, ","));
        table.add_row(columns.iter().map(cell));
    }
    write(&render(table))
}

/// Prints a row of a list that has no end, so that nobody can know how wide its columns get: each
/// text comes with the least width of its column.
pub(super) fn print_row(cells: &[(&str, usize)]) -> Result<(), CliError> {
    let cells = cells.iter().map(|(text, width)| format!("{:width$}", printable(text)));
    let row = cells.collect::<Vec<_>>().join("  ");
    write(&format!("{}\n", row.trim_end()))
}

/// An answer of which one field has been printed before the others are known.
pub(super) struct Begun(Format);

impl Begun {
    /// Prints the field.
    pub(super) fn with(name: &'static str, value: &str, format: Format) -> Result<Self, CliError> {
        let mut first = Fields::default();
        first.add(name, value);
        match format {
            Format::Json => write(Value::from(first).to_string().trim_end_matches('}'))?,
            Format::Table => first.print(format)?,
        }
        Ok(Self(format))
    }

    /// Prints the others: of JSON, the rest of one object.
    pub(super) fn end(self, others: Fields) -> Result<(), CliError> {
        match self.0 {
            Format::Json => {
                let others = Value::from(others).to_string();
                write(&format!(",{}\n", others.trim_start_matches('{')))
            }
            Format::Table => others.print(self.0),
        }
    }
}

/// Tells a person something beside the answer, if anybody can be told.
pub(super) fn note(text: &str) {
    drop(writeln!(io::stderr(), "{text}"));
}

/// Writes to standard output what is ready to be read.
pub(super) fn write(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| CliError::Io("standard output", error))
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

/// Objects of a list take a line each.
fn text(value: &Value, between: &str) -> String {
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

/// What others chose, such as the name their program gives itself, must not steer the terminal, nor
/// turn the direction of what stands behind it.
fn printable(text: &str) -> String {
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
        let mut fields = Fields::default();
        fields.add("name", "alice");
        fields.add("unknown", None::<String>);
        fields.add("empty", "");
        fields.add("keys", json!([{"id": 1, "good": true}, {"id": 2, "good": false}]));
        assert_eq!(fields.lines(), "name  alice\nkeys  good=true id=1\n      good=false id=2\n");
    }

    #[test]
    fn wide_characters_take_two_columns() {
        let mut table = plain();
        table.set_header(["NAME", "ID"]);
        table.add_row(["鈴木", "1"]);
        table.add_row(["al", "2"]);
        assert_eq!(render(table), "NAME  ID\n鈴木  1\nal    2\n");
    }
}
