//! Keys of nobody, for the work that a client's own key would make.

use std::sync::LazyLock;

use serde_json::Value;

use crate::{
    domain::algorithm::Algorithm,
    jose::{KeySet, SignedToken},
};

/// Keys of nobody, one of each type.
static DECOYS: LazyLock<Vec<Decoy>> = LazyLock::new(|| {
    let listed: Option<Value> = serde_json::from_slice(include_bytes!("decoys.json")).ok();
    let keys = listed.as_ref().and_then(|listed| listed["keys"].as_array());
    keys.into_iter().flatten().filter_map(Decoy::new).collect()
});

/// The key of nobody that is of one type, as a set of one.
pub(in crate::service) struct Decoy {
    text: String,
    keys: KeySet,
}

impl Decoy {
    fn new(key: &Value) -> Option<Self> {
        let text = format!(r#"{{"keys":[{key}]}}"#);
        let (keys, _) = KeySet::read(text.as_bytes()).ok()?;
        Some(Self { text, keys })
    }

    /// Returns the one that can verify signatures of the token's algorithm.
    pub(in crate::service) fn of(token: &SignedToken<'_>) -> Option<&'static Self> {
        DECOYS.iter().find(|decoy| token.can_be_of(&decoy.keys))
    }

    /// Does the work of reading a client's one key and verifying the signature by it.
    pub(in crate::service) fn read_and_try(&self, token: &SignedToken<'_>) {
        if let Ok((keys, _)) = KeySet::read(self.text.as_bytes()) {
            drop(token.verify(&keys, &Algorithm::ALL));
        }
    }

    /// Does the work of verifying the signature by a client's key.
    pub(in crate::service) fn try_on(&self, token: &SignedToken<'_>) {
        drop(token.verify(&self.keys, &Algorithm::ALL));
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

    use super::*;
    use crate::domain::{cause::Cause, secret::Secret};

    #[test]
    fn a_token_of_each_algorithm_costs_one_key_and_one_verification_whatever_key_it_names() {
        for algorithm in Algorithm::ALL {
            for kid in ["", r#","kid":"a""#] {
                let header = format!(r#"{{"alg":"{}"{kid}}}"#, algorithm.name());
                let header = BASE64_URL_SAFE_NO_PAD.encode(header);
                let text = Secret::new(format!("{header}.e30.AAAA"));
                let token = SignedToken::parse(&text).expect("a token");
                let fitting = DECOYS.iter().filter(|decoy| token.can_be_of(&decoy.keys));
                assert_eq!(fitting.count(), 1, "{}", algorithm.name());
                let decoy = Decoy::of(&token).expect("a decoy");
                assert_eq!(decoy.keys.len(), 1);
                let tried = token.verify(&decoy.keys, &Algorithm::ALL);
                assert_eq!(tried.err(), Some(Cause::WrongSignature), "{}", algorithm.name());
            }
        }
    }
}
