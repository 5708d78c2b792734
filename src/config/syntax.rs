//! Faults of a file that is not valid TOML.

use toml_span::{Error, ErrorKind, Span};

use super::{
    fault::Faults,
    report::{Report, Spot},
};

/// Adds a syntax error and ends the report, since the rest of the file cannot be checked. The
/// parser's own text is not used: it quotes characters and keys, which can be a secret without its
/// quotes.
pub(super) fn fault(error: &Error, mut report: Report<'_>) -> Faults {
    let line = |span: &Span| report.position(span.start).0;
    let problem = match &error.kind {
        ErrorKind::UnexpectedEof => "the file ends where a value should stand".into(),
        ErrorKind::ExceededDepthLimit => "nested too deeply".into(),
        ErrorKind::InvalidCharInString(_) => {
            "a string may not hold this character; is its closing quote missing?".into()
        }
        ErrorKind::InvalidEscape(_)
        | ErrorKind::InvalidHexEscape(_)
        | ErrorKind::InvalidEscapeValue(_) => r"no escape of TOML: write \\ for a backslash".into(),
        ErrorKind::Unexpected(_) => "this character may not stand here".into(),
        ErrorKind::UnterminatedString => "the string's closing quote is missing".into(),
        ErrorKind::InvalidNumber => "not a number; a string needs quotes".into(),
        ErrorKind::Wanted { expected, found } => format!("expected {expected}, found {found}"),
        ErrorKind::DuplicateTable { first, .. } => {
            format!("the same table stands on line {}", line(first))
        }
        ErrorKind::DuplicateKey { first, .. } => {
            format!("the same key stands on line {}", line(first))
        }
        ErrorKind::RedefineAsArray => "the same name is a table above, a list here".into(),
        ErrorKind::MultilineStringKey => "a key may not span lines".into(),
        ErrorKind::DottedKeyInvalidType { first } => {
            format!("what this key extends is no table on line {}", line(first))
        }
        ErrorKind::UnquotedString => "a string needs quotes".into(),
        // These come only from the parser's helpers for typed values, which are not used here.
        ErrorKind::OutOfRange(_)
        | ErrorKind::Custom(_)
        | ErrorKind::UnexpectedKeys { .. }
        | ErrorKind::MissingField(_)
        | ErrorKind::Deprecated { .. }
        | ErrorKind::UnexpectedValue { .. } => "not TOML".into(),
    };
    report.fault(Spot::Byte(error.span.start), problem);
    report.into_faults()
}
