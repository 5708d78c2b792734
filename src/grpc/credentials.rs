//! Finds the one way in which a gRPC request says who sends it.

use http::{Extensions, header::AUTHORIZATION};
use tonic::metadata::MetadataMap;

use crate::{
    domain::{cause::Cause, error::Error},
    service::{Credentials, InRequest},
    transport::Peer,
};

/// Credentials in metadata, or of the connection's certificate, for RPCs whose requests have no
/// fields for them.
///
/// # Errors
/// `InvalidClient` for a header that cannot be read, `InvalidRequest` for more than one.
pub(super) fn from_metadata(
    metadata: &MetadataMap,
    extensions: &Extensions,
) -> Result<Credentials, Error> {
    let mut headers = metadata.as_ref().get_all(AUTHORIZATION).iter();
    let presented = match (headers.next(), headers.next()) {
        (None, _) => Credentials::Nothing,
        (Some(header), None) => {
            let header =
                header.to_str().map_err(|_| Error::InvalidClient(Cause::UnreadableCredentials))?;
            Credentials::from_authorization(header)?
        }
        (Some(_), Some(_)) => return Err(Credentials::two_ways()),
    };
    let peer = extensions.get::<Peer>();
    let presented = presented.over(peer.and_then(|peer| peer.certificate.clone()));
    Ok(presented.sent_from(peer.map(|peer| peer.address.ip())))
}

/// Credentials in metadata or in the request's own fields, never in both; without any, those of the
/// connection's certificate. A `client_id` beside Basic credentials or a certificate is no second
/// method as long as it names the same client.
///
/// # Errors
/// As [`from_metadata`] and [`Credentials::joined_with_all`].
pub(super) fn from_request(
    metadata: &MetadataMap,
    extensions: &Extensions,
    sent: InRequest,
) -> Result<Credentials, Error> {
    let joined = from_metadata(metadata, extensions)?.joined_with_all(sent)?;
    Ok(joined.sent_from(extensions.get::<Peer>().map(|peer| peer.address.ip())))
}
