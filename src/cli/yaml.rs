//! Answers as YAML.

use serde_json::Value;
use yaml_rust2::{Yaml, YamlEmitter};

/// One document, from `---` to the end of a line.
pub(super) fn document(value: Value) -> String {
    let mut text = String::new();
    let mut emitter = YamlEmitter::new(&mut text);
    emitter.compact(true);
    emitter.dump(&yaml(value)).expect("a text takes everything");
    text.push('\n');
    text
}

fn yaml(value: Value) -> Yaml {
    match value {
        Value::Null => Yaml::Null,
        Value::Bool(truth) => Yaml::Boolean(truth),
        Value::Number(number) => {
            number.as_i64().map_or_else(|| Yaml::Real(number.to_string()), Yaml::Integer)
        }
        Value::String(text) => Yaml::String(text),
        Value::Array(items) => Yaml::Array(items.into_iter().map(yaml).collect()),
        Value::Object(entries) => {
            let entries = entries.into_iter();
            Yaml::Hash(entries.map(|(name, value)| (Yaml::String(name), yaml(value))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_looks_like_something_else_stays_text() {
        let value = json!({"id": "12", "flag": "no", "count": 12, "list": ["a: b"], "none": []});
        let text = document(value);
        assert!(text.starts_with("---\n") && text.ends_with('\n'), "{text}");
        for line in ["id: \"12\"", "flag: \"no\"", "count: 12", "- \"a: b\"", "none: []"] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
