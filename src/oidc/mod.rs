//! A public client of an identity provider: logs a person in with a browser, by authorization code with
//! PKCE on loopback (RFC 8252, RFC 7636, OIDC Core).
//!
//! | file | contents |
//! |---|---|
//! | `provider` | [`Provider`], an identity provider by its metadata |
//! | `authorization` | [`Authorization`], one request for a code, and its URL |
//! | `redirect` | what the browser brings back, judged |
//! | `loopback` | [`Loopback`], the listener that the browser comes back to |
//! | `exchange` | the code for an ID token |

mod authorization;
mod error;
mod exchange;
mod loopback;
mod provider;
mod redirect;

pub use self::{
    authorization::Authorization, error::OidcError, exchange::id_token, loopback::Loopback,
    provider::Provider,
};
