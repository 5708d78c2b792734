//! Exchanges a code for an ID token (RFC 6749 §4.1.3, OIDC Core §3.1.3).

use form_urlencoded::Serializer;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{Authorization, OidcError, Provider, error::shown};
use crate::{domain::secret::Secret, jose::SignedToken, jwks};

/// Longest answer, in bytes: several tokens are in it.
const MAX_BYTES: usize = 256 * 1024;

#[derive(Deserialize)]
struct TokenAnswer {
    id_token: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// Returns the ID token for a code. It comes from the provider itself, over TLS, and is checked as far as
/// this login is concerned; its signature is the server's to verify (OIDC Core §3.1.3.7, 6).
///
/// # Errors
/// `Unreachable`, `Refused`, `Unusable`, and `IdToken` for one of another issuer, client or login.
pub async fn id_token(
    provider: &Provider,
    request: &Authorization,
    code: &Secret,
) -> Result<Secret, OidcError> {
    let form = Serializer::new(String::new())
        .append_pair("grant_type", "authorization_code")
        .append_pair("code", code.expose())
        .append_pair("redirect_uri", &request.redirect_uri)
        .append_pair("client_id", &request.client_id)
        .append_pair("code_verifier", request.verifier.expose())
        .finish();
    let place = provider.token_endpoint.uri.to_string();
    let posted = jwks::post_form(&provider.token_endpoint, Zeroizing::new(form), MAX_BYTES).await;
    let body = posted.map_err(|error| OidcError::Unreachable { place: place.clone(), error })?;
    let unusable = |problem| OidcError::Unusable { place: place.clone(), problem };
    let answer: TokenAnswer = serde_json::from_slice(&body)
        .map_err(|_| unusable("its token endpoint answers no JSON"))?;
    if let Some(error) = answer.error {
        let more = answer.error_description.map(|more| format!(", {}", shown(&more)));
        return Err(OidcError::Refused(format!("{}{}", shown(&error), more.unwrap_or_default())));
    }
    let token = answer.id_token.map(Secret::new);
    let token = token.ok_or_else(|| unusable("its token endpoint gives no ID token"))?;
    check(&token, provider, request).map_err(OidcError::IdToken)?;
    Ok(token)
}

fn check(token: &Secret, provider: &Provider, request: &Authorization) -> Result<(), &'static str> {
    let token = SignedToken::parse(token)
        .map_err(|_| "cannot be read: it must be signed by a public key's algorithm")?;
    let claims = token.claim_texts();
    if token.claimed_issuer() != Some(&provider.issuer) {
        return Err("is another issuer's");
    }
    if !claims.all("aud").contains(&request.client_id) {
        return Err("is for another client");
    }
    if claims.only("nonce") != Some(request.nonce.expose()) {
        return Err("is another login's: its nonce differs");
    }
    Ok(())
}
