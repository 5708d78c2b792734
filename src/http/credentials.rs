//! Finds the one way in which an HTTP request says who sends it.

use http::{HeaderMap, header::AUTHORIZATION, request::Parts};

use super::parameters::Parameters;
use crate::{
    domain::{cause::Cause, error::Error},
    service::Credentials,
    transport::Peer,
};

/// Credentials in the `Authorization` header or in the parameters, never in both
/// (RFC 6749 §2.3); without any, those of the connection's certificate (RFC 8705 §2). A `client_id`
/// beside Basic credentials or a certificate is no second method as long as it names the same client.
///
/// # Errors
/// `InvalidClient` for a header that cannot be read, `InvalidRequest` for two methods or a secret
/// without a client.
pub(super) fn from_request(
    parts: &Parts,
    parameters: &mut Parameters,
) -> Result<Credentials, Error> {
    let peer = parts.extensions.get::<Peer>();
    let certificate = peer.and_then(|peer| peer.certificate.clone());
    let presented = from_header(&parts.headers)?.over(certificate);
    let client_id = parameters.take("client_id").map(|id| id.expose().to_owned());
    let joined = presented.joined_with(client_id, parameters.take("client_secret"))?;
    Ok(joined.sent_from(peer.map(|peer| peer.address.ip())))
}

fn from_header(headers: &HeaderMap) -> Result<Credentials, Error> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(Credentials::Nothing),
        (Some(value), None) => {
            let value =
                value.to_str().map_err(|_| Error::InvalidClient(Cause::UnreadableCredentials))?;
            Credentials::from_authorization(value)
        }
        (Some(_), Some(_)) => Err(Credentials::two_ways()),
    }
}
