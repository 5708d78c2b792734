//! Signed JWTs and key sets of strangers: nothing panics, nothing is verified by luck, and no text of a
//! token is printed.

#![no_main]

use jeton::{
    domain::{algorithm::Algorithm, secret::Secret},
    jose::{KeySet, MAX_TOKEN_BYTES, SignedToken},
};
use libfuzzer_sys::fuzz_target;

/// The key of RFC 8037 appendix A.2.
const KEYS: &[u8] = br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

fuzz_target!(|text: &str| {
    let token = Secret::new(text);
    if let Ok(parsed) = SignedToken::parse(&token) {
        assert!(text.len() <= MAX_TOKEN_BYTES);
        assert_eq!(format!("{parsed:?}"), "SignedToken(…)");
        let (keys, _) = KeySet::read(KEYS).expect("a key");
        assert!(parsed.verify(&keys, &Algorithm::ALL).is_err());
    }
    if let Ok((keys, _)) = KeySet::read(text.as_bytes()) {
        assert!((1..=KeySet::MAX_KEYS).contains(&keys.len()));
    }
});
