//! Authenticates clients by their certificates (RFC 8705 §2).

use super::{
    listed::Listed,
    listing::{Listing, Listings},
};
use crate::{
    domain::{
        cause::Cause, certificate::CertificateIdentity, client::Client, client_id::ClientId,
        error::Error,
    },
    service::Caller,
    store::Store,
};

const WRONG_CERTIFICATE: Error = Error::InvalidClient(Cause::WrongCertificate);

impl<S: Store> Listings<S> {
    /// The client whose certificate it is: of those that list it the one that the request names
    /// (RFC 8705 §2).
    pub(super) async fn certified(
        &self,
        certificate: &[CertificateIdentity],
        named: &[String],
    ) -> Result<Caller, Error> {
        let lists = |client: &Client| {
            let mut listed = client.certificates.iter();
            !client.disabled && listed.any(|listed| certificate.contains(listed))
        };
        if named.is_empty() {
            let shown = certificate.iter().cloned().map(Listed::Certificate).collect();
            let listing = Listing { shown, what: "certificate" };
            let only = self.only_listing(&listing, lists).await?;
            return only.map(Caller::new).ok_or(WRONG_CERTIFICATE);
        }
        for client_id in named.iter().filter_map(|id| ClientId::parse(id).ok()) {
            if let Some(client) = self.records.client_that(&client_id, lists).await? {
                return Ok(Caller::new(client));
            }
        }
        Err(WRONG_CERTIFICATE)
    }
}
