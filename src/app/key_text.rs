//! A server key as text: 64 hexadecimal digits and a line's end.

use zeroize::Zeroizing;

use crate::domain::key_ring::KEY_BYTES;

/// The text of a key.
pub(super) fn write(key: &[u8; KEY_BYTES]) -> Zeroizing<String> {
    // Room for all of it at once: a buffer that grows leaves copies behind that are not wiped.
    let mut text = Zeroizing::new(String::with_capacity(2 * KEY_BYTES + 1));
    for byte in key {
        text.extend([byte >> 4, byte & 0xf].map(hex_digit));
    }
    text.push('\n');
    text
}

/// Reads a key; `None` when the text is not one.
pub(super) fn read(text: &[u8]) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let digits = text.trim_ascii_end();
    if digits.len() != 2 * KEY_BYTES {
        return None;
    }
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}

fn hex_digit(value: u8) -> char {
    char::from_digit(value.into(), 16).unwrap_or('0')
}
