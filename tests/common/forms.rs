//! The forms in which bytes get into a log or a file: as they are, as numbers, encoded, escaped.

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};

/// Returns every form in which the first or the last `most` bytes of `secret` may stand, each long enough
/// not to be there by chance.
fn forms(secret: &str, most: usize) -> Vec<Vec<u8>> {
    let bytes = secret.as_bytes();
    let part = bytes.len().min(most);
    let mut forms = Vec::new();
    for part in [&bytes[..part], &bytes[bytes.len() - part..]] {
        forms.extend(forms_of(part));
    }
    forms
}

fn forms_of(part: &[u8]) -> Vec<Vec<u8>> {
    let joined = |each: &dyn Fn(&u8) -> String, between: &str| {
        part.iter().map(each).collect::<Vec<_>>().join(between)
    };
    let decimal = |byte: &u8| byte.to_string();
    let (lower, upper) = (|byte: &u8| format!("{byte:02x}"), |byte: &u8| format!("{byte:02X}"));
    let mut forms = vec![
        joined(&decimal, ", "),
        joined(&decimal, ","),
        joined(&decimal, " "),
        joined(&lower, ""),
        joined(&upper, ""),
        joined(&lower, " "),
        joined(&lower, ":"),
        joined(&|byte| format!("0x{byte:02x}"), ", "),
        joined(&|byte| format!("\\x{byte:02x}"), ""),
        joined(&|byte| format!("\\u{byte:04x}"), ""),
        joined(&|byte| format!("\\{byte:03o}"), ""),
        joined(&|byte| format!("%{byte:02X}"), ""),
        part.escape_ascii().to_string(),
        percent_encoding::percent_encode(part, percent_encoding::NON_ALPHANUMERIC).to_string(),
    ];
    // Within other text a byte may stand at any of three places of base64.
    for skipped in 0..3 {
        let text = &part[skipped.min(part.len())..];
        let whole = &text[..text.len() / 3 * 3];
        forms.push(BASE64_STANDARD_NO_PAD.encode(whole));
        forms.push(BASE64_URL_SAFE_NO_PAD.encode(whole));
    }
    let mut forms: Vec<Vec<u8>> = forms.into_iter().map(String::into_bytes).collect();
    forms.push(part.to_vec());
    forms.retain(|form| form.len() >= 8);
    forms.sort();
    forms.dedup();
    forms
}

/// Bytes that were written, to be searched.
pub(crate) struct Written(Vec<u8>);

impl Written {
    /// Leaves out the pages of a file that nothing was ever written to.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let pages = bytes.chunks(4096).filter(|page| page.iter().any(|byte| *byte != 0));
        Self(pages.flatten().copied().collect())
    }

    /// Returns whether the first or the last `most` bytes of `secret` are in it, in any form.
    pub(crate) fn leaks(&self, secret: &str, most: usize) -> bool {
        forms(secret, most).iter().any(|form| holds(&self.0, form))
    }
}

fn holds(bytes: &[u8], form: &[u8]) -> bool {
    let (first, rest) = form.split_first().expect("a form of some length");
    let mut at = 0;
    while let Some(found) = bytes[at..].iter().position(|byte| byte == first) {
        let behind = at + found + 1;
        if bytes[behind..].starts_with(rest) {
            return true;
        }
        at = behind;
    }
    false
}
