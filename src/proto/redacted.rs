//! `Debug` for messages that carry secrets: their name and nothing else.

use std::fmt;

#[cfg(feature = "server")]
use super::envoy::{
    config::core::v3::HeaderValue, service::auth::v3::attribute_context::HttpRequest,
};
use super::v1;

macro_rules! redacted {
    ($($message:ty => $name:literal),* $(,)?) => {
        /// Names of the messages whose `Debug` shows no field.
        #[cfg(test)]
        const REDACTED: &[&str] = &[$($name),*];
        $(
        impl fmt::Debug for $message {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct($name).finish_non_exhaustive()
            }
        }
        )*
    };
}

redacted! {
    v1::PasswordGrant => "PasswordGrant",
    v1::JwtBearerGrant => "JwtBearerGrant",
    v1::TokenExchangeGrant => "TokenExchangeGrant",
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
    v1::ExplainTokenRequest => "ExplainTokenRequest",
    v1::explain_token_request::What => "What",
}

/// Shows nothing of visitors' requests: their tokens are in them.
#[cfg(feature = "server")]
impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest").finish_non_exhaustive()
    }
}

#[cfg(feature = "server")]
impl fmt::Debug for HeaderValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeaderValue").field("key", &self.key).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use prost_types::FileDescriptorSet;

    use super::*;
    use crate::proto::{
        FILE_DESCRIPTOR_SET,
        envoy::{
            config::core::v3::HeaderMap,
            service::auth::v3::{AttributeContext, CheckRequest, attribute_context},
        },
    };

    /// Names of fields that carry a secret, wherever they stand.
    const SECRET_FIELDS: [&str; 10] = [
        "access_token",
        "actor_token",
        "assertion",
        "client_assertion",
        "client_secret",
        "password",
        "refresh_token",
        "subject_token",
        "token",
        "tokens",
    ];

    #[test]
    fn every_message_with_a_secret_field_is_redacted() {
        let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("the build wrote it");
        let ours = set.file.iter().filter(|file| file.package() == "jeton.v1");
        let messages: Vec<_> = ours.flat_map(|file| &file.message_type).collect();
        let secret = |name: &str| {
            let text = prost_types::field_descriptor_proto::Type::String;
            let message =
                messages.iter().find(|message| message.name() == name).expect("a message");
            let mut fields = message.field.iter();
            fields.any(|field| SECRET_FIELDS.contains(&field.name()) && field.r#type() == text)
        };
        let names = messages.iter().map(|message| message.name());
        let bearing: Vec<&str> = names.filter(|name| secret(name)).collect();
        assert!(bearing.len() > 10, "{bearing:?}");
        for name in bearing {
            assert!(REDACTED.contains(&name), "{name}");
        }
    }

    #[test]
    fn no_message_shows_what_it_carries() {
        let request = v1::IssueTokenRequest {
            client_secret: "hidden-1".into(),
            client_assertion: "hidden-11".into(),
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
        let header = |raw_value: &str| HeaderValue {
            key: "authorization".into(),
            value: "Bearer hidden-7".into(),
            raw_value: raw_value.into(),
        };
        let visitor = CheckRequest {
            attributes: Some(AttributeContext {
                request: Some(attribute_context::Request {
                    http: Some(HttpRequest {
                        headers: [("authorization".into(), "Bearer hidden-8".into())].into(),
                        header_map: Some(HeaderMap { headers: vec![header("hidden-9")] }),
                    }),
                }),
                ..Default::default()
            }),
        };
        let shown = format!("{request:?} {:?} {refresh:?} {answer:?}", request.grant);
        let shown = format!("{shown} {visitor:?} {:?}", header("hidden-10"));
        assert!(shown.contains("IssueTokenRequest"), "{shown}");
        assert!(!shown.contains("hidden"), "{shown}");
    }
}
