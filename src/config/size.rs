//! Numbers of bytes in the form of the settings: `256MiB`, `1GB`.

use bytesize::ByteSize;

use super::value::{Amount, in_units};
use crate::domain::invalid::Invalid;

impl Amount for ByteSize {
    const FORM: &'static str = r#"a size like "256MiB""#;

    fn parse(text: &str) -> Result<Self, Invalid> {
        text.parse().map_err(|_| Invalid(r#"must be a size like "256MiB""#))
    }

    fn shown(&self) -> String {
        let units = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        in_units(self.as_u64(), &units)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown_as_people_write_them() {
        assert_eq!(ByteSize::parse("256MiB"), Ok(ByteSize(256 << 20)));
        assert_eq!(ByteSize::parse("1 GB"), Ok(ByteSize(1_000_000_000)));
        for text in ["", "MiB", "-1MiB", "1 foot"] {
            assert!(ByteSize::parse(text).is_err(), "{text}");
        }
        for text in ["0", "8KiB", "19MiB", "1TiB", "1023"] {
            assert_eq!(ByteSize::parse(text).expect(text).shown(), text);
        }
    }
}
