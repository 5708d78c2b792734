//! Calls by the tokens of a person: those that are about to end are renewed, and kept in their profile.

use std::{str::FromStr as _, time::Duration};

use prost_types::Timestamp;
use tonic::transport::Channel;

use super::{
    CliError,
    person_tokens::PersonTokens,
    profile::{Profile, ProfileError},
    profiles,
};
use crate::{
    app::SystemClock,
    client::Authorization,
    domain::secret::Secret,
    proto::v1::{RefreshTokenRequest, token_service_client::TokenServiceClient},
};

/// Rest of a life at which an access token is renewed: a call must end before.
const RENEWAL: Duration = Duration::from_secs(60);

/// Returns the `authorization` of calls. A token that is about to end is renewed first, and kept.
pub(super) async fn authorization(
    tokens: &PersonTokens,
    client_id: &str,
    channel: impl AsyncFnOnce() -> Result<Channel, CliError>,
) -> Result<Authorization, CliError> {
    if !ends_soon(tokens) {
        return Ok(Authorization::bearer(&tokens.access_token)?);
    }
    if tokens.refresh_token.is_empty() {
        return Err(CliError::LoginEnded(tokens.profile.clone()));
    }
    let request = RefreshTokenRequest {
        client_id: client_id.to_owned(),
        client_secret: tokens.client_secret.expose().to_owned(),
        refresh_token: tokens.refresh_token.expose().to_owned(),
        ..RefreshTokenRequest::default()
    };
    // Two commands at the same time get the same pair, within the retry window.
    let refreshed = TokenServiceClient::new(channel().await?).refresh_token(request).await;
    let pair = match refreshed.map_err(CliError::from) {
        Err(CliError::Refused(refusal)) if refusal.reason() == "INVALID_GRANT" => {
            return Err(CliError::LoginEnded(tokens.profile.clone()));
        }
        pair => pair?.into_inner(),
    };
    let renewed = PersonTokens {
        access_token: Secret::new(pair.access_token),
        expire_time: pair.expire_time.map(|end| end.to_string()).unwrap_or_default(),
        refresh_token: Secret::new(pair.refresh_token),
        ..tokens.clone()
    };
    let authorization = Authorization::bearer(&renewed.access_token)?;
    keep(renewed)?;
    Ok(authorization)
}

/// Puts the tokens into their profile.
fn keep(tokens: PersonTokens) -> Result<(), ProfileError> {
    let mut profile = Profile::load(&tokens.profile)?;
    let name = tokens.profile.clone();
    profile.person = Some(tokens);
    profiles::keep(&name, &profile).map(drop)
}

fn ends_soon(tokens: &PersonTokens) -> bool {
    let end = Timestamp::from_str(&tokens.expire_time).ok();
    let end = end.and_then(|end| u64::try_from(end.seconds).ok()).map(Duration::from_secs);
    end.is_none_or(|end| end < SystemClock::since_epoch() + RENEWAL)
}
