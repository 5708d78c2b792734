//! HTTP/2 frames, byte by byte (RFC 9113 §4, RFC 7541).

/// The preface and empty SETTINGS.
pub(crate) const GREETING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RESET: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;
/// Of no RFC (RFC 9113 §5.5).
pub(crate) const UNKNOWN: u8 = 0xbe;

pub(crate) const NO_FLAGS: u8 = 0;
/// Flag of SETTINGS and PING.
pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const PADDED: u8 = 8;

/// A frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short payload").to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The headers of a call to `path`, with nothing indexed.
pub(crate) fn call(path: &str) -> Vec<u8> {
    // POST and http are in the static table.
    let mut block = vec![0x83, 0x86];
    for (index, value) in
        [(&[0x04][..], path.as_bytes()), (&[0x01], b"test"), (&[0x0f, 0x10], b"application/grpc")]
    {
        block.extend(index);
        block.push(u8::try_from(value.len()).expect("a short value"));
        block.extend(value);
    }
    block
}

/// Few bytes for many headers: one long header goes into the table, and is then named again and again.
pub(crate) fn bomb(path: &str) -> Vec<u8> {
    let mut block = call(path);
    // With incremental indexing: the name `x`, and a value of 3,900 bytes (RFC 7541 §5.1).
    block.extend([0x40, 1, b'x', 0x7f]);
    block.extend([0xbd, 0x1d]);
    block.extend([b'y'; 3_900]);
    // The newest entry of the table.
    block.extend([0xbe; 12_000]);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_says_how_long_it_is_and_of_which_stream() {
        let reset = frame(RESET, NO_FLAGS, 0x0102_0304, &[0, 0, 0, 8]);
        assert_eq!(reset, [0, 0, 4, 3, 0, 1, 2, 3, 4, 0, 0, 0, 8]);
        // 127 + 0x3d + (0x1d << 7) is the value's length.
        assert_eq!(127 + 0x3d + (0x1d << 7), 3_900);
    }
}
