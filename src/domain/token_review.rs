//! Reviews of tokens by the issuer that made them (Kubernetes `TokenReview`): its answer, and what it confirms.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::{assertion::Asserted, secret::Secret};

/// Answer of an issuer about one of its tokens. A part that the issuer leaves out is empty.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TokenReview {
    /// `true` if the token is good now.
    pub authenticated: bool,
    /// Those of the audiences in the question that the token is for.
    pub audiences: Vec<String>,
    /// Name of the account that the token is of.
    pub username: String,
    /// Uid of that account.
    pub uid: String,
}

impl TokenReview {
    /// Returns whether the issuer vouches for what an assertion proves, towards `audience`. The uid counts
    /// if the assertion has one.
    pub fn confirms(&self, asserted: &Asserted, audience: &str) -> bool {
        self.authenticated
            && self.audiences.iter().any(|one| one == audience)
            && self.username == asserted.subject
            && asserted.uid.as_ref().is_none_or(|uid| *uid == self.uid)
    }
}

impl fmt::Debug for TokenReview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenReview(…)")
    }
}

/// SHA-256 of a whole token: its name in memory, from which it cannot be had.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of a token.
    pub fn of(token: &Secret) -> Self {
        Self(Sha256::digest(token.expose()).into())
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::issuer_name::IssuerName;

    const HERE: &str = "https://tokens.example";
    const ACCOUNT: &str = "system:serviceaccount:shop:orders";

    fn asserted(uid: Option<&str>) -> Asserted {
        Asserted {
            issuer: IssuerName::parse("prod").expect("a name"),
            subject: ACCOUNT.to_owned(),
            uid: uid.map(str::to_owned),
        }
    }

    fn review() -> TokenReview {
        TokenReview {
            authenticated: true,
            audiences: vec![HERE.to_owned()],
            username: ACCOUNT.to_owned(),
            uid: "7c1b".to_owned(),
        }
    }

    #[test]
    fn a_review_confirms_the_account_and_the_audience_that_it_names_and_no_other() {
        let confirms = |review: TokenReview| review.confirms(&asserted(Some("7c1b")), HERE);
        assert!(confirms(review()));
        let more = vec!["https://other.example".to_owned(), HERE.to_owned()];
        assert!(confirms(TokenReview { audiences: more, ..review() }));
        let text = str::to_owned;
        for other in [
            TokenReview { authenticated: false, ..review() },
            TokenReview { audiences: Vec::new(), ..review() },
            TokenReview { audiences: vec![text("https://tokens.example/")], ..review() },
            TokenReview { username: text("system:serviceaccount:shop:order"), ..review() },
            TokenReview { username: String::new(), ..review() },
            TokenReview { uid: text("8d2c"), ..review() },
            TokenReview { uid: String::new(), ..review() },
            TokenReview::default(),
        ] {
            assert!(!confirms(other));
        }
    }

    #[test]
    fn the_uid_counts_where_the_token_has_one() {
        assert!(review().confirms(&asserted(None), HERE));
        assert!(!review().confirms(&asserted(Some("")), HERE));
    }
}
