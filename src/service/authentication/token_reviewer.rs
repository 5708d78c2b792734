//! The contract of a question to an issuer about one of its tokens.

use futures_util::future::BoxFuture;

use crate::domain::{secret::Secret, token_review::TokenReview};

/// An issuer that can be asked about its tokens.
pub trait TokenReviewer: Send + Sync {
    /// Asks about a token that is meant for `audience`. A token that is not good is an answer.
    ///
    /// # Errors
    /// The reason for which nobody knows, without anything of the token in it.
    fn review<'a>(
        &'a self,
        token: &'a Secret,
        audience: &'a str,
    ) -> BoxFuture<'a, Result<TokenReview, Box<str>>>;
}
