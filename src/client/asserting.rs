//! The requests, with fields for a client's assertion where they have some.

use super::{ASSERTION_TYPE, Assertion};
use crate::proto::v1::{
    BatchIntrospectRequest, GetJwksRequest, GetRevocationCursorRequest, IntrospectRequest,
    IssueTokenRequest, RefreshTokenRequest, RevokeTokenRequest, WatchRevocationsRequest,
};

/// A request that is sent again as it is.
pub(super) trait Asserting: Clone {
    /// Puts a client's assertion into the request (RFC 7521 §4.2). A request without fields for one stays
    /// as it is.
    fn assert(&mut self, _assertion: &Assertion) {}
}

impl Asserting for IssueTokenRequest {
    fn assert(&mut self, assertion: &Assertion) {
        assertion.expose().clone_into(&mut self.client_assertion);
        ASSERTION_TYPE.clone_into(&mut self.client_assertion_type);
    }
}

impl Asserting for RefreshTokenRequest {
    fn assert(&mut self, assertion: &Assertion) {
        assertion.expose().clone_into(&mut self.client_assertion);
        ASSERTION_TYPE.clone_into(&mut self.client_assertion_type);
    }
}

impl Asserting for RevokeTokenRequest {
    fn assert(&mut self, assertion: &Assertion) {
        assertion.expose().clone_into(&mut self.client_assertion);
        ASSERTION_TYPE.clone_into(&mut self.client_assertion_type);
    }
}

impl Asserting for IntrospectRequest {}
impl Asserting for BatchIntrospectRequest {}
impl Asserting for WatchRevocationsRequest {}
impl Asserting for GetRevocationCursorRequest {}
impl Asserting for GetJwksRequest {}
