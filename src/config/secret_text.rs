//! The text of a secret in a file or an environment variable.

/// Returns the text without a leading byte order mark and one trailing line end, which editors,
/// `echo` and secret stores add.
pub fn secret_text(text: &str) -> &str {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let line = text.strip_suffix('\n').unwrap_or(text);
    line.strip_suffix('\r').unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_end_and_a_byte_order_mark_are_dropped_and_no_more() {
        for (text, secret) in [
            ("a", "a"),
            ("a\n", "a"),
            ("a\r\n", "a"),
            ("a\r", "a"),
            ("a\n\n", "a\n"),
            ("a\n\r\n", "a\n"),
            ("\u{feff}a\n", "a"),
            ("a\u{feff}", "a\u{feff}"),
            (" a ", " a "),
            ("\n", ""),
            ("", ""),
        ] {
            assert_eq!(secret_text(text), secret, "{text:?}");
        }
    }
}
