//! Clients whose access tokens are signed, and the key that signs them.

use std::time::Duration;

use jeton::{
    domain::{
        access_format::AccessTokenFormat, algorithm::Algorithm, audience::Audience, client::Client,
        entropy::Entropy, signing_times::SigningTimes, time::Timestamp,
    },
    jose::{SigningKey, SigningRing, TimedKey},
    service::Signing,
};

/// The client, with signed access tokens.
pub(crate) fn signed(client: Client) -> Client {
    let audience = Audience::from_names(["billing"]).expect("an audience");
    Client { access_token_format: AccessTokenFormat::Jwt, audience, ..client }
}

/// A signer with a key that has signed for ever.
pub(crate) fn signing(entropy: &dyn Entropy) -> Signing {
    let key = SigningKey::generate(Algorithm::EdDsa, entropy).expect("a key");
    let key = SigningKey::from_pkcs8(&key).expect("a key").into();
    let sign_time = Some(Timestamp::default());
    let times = SigningTimes { create_time: Timestamp::default(), sign_time };
    let ring = SigningRing::new(vec![TimedKey { key, times }]);
    Signing::new("https://tokens.example.internal", ring, Duration::from_secs(300))
}
