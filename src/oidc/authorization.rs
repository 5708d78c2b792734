//! One request for an authorization code (RFC 6749 §4.1.1), with PKCE (RFC 7636) and a nonce.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use form_urlencoded::Serializer;
use sha2::{Digest as _, Sha256};

use super::Provider;
use crate::domain::{
    entropy::{Entropy, draw},
    secret::Secret,
};

/// A request for a code, and everything that its answer is compared with.
#[derive(Debug)]
pub struct Authorization {
    /// The client at the provider.
    pub(super) client_id: String,
    /// URL to which the browser comes back.
    pub(super) redirect_uri: String,
    scope: String,
    pub(super) state: Secret,
    pub(super) nonce: Secret,
    pub(super) verifier: Secret,
}

impl Authorization {
    /// A request of `client_id` with `scopes` beside `openid`, whose answer comes to `redirect_uri`.
    pub fn new(
        client_id: String,
        scopes: &[String],
        redirect_uri: String,
        entropy: &dyn Entropy,
    ) -> Self {
        let random = || Secret::new(BASE64_URL_SAFE_NO_PAD.encode(draw::<32>(entropy)));
        let scope = ["openid"].into_iter().chain(scopes.iter().map(String::as_str));
        let scope = scope.collect::<Vec<_>>().join(" ");
        let (state, nonce, verifier) = (random(), random(), random());
        Self { client_id, redirect_uri, scope, state, nonce, verifier }
    }

    /// The address to open in a browser. It is no secret: the verifier is not in it.
    pub fn url(&self, provider: &Provider) -> String {
        let challenge = Sha256::digest(self.verifier.expose().as_bytes());
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(challenge);
        let query = Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", &self.scope)
            .append_pair("state", self.state.expose())
            .append_pair("nonce", self.nonce.expose())
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .finish();
        let endpoint = provider.authorization_endpoint.uri.to_string();
        let joint = if endpoint.contains('?') { '&' } else { '?' };
        format!("{endpoint}{joint}{query}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Entropy for Fixed {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(7);
        }
    }

    #[test]
    fn the_address_has_the_challenge_and_not_the_verifier() {
        let redirect = "http://127.0.0.1:4711/callback".to_owned();
        let request = Authorization::new("cli".into(), &["groups".into()], redirect, &Fixed);
        let url = |endpoint: &str| {
            let text = format!(
                r#"{{"issuer":"https://a.example","authorization_endpoint":"{endpoint}","token_endpoint":"https://a.example/t"}}"#
            );
            let provider = Provider::read(text.as_bytes(), "https://a.example", None);
            request.url(&provider.expect("a provider"))
        };
        let plain = url("https://a.example/auth");
        assert!(plain.starts_with("https://a.example/auth?response_type=code&client_id=cli&"));
        assert!(plain.contains("redirect_uri=http%3A%2F%2F127.0.0.1%3A4711%2Fcallback"));
        assert!(plain.contains("&scope=openid+groups&"));
        // RFC 7636 §4.2, of 43 characters that stand for 32 bytes of 7.
        assert!(plain.ends_with(
            "&code_challenge=3Ev4DHdHPRMPoN6GukAY_pi7IUAF5qWJHRK6kURvnoE&code_challenge_method=S256"
        ), "{plain}");
        assert!(url("https://a.example/auth?tenant=1").contains("/auth?tenant=1&response_type"));
    }
}
