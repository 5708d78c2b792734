//! Finds the one way in which an HTTP request says who sends it.

use http::{HeaderMap, header::AUTHORIZATION};

use super::parameters::Parameters;
use crate::{
    domain::{error::Error, secret::Secret},
    service::Credentials,
};

/// Credentials in the `Authorization` header or in the parameters, never in both
/// (RFC 6749 §2.3). A `client_id` beside Basic credentials is no second method as long as it names
/// the same client.
///
/// # Errors
/// `InvalidClient` for a header that cannot be read, `InvalidRequest` for two methods or a secret
/// without a client.
pub(super) fn from_request(
    headers: &HeaderMap,
    parameters: &mut Parameters,
) -> Result<Credentials, Error> {
    let presented = from_header(headers)?;
    let client_id = parameters.take("client_id").map(|id| id.expose().to_owned());
    let client_secret = parameters.take("client_secret");
    match (presented, client_id, client_secret) {
        (presented, None, None) => Ok(presented),
        (Credentials::Nothing, client_id, client_secret) => in_parameters(client_id, client_secret),
        (Credentials::Secret { client_id: named, secret, raw }, Some(client_id), None) => {
            let raw_name = raw.as_ref().map(|(name, _)| name);
            if client_id == named || Some(&client_id) == raw_name {
                Ok(Credentials::Secret { client_id: named, secret, raw })
            } else {
                let problem = "differs from the authorization header";
                Err(Error::InvalidRequest { field: "client_id", problem })
            }
        }
        (Credentials::Secret { .. } | Credentials::Bearer(_) | Credentials::ClientId(_), _, _) => {
            Err(two_methods())
        }
    }
}

fn in_parameters(
    client_id: Option<String>,
    client_secret: Option<Secret>,
) -> Result<Credentials, Error> {
    let problem = "is required beside client_secret";
    let missing = Error::InvalidRequest { field: "client_id", problem };
    let client_id = client_id.ok_or(missing)?;
    Ok(match client_secret {
        Some(secret) => Credentials::Secret { client_id, secret, raw: None },
        None => Credentials::ClientId(client_id),
    })
}

fn from_header(headers: &HeaderMap) -> Result<Credentials, Error> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(Credentials::Nothing),
        (Some(value), None) => {
            let value = value.to_str().map_err(|_| Error::InvalidClient)?;
            Credentials::from_authorization(value)
        }
        (Some(_), Some(_)) => Err(two_methods()),
    }
}

fn two_methods() -> Error {
    let problem = "must be the only way of authenticating";
    Error::InvalidRequest { field: "authorization", problem }
}
