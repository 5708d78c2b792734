//! The one decision on requests with bearer tokens: may the bearer of this token pass here?
//!
//! It is made from the values of `Authorization` as they came and from what the operator of the
//! place requires; nothing else that the visitor sends counts. Every wire that guards a service for
//! somebody uses it: the client's tower layer, Envoy's `ext_authz` and `/check`.
//!
//! | | gRPC | HTTP | `WWW-Authenticate: Bearer` |
//! |---|---|---|---|
//! | no token, where one is required | `UNAUTHENTICATED` | 401 | |
//! | more than one, or no bearer token's text | `UNAUTHENTICATED` | 400 | `error="invalid_request"` |
//! | not active, or not meant for this service | `UNAUTHENTICATED` | 401 | `error="invalid_token"` |
//! | lacks a scope | `PERMISSION_DENIED` | 403 | `error="insufficient_scope"` |
//! | cannot be decided at present | `UNAVAILABLE` | 503 | |

mod authorization;
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
    claims::Claims,
    decision::{Bearer, Introspector, NotGood, check},
    denial::Denial,
    identity::IdentityHeaders,
    requirement::Requirement,
    route::RouteFault,
};
