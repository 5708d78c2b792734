//! Reads typed values from one TOML table, over which flags and variables stand, and reports every fault.

use std::ffi::OsStr;

use toml_span::{
    Span, Value,
    value::{Table, ValueInner},
};
use zeroize::Zeroizing;

use super::{
    overrides::Overrides,
    report::{Report, Spot},
    setting::Setting,
    unknown_key::unknown_key,
    value::Form,
};
use crate::domain::{attributes::Attributes, invalid::Invalid};

/// A value and the byte offset of its key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed<T> {
    pub(super) at: usize,
    pub(super) value: T,
}

impl<T> Placed<T> {
    /// Returns the value alone.
    pub(super) fn value(self) -> T {
        self.value
    }
}

/// One table of the file. A missing or invalid value is read as `None`; the fault was reported
/// then, so that the caller goes on and finds the next one.
pub(super) struct Fields<'t, 'r> {
    /// Name of the table in faults: `grpc`, `client`; empty for the whole file.
    name: &'static str,
    /// Byte offset of the table.
    at: usize,
    table: Table<'t>,
    /// The keys that were asked for: all valid keys of the table.
    known: Vec<&'static str>,
    /// The keys that were found, each with its byte offset.
    taken: Vec<(&'static str, usize)>,
    /// The settings that have a valid value, each with the value's place.
    valid: Vec<(&'static str, Spot)>,
    overrides: &'r Overrides,
    report: &'r mut Report<'t>,
}

impl<'t, 'r> Fields<'t, 'r> {
    /// Creates the root table from the parser's `value`.
    pub(super) fn root(
        mut value: Value<'t>,
        overrides: &'r Overrides,
        report: &'r mut Report<'t>,
    ) -> Self {
        let placed = Placed { at: value.span.start, value: value.take() };
        Self::open("", placed, overrides, report)
    }

    fn open(
        name: &'static str,
        Placed { at, value }: Placed<ValueInner<'t>>,
        overrides: &'r Overrides,
        report: &'r mut Report<'t>,
    ) -> Self {
        let found = kind(&value);
        let table = if let ValueInner::Table(table) = value {
            table
        } else {
            report.fault(Spot::Byte(at), format!("{name}: must be a table, not {found}"));
            Table::new()
        };
        let (known, taken, valid) = (Vec::new(), Vec::new(), Vec::new());
        Self { name, at, table, known, taken, valid, overrides, report }
    }

    /// Reads the table `[name]`, as an empty table if it is missing.
    pub(super) fn section<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Fields<'t, '_>) -> T,
    ) -> T {
        let empty = || Placed { at: 0, value: ValueInner::Table(Table::new()) };
        let placed = self.take(name).unwrap_or_else(empty);
        let mut fields = Fields::open(name, placed, self.overrides, self.report);
        let section = read(&mut fields);
        fields.finish();
        section
    }

    /// Reads every table `[[name]]`.
    pub(super) fn records<T>(
        &mut self,
        name: &'static str,
        mut read: impl FnMut(&mut Fields<'t, '_>) -> Option<T>,
    ) -> Vec<T> {
        let Some(Placed { at, value }) = self.take(name) else {
            return Vec::new();
        };
        let ValueInner::Array(values) = value else {
            self.fault(at, name, &format!("must be a list of tables: [[{name}]]"));
            return Vec::new();
        };
        let mut records = Vec::with_capacity(values.len());
        for mut value in values {
            let is_table = value.as_table().is_some();
            let placed = Placed { at: value.span.start, value: value.take() };
            let mut fields = Fields::open(name, placed, self.overrides, self.report);
            if is_table {
                records.extend(read(&mut fields));
            }
            fields.finish();
        }
        records
    }

    /// Takes a value of any type.
    fn take(&mut self, key: &'static str) -> Option<Placed<ValueInner<'t>>> {
        self.known.push(key);
        let (found, mut value) = self.table.remove_entry(key)?;
        self.taken.push((key, found.span.start));
        Some(Placed { at: found.span.start, value: value.take() })
    }

    /// Returns the value of a setting: that of its flag or variable, or else that of the file, or else its
    /// default. The file's value is checked even if a flag takes its place.
    pub(super) fn get<T: Clone + 'static>(&mut self, setting: &Setting<T>) -> T {
        let key = setting.declaration.key;
        let declared = self.take(key).and_then(|Placed { at, value }| {
            let parsed = parsed(setting, value);
            self.keep(at, key, parsed)
        });
        let declared = declared.map(|Placed { at, value }| (Spot::Byte(at), value));
        let given = self.given(setting).or(declared);
        given.map_or_else(
            || setting.default.clone(),
            |(spot, value)| {
                self.valid.push((key, spot));
                value
            },
        )
    }

    /// Takes the value of a setting's flag or variable.
    fn given<T>(&mut self, setting: &Setting<T>) -> Option<(Spot, T)> {
        let flag = setting.declaration.flag?;
        let spot = Spot::Flag(flag);
        match (setting.parse)(&[self.overrides.get(flag)?]) {
            Ok(value) => Some((spot, value)),
            Err(problem) => {
                self.report.fault(spot, problem);
                None
            }
        }
    }

    /// Returns the place of a setting's value, unless it is the default.
    pub(super) fn spot<T>(&self, setting: &Setting<T>) -> Option<Spot> {
        let valid = self.valid.iter().find(|(key, _)| *key == setting.declaration.key);
        valid.map(|(_, spot)| *spot)
    }

    /// Reports a problem with the value of a setting, unless it is the default.
    pub(super) fn refuse<T>(&mut self, setting: &Setting<T>, problem: &str) {
        if let Some(spot) = self.spot(setting) {
            let key = setting.declaration.key;
            self.report.fault(spot, format!("{}.{key}: {problem}", self.name));
        }
    }

    /// Returns the text of `key` in the file, without taking it.
    pub(super) fn peek(&self, key: &str) -> Option<&str> {
        self.table.get(key)?.as_str()
    }

    /// Takes text. `form` describes it for a message about another type.
    pub(super) fn text<T>(
        &mut self,
        key: &'static str,
        form: &str,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<Placed<T>> {
        let Placed { at, value } = self.take(key)?;
        let found = kind(&value);
        let parsed = if let ValueInner::String(text) = value {
            // The text is wiped: it can be a secret that the parser copied to resolve its escapes.
            let text = Zeroizing::new(text.into_owned());
            parse(&text).map_err(|invalid| invalid.to_string())
        } else {
            Err(format!("must be {form}, not {found}"))
        };
        self.keep(at, key, parsed)
    }

    /// Takes required text.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        form: &str,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<Placed<T>> {
        if !self.table.contains_key(key) {
            self.known.push(key);
            self.fault_of_all(&format!("needs {key}"));
            return None;
        }
        self.text(key, form, parse)
    }

    /// Returns the byte offset of `key`, if it is there.
    pub(super) fn place(&self, key: &str) -> Option<usize> {
        let taken = self.taken.iter().find(|(taken, _)| *taken == key).map(|(_, at)| *at);
        taken.or_else(|| self.table.get_key_value(key).map(|(key, _)| key.span.start))
    }

    /// Takes a list of texts.
    pub(super) fn texts<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&[&str]) -> Result<T, Invalid>,
    ) -> Option<Placed<T>> {
        let Placed { at, value } = self.take(key)?;
        let found = kind(&value);
        let parsed = if let ValueInner::Array(values) = value {
            let texts: Option<Vec<&str>> = values.iter().map(Value::as_str).collect();
            texts
                .ok_or_else(|| "must be a list of strings only".to_owned())
                .and_then(|texts| parse(&texts).map_err(|invalid| invalid.to_string()))
        } else {
            Err(format!("must be a list of strings, not {found}"))
        };
        self.keep(at, key, parsed)
    }

    /// Takes a table of free keys, each with a text.
    pub(super) fn entries<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&[(&str, &str)]) -> Result<T, Invalid>,
    ) -> Option<Placed<T>> {
        let Placed { at, value } = self.take(key)?;
        let found = kind(&value);
        let parsed = if let ValueInner::Table(table) = value {
            let texts = table.iter().map(|(name, value)| Some((&*name.name, value.as_str()?)));
            let texts: Option<Vec<(&str, &str)>> = texts.collect();
            texts
                .ok_or_else(|| "must have strings only for values".to_owned())
                .and_then(|texts| parse(&texts).map_err(|invalid| invalid.to_string()))
        } else {
            Err(format!("must be a table of strings, not {found}"))
        };
        self.keep(at, key, parsed)
    }

    /// Takes the attributes of a client or user.
    pub(super) fn attributes(&mut self) -> Option<Attributes> {
        let parse = |entries: &[(&str, &str)]| Attributes::from_entries(entries.iter().copied());
        self.entries("attributes", parse).map(Placed::value)
    }

    /// Takes `true` or `false`.
    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        let Placed { at, value } = self.take(key)?;
        let parsed =
            value.as_bool().ok_or_else(|| format!("must be true or false, not {}", kind(&value)));
        Some(self.keep(at, key, parsed)?.value)
    }

    /// Takes a whole number from 1 to `most`.
    pub(super) fn count(&mut self, key: &'static str, most: u32) -> Option<Placed<u32>> {
        let Placed { at, value } = self.take(key)?;
        let parsed = value
            .as_integer()
            .ok_or_else(|| format!("must be a whole number, not {}", kind(&value)))
            .and_then(|number| {
                let fitting = u32::try_from(number).ok().filter(|n| (1..=most).contains(n));
                fitting.ok_or_else(|| format!("must be 1 to {most}"))
            });
        self.keep(at, key, parsed)
    }

    fn keep<T>(&mut self, at: usize, key: &str, parsed: Result<T, String>) -> Option<Placed<T>> {
        match parsed {
            Ok(value) => Some(Placed { at, value }),
            Err(problem) => {
                self.fault(at, key, &problem);
                None
            }
        }
    }

    /// Reports a problem with the value of `key` at the byte offset `at`.
    pub(super) fn fault(&mut self, at: usize, key: &str, problem: &str) {
        let dot = if self.name.is_empty() { "" } else { "." };
        self.report.fault(Spot::Byte(at), format!("{}{dot}{key}: {problem}", self.name));
    }

    /// Reports a problem with the table as a whole.
    pub(super) fn fault_of_all(&mut self, problem: &str) {
        self.report.fault(Spot::Byte(self.at), format!("{}: {problem}", self.name));
    }

    /// Returns the report so far.
    pub(super) fn report(&mut self) -> &mut Report<'t> {
        self.report
    }

    /// Reports every key that was not asked for.
    pub(super) fn finish(mut self) {
        self.finish_beside(&[]);
    }

    /// Reports every key that was not asked for, but for those that others read.
    pub(super) fn finish_beside(&mut self, others: &[&'static str]) {
        self.known.extend(others);
        for key in self.table.keys().filter(|key| !others.contains(&&*key.name)) {
            let Span { start, .. } = key.span;
            self.report.fault(Spot::Byte(start), unknown_key(&key.name, &self.known));
        }
    }
}

/// Parses a value of the file.
fn parsed<T>(setting: &Setting<T>, value: ValueInner<'_>) -> Result<T, String> {
    let (form, found) = (setting.declaration.form, kind(&value));
    let one = |text: &str| (setting.parse)(&[OsStr::new(text)]);
    match (form, value) {
        // The text is wiped: it can be a secret that the parser copied to resolve its escapes.
        (
            Form::Text(_) | Form::Amount(_) | Form::Secret(_) | Form::Path,
            ValueInner::String(text),
        ) => one(&Zeroizing::new(text.into_owned())),
        (Form::Number, ValueInner::Integer(number)) => one(&number.to_string()),
        (Form::Switch, ValueInner::Boolean(on)) => one(if on { "true" } else { "false" }),
        (Form::Texts, ValueInner::Array(values)) => {
            let texts: Option<Vec<_>> =
                values.iter().map(|value| value.as_str().map(OsStr::new)).collect();
            (setting.parse)(&texts.ok_or("must be a list of strings only")?)
        }
        _ => Err(format!("must be {}, not {found}", form.description())),
    }
}

/// Describes a value's type, never the value.
fn kind(value: &ValueInner<'_>) -> &'static str {
    match value {
        ValueInner::String(_) => "a string",
        ValueInner::Integer(_) => "a whole number",
        ValueInner::Float(_) => "a fraction",
        ValueInner::Boolean(_) => "true or false",
        ValueInner::Array(_) => "a list",
        ValueInner::Table(_) => "a table",
    }
}
