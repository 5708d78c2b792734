//! Finds the one way in which a gRPC request says who sends it.

use http::Extensions;
use tonic::metadata::MetadataMap;

use crate::{
    domain::{cause::Cause, error::Error, secret::Secret},
    service::Credentials,
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
    let mut headers = metadata.get_all("authorization").iter();
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
/// As [`from_metadata`], and `InvalidRequest` for two methods or a secret without a client.
pub(super) fn from_request(
    metadata: &MetadataMap,
    extensions: &Extensions,
    client_id: String,
    client_secret: String,
) -> Result<Credentials, Error> {
    let given = |text: String| (!text.is_empty()).then_some(text);
    let secret = given(client_secret).map(Secret::from);
    let joined = from_metadata(metadata, extensions)?.joined_with(given(client_id), secret)?;
    Ok(joined.sent_from(extensions.get::<Peer>().map(|peer| peer.address.ip())))
}
