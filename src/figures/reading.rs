//! The metrics of a process at one moment, read from Prometheus' text format 0.0.4.

use std::collections::BTreeMap;

use thiserror::Error;

/// One series: its labels and its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series {
    pub(super) labels: Vec<(String, String)>,
    pub(super) value: f64,
}

impl Series {
    /// Returns the value of a label; empty without it.
    pub(super) fn label(&self, name: &str) -> &str {
        let found = self.labels.iter().find(|(label, _)| label == name);
        found.map_or("", |(_, value)| value)
    }
}

/// All series of a process at one moment, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading(BTreeMap<String, Vec<Series>>);

/// The text is none of this format.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("line {line} is no metric")]
pub struct NotRead {
    /// Number of the line, from 1.
    pub line: usize,
}

impl Reading {
    /// Reads a text of the format. Comments are passed over.
    ///
    /// # Errors
    /// The first line that is no series.
    pub fn parse(text: &str) -> Result<Self, NotRead> {
        let mut families = BTreeMap::<_, Vec<_>>::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, series) = series(line).ok_or(NotRead { line: at + 1 })?;
            families.entry(name.to_owned()).or_default().push(series);
        }
        Ok(Self(families))
    }

    /// Returns the series of a name.
    pub(super) fn series(&self, name: &str) -> &[Series] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }
}

fn series(line: &str) -> Option<(&str, Series)> {
    let (name, rest) = line.split_at(line.find(['{', ' '])?);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    // A time may follow.
    let value = rest.split_whitespace().next()?.parse().ok()?;
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    is_name.then_some((name, Series { labels, value }))
}

/// Reads labels up to the closing brace. Returns the text behind it, too.
fn labels(mut rest: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, behind) = rest.split_once("=\"")?;
        let (value, behind) = quoted(behind)?;
        labels.push((name.trim().to_owned(), value));
        rest = behind;
    }
}

/// Reads a label's value up to the closing quote. Returns the text behind it, too.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match letters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_read_with_their_labels_and_escapes() {
        let text = "# HELP a A.\n# TYPE a counter\na 3\nb{c=\"d\",e=\"f\\\"g\\\\h\\ni\"} 1.5e3\nb{} +Inf\n";
        let reading = Reading::parse(text).expect("metrics");
        assert_eq!(reading.series("a"), [Series { labels: Vec::new(), value: 3.0 }]);
        let [first, second] = reading.series("b") else { panic!("two") };
        assert_eq!((first.label("c"), first.label("e")), ("d", "f\"g\\h\ni"));
        assert_eq!((first.label("x"), first.value), ("", 1_500.0));
        assert!(second.value.is_infinite());
        assert!(reading.series("c").is_empty());
    }

    #[test]
    fn a_line_that_is_no_series_is_named() {
        for (text, line) in
            [("<html>", 1), ("a 1\nb{c=\"d} 2", 2), ("a", 1), ("a b", 1), ("a-b 1", 1)]
        {
            assert_eq!(Reading::parse(text), Err(NotRead { line }), "{text}");
        }
    }
}
