//! The issuer at a URL, which the service asks about tokens.

use futures_util::future::BoxFuture;

use crate::{
    config::KeyUrl,
    domain::{secret::Secret, token_review::TokenReview},
    jwks::review_token,
    service::TokenReviewer,
};

/// Issuer with a URL for reviews of its tokens.
pub(super) struct UrlReviewer {
    pub(super) url: KeyUrl,
}

impl TokenReviewer for UrlReviewer {
    fn review<'a>(
        &'a self,
        token: &'a Secret,
        audience: &'a str,
    ) -> BoxFuture<'a, Result<TokenReview, Box<str>>> {
        Box::pin(async move {
            let answer = review_token(&self.url, token, audience).await;
            answer.map_err(|error| error.to_string().into())
        })
    }
}
