//! Prints an answer: aligned lines for people, one JSON object for scripts.

use clap::ValueEnum;
use serde_json::{Map, Value};

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Format {
    /// A line for each field
    Table,
    /// One JSON object
    Json,
}

/// Named values in the order they are shown. Empty ones are left out.
#[derive(Default)]
pub(super) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    pub(super) fn add(&mut self, name: &'static str, value: impl Into<Value>) {
        let value = value.into();
        let empty = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(entries) => entries.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        };
        if !empty {
            self.0.push((name, value));
        }
    }

    pub(super) fn print(self, format: Format) {
        match format {
            Format::Json => {
                let object: Map<_, _> =
                    self.0.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
                println!("{}", Value::Object(object));
            }
            Format::Table => {
                let width = self.0.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
                for (name, value) in self.0 {
                    println!("{name:width$}  {}", text(&value));
                }
            }
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(" "),
        Value::Object(entries) => {
            let entries = entries.iter().map(|(name, value)| format!("{name}={}", text(value)));
            entries.collect::<Vec<_>>().join(" ")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}
