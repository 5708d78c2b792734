//! The one decision on requests with bearer tokens: may the bearer of this token pass?
//!
//! It depends only on the values of `Authorization`, on the certificate that the visitor has shown, and on
//! the requirements of the service's operator; no other input from the visitor counts. Every interface that guards a service uses it:
//! the client's tower layer, Envoy's `ext_authz` and `/check`.
//!
//! | | gRPC | HTTP | `WWW-Authenticate: Bearer` |
//! |---|---|---|---|
//! | no token, where one is required | `UNAUTHENTICATED` | 401 | |
//! | more than one, or not the text of a bearer token | `UNAUTHENTICATED` | 400 |
//! `error="invalid_request"` |
//! | not active, not meant for this service, or bound to another certificate | `UNAUTHENTICATED` | 401 | `error="invalid_token"` |
//! | lacks a scope | `PERMISSION_DENIED` | 403 | `error="insufficient_scope"` |
//! | cannot be decided at present | `UNAVAILABLE` | 503 | |

mod authorization;
#[cfg(feature = "server")]
pub mod certificate_text;
mod claims;
mod decision;
mod denial;
#[cfg(feature = "server")]
mod gate;
mod identity;
mod requirement;
mod route;

#[cfg(feature = "server")]
pub use self::gate::{Doorkeeper, Gate, NotPassed};
pub use self::{
    claims::{AncestorGrant, Claims},
    decision::{Bearer, Introspector, NotGood, check},
    denial::Denial,
    identity::IdentityHeaders,
    requirement::Requirement,
    route::{Route, RouteFault},
};
pub use crate::domain::{
    certificate::CertificateIdentity,
    confirmation::{Confirmation, PeerCertificate},
};
