//! Trusted issuers: the key sets that they publish in a file or at a URL, and their reviews of tokens.
//!
//! | file | contents |
//! |---|---|
//! | `published` | [`PublishedKeys`], one issuer's place, and its reading |
//! | `token_review` | [`review_token`], a question about one token |
//! | `https` | one request, within bounds |
//! | `connector` | the TCP and TLS connection for it |

mod connector;
mod https;
mod published;
mod token_review;

pub use self::{
    https::{GetError, get, post_form},
    published::{Publication, PublishedKeys, ReadError},
    token_review::{ReviewError, review_token},
};
