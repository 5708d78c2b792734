//! Prints an answer: aligned text for people, JSON or YAML for scripts, or one field of it.

use std::io::{self, Write as _};

use clap::ValueEnum;
use serde_json::{Map, Value};

use super::{CliError, colour::Colour, presentation::Presentation, table, yaml};

/// Format of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A line for each field, or for each entry of a list
    Table,
    /// One JSON object, or an array of them for a list
    Json,
    /// The same as a YAML document
    Yaml,
}

/// Named values in the order in which they are shown. Unknown values are left out, and in a table
/// empty ones too.
#[derive(Default)]
pub(super) struct Fields(Vec<(&'static str, Value)>);

/// The columns of a list, for people.
#[derive(Clone, Copy)]
pub(super) struct Columns {
    /// Columns that fit side by side.
    usual: &'static [&'static str],
    /// Columns of `--wide`.
    wide: &'static [&'static str],
}

impl Columns {
    /// Few usually, more with `--wide`.
    pub(super) const fn new(usual: &'static [&'static str], wide: &'static [&'static str]) -> Self {
        Self { usual, wide }
    }
}

/// Few enough for every width.
impl<const N: usize> From<&'static [&'static str; N]> for Columns {
    fn from(columns: &'static [&'static str; N]) -> Self {
        Self::new(columns, columns)
    }
}

impl Fields {
    pub(super) fn add(&mut self, name: &'static str, value: impl Into<Value>) {
        let value = value.into();
        if !value.is_null() {
            self.0.push((name, value));
        }
    }

    /// The others behind these.
    pub(super) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    pub(super) fn print(self, format: Format) -> Result<(), CliError> {
        if let Some(field) = &Presentation::current().field {
            return print_field(&[self.named()], field);
        }
        match format {
            Format::Json => write(&format!("{}\n", Value::from(self))),
            Format::Yaml => write(&yaml::document(self.into())),
            Format::Table => {
                write(&table::fields(self.0.iter().map(|(name, value)| (*name, value))))
            }
        }
    }

    fn named(&self) -> Vec<(&str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value)).collect()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

impl From<Fields> for Value {
    fn from(fields: Fields) -> Self {
        let entries = fields.0.into_iter().map(|(name, value)| (name.to_owned(), value));
        Self::Object(entries.collect::<Map<_, _>>())
    }
}

/// Prints an object that has a table of its own.
pub(super) fn print_value(
    value: Value,
    format: Format,
    table: impl FnOnce() -> String,
) -> Result<(), CliError> {
    if let (Some(field), Value::Object(entries)) = (&Presentation::current().field, &value) {
        let answers = [entries.iter().map(|(name, value)| (&**name, value)).collect()];
        return print_field(&answers, field);
    }
    match format {
        Format::Json => write(&format!("{value}\n")),
        Format::Yaml => write(&yaml::document(value)),
        Format::Table => write(&table()),
    }
}

/// Prints a list: all of its fields for scripts, for people those that `columns` names.
pub(super) fn print_list(
    list: Vec<Fields>,
    columns: impl Into<Columns>,
    format: Format,
) -> Result<(), CliError> {
    let presentation = Presentation::current();
    if let Some(field) = &presentation.field {
        return print_field(&list.iter().map(Fields::named).collect::<Vec<_>>(), field);
    }
    let array = |list: Vec<Fields>| list.into_iter().map(Value::from).collect::<Value>();
    match format {
        Format::Json => write(&format!("{}\n", array(list))),
        Format::Yaml => write(&yaml::document(array(list))),
        Format::Table => {
            let Columns { usual, wide } = columns.into();
            let columns = if presentation.wide { wide } else { usual };
            let entries = list.iter().map(|fields| columns.iter().map(|name| fields.get(name)));
            write(&table::rows(columns, entries.map(Iterator::collect)))
        }
    }
}

/// Prints the values of one field of each answer, a line each and nothing around them; of several fields,
/// which commas part, a line for each answer with tabs between them. An answer without the field has no
/// line, unless that is all of them.
fn print_field(answers: &[Vec<(&str, &Value)>], fields: &str) -> Result<(), CliError> {
    let mut lines = Vec::new();
    let names: Vec<_> = fields.split(',').collect();
    for name in &names {
        let known = answers.iter().any(|answer| !values(answer, name).is_empty());
        if !known && !answers.is_empty() {
            let known = known_fields(answers).join(", ");
            return Err(CliError::NoSuchField { field: (*name).to_owned(), known });
        }
    }
    for answer in answers {
        if let [name] = names[..] {
            lines.extend(values(answer, name).into_iter().map(|value| table::text(value, "\n")));
            continue;
        }
        let cell = |name: &&str| {
            let values = values(answer, name);
            values.into_iter().map(|value| table::text(value, ",")).collect::<Vec<_>>().join(",")
        };
        lines.push(names.iter().map(cell).collect::<Vec<_>>().join("\t"));
    }
    let lines = lines.into_iter().filter(|line| !line.is_empty());
    write(&lines.map(|line| line + "\n").collect::<String>())
}

/// Returns the values of an answer under a name, or within one: `store.engine`.
fn values<'a>(answer: &[(&str, &'a Value)], name: &str) -> Vec<&'a Value> {
    let mut parts = name.split('.');
    let first = parts.next().unwrap_or_default();
    let within: Vec<_> = parts.collect();
    let named = answer.iter().filter(|(known, _)| *known == first);
    named.flat_map(|(_, value)| inner(value, &within)).collect()
}

fn known_fields<'a>(answers: &[Vec<(&'a str, &Value)>]) -> Vec<&'a str> {
    let mut known = Vec::new();
    for (name, _) in answers.iter().flatten() {
        if !known.contains(name) {
            known.push(*name);
        }
    }
    known
}

/// Returns the values at the end of the names, for every item of a list on the way.
fn inner<'a>(value: &'a Value, names: &[&str]) -> Vec<&'a Value> {
    match (names.split_first(), value) {
        (None, _) => vec![value],
        (Some(_), Value::Array(items)) => {
            items.iter().flat_map(|item| inner(item, names)).collect()
        }
        (Some((first, rest)), value) => {
            value.get(first).map(|value| inner(value, rest)).unwrap_or_default()
        }
    }
}

/// Prints a row of a list that has no end, so that nobody can know how wide its columns get: each
/// text comes with the least width of its column.
pub(super) fn print_row(cells: &[(&str, usize)], colour: Colour) -> Result<(), CliError> {
    let cells = cells.iter().map(|(text, width)| format!("{:width$}", table::printable(text)));
    let row = cells.collect::<Vec<_>>().join("  ");
    let row = row.trim_end();
    let shown = if Colour::is_shown() { colour.over(row) } else { row.to_owned() };
    write(&format!("{shown}\n"))
}

/// An answer of which one field has been printed before the others are known.
pub(super) struct Begun(Format);

impl Begun {
    /// Prints the field.
    pub(super) fn with(name: &'static str, value: &str, format: Format) -> Result<Self, CliError> {
        let mut first = Fields::default();
        first.add(name, value);
        if Presentation::current().field.is_some() {
            first.print(format)?;
            return Ok(Self(format));
        }
        match format {
            Format::Json => write(Value::from(first).to_string().trim_end_matches('}'))?,
            Format::Table | Format::Yaml => first.print(format)?,
        }
        Ok(Self(format))
    }

    /// Returns whether the field that is asked for, if there is one, is the one that is printed
    /// first.
    pub(super) fn is_asked_for(name: &str) -> bool {
        Presentation::current().field.as_ref().is_none_or(|field| field == name)
    }

    /// Prints the others: of JSON, the rest of one object.
    pub(super) fn end(self, others: Fields) -> Result<(), CliError> {
        if Presentation::current().field.is_some() {
            return Ok(());
        }
        match self.0 {
            Format::Json => {
                let others = Value::from(others).to_string();
                write(&format!(",{}\n", others.trim_start_matches('{')))
            }
            Format::Yaml => {
                let others = yaml::document(others.into());
                write(others.trim_start_matches("---\n"))
            }
            Format::Table => others.print(self.0),
        }
    }
}

/// Prints a note beside the answer on standard error, if it can be written.
pub(super) fn note(text: &str) {
    drop(writeln!(io::stderr(), "{text}"));
}

/// Writes to standard output what is ready to be read.
pub(super) fn write(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| CliError::Io("standard output", error))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_within_another_is_found_in_every_item_of_a_list() {
        let value = json!([{"a": {"b": 1}}, {"c": 2}, {"a": {"b": [3, 4]}}]);
        assert_eq!(inner(&value, &["a", "b"]), [&json!(1), &json!([3, 4])]);
        assert!(inner(&value, &["a", "x"]).is_empty());
    }
}
