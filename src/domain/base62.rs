//! Bytes as letters and digits: every 8 bytes become exactly 11 characters, so one text has one decoding.

/// Bytes in a block.
const BLOCK_BYTES: usize = 8;
/// Characters in a block: 62^11 > 2^64, 62^10 < 2^64.
const BLOCK_CHARS: usize = 11;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const INVALID: u8 = 0xff;
const VALUES: [u8; 256] = values();
/// Values of the digits of a block, without its last one.
const POWERS: [u64; BLOCK_CHARS - 1] = powers();

const fn values() -> [u8; 256] {
    let mut table = [INVALID; 256];
    let mut value = 0u8;
    while (value as usize) < ALPHABET.len() {
        table[ALPHABET[value as usize] as usize] = value;
        value += 1;
    }
    table
}

const fn powers() -> [u64; BLOCK_CHARS - 1] {
    let mut powers = [1; BLOCK_CHARS - 1];
    let mut place = powers.len() - 1;
    while place > 0 {
        powers[place - 1] = powers[place] * 62;
        place -= 1;
    }
    powers
}

/// Characters that `bytes` bytes take as text. `bytes` is a multiple of 8.
pub(crate) const fn text_len(bytes: usize) -> usize {
    bytes / BLOCK_BYTES * BLOCK_CHARS
}

/// Appends the text of `bytes`, whose length is a multiple of 8.
pub(crate) fn encode_into(bytes: &[u8], text: &mut String) {
    debug_assert_eq!(bytes.len() % BLOCK_BYTES, 0);
    for block in bytes.chunks_exact(BLOCK_BYTES) {
        let mut value = block.iter().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
        let mut chars = [0u8; BLOCK_CHARS];
        for char in chars.iter_mut().rev() {
            *char = ALPHABET[(value % 62) as usize];
            value /= 62;
        }
        text.push_str(str::from_utf8(&chars).expect("letters and digits"));
    }
}

/// Decodes exactly `N` bytes. `None` for another length, another alphabet, or a block beyond 64
/// bits (which no encoder makes), so that decode-then-encode gives the same text.
pub(crate) fn decode<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    if text.len() != text_len(N) {
        return None;
    }
    let mut bytes = [0; N];
    let blocks = bytes.as_chunks_mut::<BLOCK_BYTES>().0;
    for (chars, block) in text.as_chunks().0.iter().zip(blocks) {
        *block = decode_block(chars)?.to_be_bytes();
    }
    Some(bytes)
}

/// Each digit is multiplied by what its place counts: so none waits for the one before it.
fn decode_block(chars: &[u8; BLOCK_CHARS]) -> Option<u64> {
    let [first @ .., last] = chars;
    let last = VALUES[usize::from(*last)];
    // All but the last cannot overflow: see `BLOCK_CHARS`. Nothing is decided until the end.
    let (mut value, mut strange) = (0u64, last == INVALID);
    for (char, power) in first.iter().zip(&POWERS) {
        let digit = VALUES[usize::from(*char)];
        strange |= digit == INVALID;
        value = value.wrapping_add(u64::from(digit).wrapping_mul(*power));
    }
    if strange {
        return None;
    }
    value.checked_mul(62)?.checked_add(u64::from(last))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(bytes: &[u8]) -> String {
        let mut text = String::new();
        encode_into(bytes, &mut text);
        text
    }

    #[test]
    fn the_largest_block_is_the_last_text_that_decodes() {
        assert_eq!(encode(&[0xff; 8]), "LygHa16AHYF");
        assert_eq!(decode::<8>(b"LygHa16AHYF"), Some([0xff; 8]));
        assert_eq!(decode::<8>(b"LygHa16AHYG"), None);
    }

    proptest! {
        #[test]
        fn bytes_survive_the_text(bytes: [u8; 24]) {
            prop_assert_eq!(decode::<24>(encode(&bytes).as_bytes()), Some(bytes));
        }

        #[test]
        fn whatever_decodes_encodes_to_the_same_text(text in "[0-9A-Za-z]{22}") {
            if let Some(bytes) = decode::<16>(text.as_bytes()) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }

        #[test]
        fn other_characters_and_lengths_are_refused(text in ".{0,40}") {
            let plain = text.len() == 22 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if !plain {
                prop_assert_eq!(decode::<16>(text.as_bytes()), None);
            }
        }
    }
}
