//! Numbers of bytes in the form of the settings: `256MiB`, `1GB`.

use bytesize::ByteSize;

use crate::domain::invalid::Invalid;

/// Description of the form, for error messages.
pub(super) const FORM: &str = r#"a size like "256MiB""#;

/// Parses any size. `MiB` is 1024 KiB, `MB` is 1000 kB.
pub(super) fn any(text: &str) -> Result<ByteSize, Invalid> {
    text.parse().map_err(|_| Invalid(r#"must be a size like "256MiB""#))
}

/// Parses the size of a cache: from 1 MiB to 1 TiB.
pub(super) fn cache(text: &str) -> Result<ByteSize, Invalid> {
    let size = any(text)?;
    if size < ByteSize::mib(1) || size > ByteSize::tib(1) {
        return Err(Invalid("must be 1MiB to 1TiB"));
    }
    Ok(size)
}

/// Parses the size of all headers of a request: from 1 KiB to 1 MiB.
pub(super) fn headers(text: &str) -> Result<ByteSize, Invalid> {
    within(text, ByteSize::kib(1), ByteSize::mib(1), "must be 1KiB to 1MiB")
}

/// Parses the size of a received message: from 1 KiB to 16 MiB.
pub(super) fn request(text: &str) -> Result<ByteSize, Invalid> {
    within(text, ByteSize::kib(1), ByteSize::mib(16), "must be 1KiB to 16MiB")
}

/// Parses the size of a sent message: from 64 KiB, enough for any record, to 16 MiB.
pub(super) fn response(text: &str) -> Result<ByteSize, Invalid> {
    within(text, ByteSize::kib(64), ByteSize::mib(16), "must be 64KiB to 16MiB")
}

/// Parses the size of a received body: from 1 KiB, enough for any request of this API, to 1 MiB.
pub(super) fn body(text: &str) -> Result<ByteSize, Invalid> {
    within(text, ByteSize::kib(1), ByteSize::mib(1), "must be 1KiB to 1MiB")
}

/// Parses the memory for peers: from 32 MiB, twice the longest message, to 1 TiB.
pub(super) fn pending(text: &str) -> Result<ByteSize, Invalid> {
    within(text, ByteSize::mib(32), ByteSize::tib(1), "must be 32MiB to 1TiB")
}

fn within(
    text: &str,
    least: ByteSize,
    most: ByteSize,
    bounds: &'static str,
) -> Result<ByteSize, Invalid> {
    let size = any(text)?;
    if size < least || size > most { Err(Invalid(bounds)) } else { Ok(size) }
}

/// Parses the space to keep free: zero, or from 16 MiB, of which a batch takes less than a quarter,
/// to 1 TiB.
pub(super) fn free_space(text: &str) -> Result<ByteSize, Invalid> {
    let size = any(text)?;
    if size != ByteSize(0) && (size < ByteSize::mib(16) || size > ByteSize::tib(1)) {
        return Err(Invalid("must be 0, or 16MiB to 1TiB"));
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(any("256MiB"), Ok(ByteSize(256 << 20)));
        assert_eq!(any("1 GB"), Ok(ByteSize(1_000_000_000)));
        for text in ["", "MiB", "-1MiB", "1 foot"] {
            assert!(any(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_cache_is_neither_tiny_nor_absurd() {
        assert!(cache("1MiB").is_ok() && cache("1TiB").is_ok());
        assert!(cache("0").is_err() && cache("1023KiB").is_err() && cache("2TiB").is_err());
    }

    #[test]
    fn what_peers_may_send_is_bounded_on_both_sides() {
        assert!(headers("1KiB").is_ok() && headers("2MiB").is_err() && headers("0").is_err());
        assert!(request("16MiB").is_ok() && request("17MiB").is_err());
        assert!(response("64KiB").is_ok() && response("63KiB").is_err());
    }

    #[test]
    fn space_to_keep_free_is_none_or_enough_for_a_batch() {
        assert!(["0", "0B", "16MiB", "1TiB"].iter().all(|text| free_space(text).is_ok()));
        assert!(["1B", "15MiB", "2TiB"].iter().all(|text| free_space(text).is_err()));
    }
}
