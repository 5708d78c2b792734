//! Finds the one way in which an HTTP request says who sends it.

use http::{HeaderMap, header::AUTHORIZATION, request::Parts};

use super::parameters::Parameters;
use crate::{
    domain::{cause::Cause, error::Error},
    service::{Credentials, InRequest},
    transport::Peer,
};

/// Credentials in the `Authorization` header or in the parameters, never in both
/// (RFC 6749 §2.3); without any, those of the connection's certificate (RFC 8705 §2). A `client_id`
/// beside Basic credentials or a certificate is no second method as long as it names the same client.
///
/// # Errors
/// `InvalidClient` for a header that cannot be read, `InvalidRequest` for two methods, a secret
/// without a client, or an assertion without its type.
pub(super) fn from_request(
    parts: &Parts,
    parameters: &mut Parameters,
) -> Result<Credentials, Error> {
    let peer = parts.extensions.get::<Peer>();
    let certificate = peer.and_then(|peer| peer.certificate.clone());
    let presented = from_header(&parts.headers)?.over(certificate);
    let mut text = |name| parameters.take(name).map(|text| text.expose().to_owned());
    let (client_id, assertion_type) = (text("client_id"), text("client_assertion_type"));
    let sent = InRequest {
        client_id,
        client_secret: parameters.take("client_secret"),
        assertion_type,
        assertion: parameters.take("client_assertion"),
    };
    let joined = presented.joined_with_all(sent)?;
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
