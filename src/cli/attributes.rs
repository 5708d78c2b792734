//! Attributes of clients and users: the facts that introspection shows.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// Reads `name=value`; the value may hold further equals signs.
pub(super) fn parse(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("an attribute is written NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// As they are printed.
pub(super) fn object(attributes: HashMap<String, String>) -> Map<String, Value> {
    attributes.into_iter().map(|(name, value)| (name, value.into())).collect()
}
