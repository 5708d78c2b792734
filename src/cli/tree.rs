//! Things that hang below others, as lines for people.

use super::table::printable;

/// A line, and those that hang below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) text: String,
    pub(super) below: Vec<Self>,
}

impl Node {
    /// A line with nothing below it.
    pub(super) fn leaf(text: impl Into<String>) -> Self {
        Self { text: text.into(), below: Vec::new() }
    }

    /// Returns the lines: this one, and each below with what joins it to this.
    pub(super) fn lines(&self) -> String {
        let mut lines = format!("{}\n", printable(&self.text));
        self.draw("", &mut lines);
        lines
    }

    fn draw(&self, margin: &str, lines: &mut String) {
        for (place, node) in self.below.iter().enumerate() {
            let last = place + 1 == self.below.len();
            let (joint, under) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            lines.extend([margin, joint, &printable(&node.text), "\n"]);
            node.draw(&format!("{margin}{under}"), lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_to_what_they_hang_below() {
        let two = Node { text: "two".to_owned(), below: vec![Node::leaf("three")] };
        let root = Node { text: "one".to_owned(), below: vec![two, Node::leaf("a\u{1b}b")] };
        assert_eq!(root.lines(), "one\n├─ two\n│  └─ three\n└─ a\\u{1b}b\n");
    }
}
