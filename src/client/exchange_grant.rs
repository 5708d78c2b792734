//! The grant of a request that exchanges a token (RFC 8693 §2.1).

use crate::proto::v1::{TokenExchangeGrant, issue_token_request::Grant};

/// Shows `subject_token`, an access token of a user.
pub(super) fn exchange_grant(subject_token: &str) -> Grant {
    let subject_token = subject_token.to_owned();
    Grant::TokenExchange(TokenExchangeGrant { subject_token, ..TokenExchangeGrant::default() })
}
