//! The key sets of trusted issuers, where they are published: in a file, or at a URL.
//!
//! | file | contents |
//! |---|---|
//! | `published` | [`PublishedKeys`], one issuer's place, and its reading |
//! | `https` | one request, within bounds |
//! | `connector` | the TCP and TLS connection for it |

mod connector;
mod https;
mod published;

pub use self::{
    https::{GetError, get, post_form},
    published::{Publication, PublishedKeys, ReadError},
};
