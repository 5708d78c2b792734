//! A signing key as text: its times in lines of their own, then PKCS#8 as PEM (RFC 7468).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};
use zeroize::Zeroizing;

use crate::domain::{signing_times::SigningTimes, time::Timestamp};

const CREATED: &str = "Created: ";
const SIGNS: &str = "Signs-From: ";
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
/// Characters in a line of PEM.
const LINE: usize = 64;

/// The text of a key.
pub(super) fn write(pkcs8: &[u8], times: SigningTimes) -> Zeroizing<String> {
    let encoded = Zeroizing::new(BASE64_STANDARD.encode(pkcs8));
    // Room for all of it at once: a buffer that grows leaves copies behind that are not wiped.
    let mut text = Zeroizing::new(String::with_capacity(2 * encoded.len() + 256));
    let mut line = |parts: [&str; 2]| {
        for part in parts {
            text.push_str(part);
        }
        text.push('\n');
    };
    line([CREATED, &shown(times.create_time)]);
    if let Some(time) = times.sign_time {
        line([SIGNS, &shown(time)]);
    }
    line([BEGIN, ""]);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (first, others) = rest.split_at(rest.len().min(LINE));
        line([first, ""]);
        rest = others;
    }
    line([END, ""]);
    text
}

/// Reads a key and its times. Without times it is one that was never activated. `None` for other text.
pub(super) fn read(text: &[u8]) -> Option<(PrivatePkcs8KeyDer<'static>, SigningTimes)> {
    let text = str::from_utf8(text).ok()?;
    let head = text.split_once(BEGIN)?.0;
    let time = |name| head.lines().find_map(|line| line.strip_prefix(name)).map(moment);
    let create_time = match time(CREATED) {
        Some(read) => read?,
        None => Timestamp::default(),
    };
    let sign_time = match time(SIGNS) {
        Some(read) => Some(read?),
        None => None,
    };
    let key = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).ok()?;
    Some((key, SigningTimes { create_time, sign_time }))
}

/// A time as people read it, in whole seconds.
pub(super) fn shown(time: Timestamp) -> String {
    let time = UNIX_EPOCH + Duration::from_secs(time.as_secs());
    humantime::format_rfc3339_seconds(time).to_string()
}

fn moment(text: &str) -> Option<Timestamp> {
    let time: SystemTime = humantime::parse_rfc3339(text.trim_end()).ok()?;
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::default().after(since))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_and_its_times_read_back() {
        let at = |seconds: u64| Timestamp::from_millis(seconds * 1_000);
        for sign_time in [None, Some(at(1_900_000_000))] {
            let times = SigningTimes { create_time: at(1_800_000_000), sign_time };
            let text = write(&[7; 100], times);
            let (key, found) = read(text.as_bytes()).expect("a key");
            assert_eq!((key.secret_pkcs8_der(), found), ([7; 100].as_slice(), times));
            assert!(text.lines().all(|line| line.len() <= LINE));
        }
        assert!(read(b"").is_none());
        let odd = write(&[7; 100], SigningTimes::default()).replace("1970-", "yesterday-");
        assert!(read(odd.as_bytes()).is_none());
    }
}
