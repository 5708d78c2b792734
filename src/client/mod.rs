//! A client of a running server, for services that call it or check tokens that they receive.
//!
//! * [`endpoint`] and [`connect`] reach the server.
//! * [`TokenClient`] makes the calls: deadlines, safe retries, typed errors. [`OwnToken`] keeps a
//!   client's own token fresh, and [`AssertionFile`] proves who the client is without a secret.
//! * [`Validator`] checks tokens from memory and follows the revocations.
//! * [`layer`] puts a validator in front of a tonic or axum service, and gives calls to the next service a token
//!   that an [`Exchanger`] obtains.

mod asserting;
mod assertion_file;
mod authorization;
mod basic;
mod connection;
mod convert;
mod error;
mod exchange_grant;
mod exchanged_tokens;
mod exchanger;
mod kept_tokens;
pub mod layer;
mod own_token;
mod retry;
mod token_client;
pub mod validator;

pub use self::{
    assertion_file::{ASSERTION_TYPE, Assertion, AssertionFile, AssertionFileError},
    authorization::Authorization,
    basic::{Basic, with_basic},
    connection::{Admin, administer, connect, endpoint},
    error::Error,
    exchanged_tokens::{ExchangedTokens, NotExchanged},
    exchanger::Exchanger,
    own_token::{Issue, IssuedToken, OwnToken},
    retry::Limits,
    token_client::{Credentials, TokenClient},
    validator::{Refusal, Validator},
};
pub use crate::bearer::{
    AncestorGrant, CertificateIdentity, Claims, Confirmation, PeerCertificate,
};
