//! `Debug` for messages that carry secrets: their name and nothing else.

use std::fmt;

use super::v1;

macro_rules! redacted {
    ($($message:ty => $name:literal),* $(,)?) => {$(
        impl fmt::Debug for $message {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct($name).finish_non_exhaustive()
            }
        }
    )*};
}

redacted! {
    v1::PasswordGrant => "PasswordGrant",
    v1::IssueTokenRequest => "IssueTokenRequest",
    v1::issue_token_request::Grant => "Grant",
    v1::IssueTokenResponse => "IssueTokenResponse",
    v1::RefreshTokenRequest => "RefreshTokenRequest",
    v1::RefreshTokenResponse => "RefreshTokenResponse",
    v1::RevokeTokenRequest => "RevokeTokenRequest",
    v1::IntrospectRequest => "IntrospectRequest",
    v1::BatchIntrospectRequest => "BatchIntrospectRequest",
    v1::CreateClientRequest => "CreateClientRequest",
    v1::CreateClientResponse => "CreateClientResponse",
    v1::RotateClientSecretRequest => "RotateClientSecretRequest",
    v1::RotateClientSecretResponse => "RotateClientSecretResponse",
    v1::CreateUserRequest => "CreateUserRequest",
    v1::SetUserPasswordRequest => "SetUserPasswordRequest",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_shows_what_it_carries() {
        let request = v1::IssueTokenRequest {
            client_secret: "hidden-1".into(),
            grant: Some(v1::issue_token_request::Grant::Password(v1::PasswordGrant {
                username: "alice".into(),
                password: "hidden-2".into(),
            })),
            ..Default::default()
        };
        let refresh = v1::RefreshTokenRequest {
            client_secret: "hidden-3".into(),
            refresh_token: "hidden-4".into(),
            ..Default::default()
        };
        let answer = v1::IssueTokenResponse {
            access_token: "hidden-5".into(),
            refresh_token: "hidden-6".into(),
            ..Default::default()
        };
        let shown = format!("{request:?} {:?} {refresh:?} {answer:?}", request.grant);
        assert!(shown.contains("IssueTokenRequest"), "{shown}");
        assert!(!shown.contains("hidden"), "{shown}");
    }
}
