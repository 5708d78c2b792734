//! Finds the one way in which a gRPC request says who sends it.

use tonic::metadata::MetadataMap;

use crate::{
    domain::{error::Error, secret::Secret},
    service::Credentials,
};

/// Credentials in metadata alone, for RPCs whose requests have no fields for them.
///
/// # Errors
/// `InvalidClient` for a header that cannot be read, `InvalidRequest` for more than one.
pub(super) fn from_metadata(metadata: &MetadataMap) -> Result<Credentials, Error> {
    let mut headers = metadata.get_all("authorization").iter();
    match (headers.next(), headers.next()) {
        (None, _) => Ok(Credentials::Nothing),
        (Some(header), None) => {
            let header = header.to_str().map_err(|_| Error::InvalidClient)?;
            Credentials::from_authorization(header)
        }
        (Some(_), Some(_)) => Err(two_methods()),
    }
}

/// Credentials in metadata or in the request's own fields, never in both. A `client_id` beside
/// Basic credentials is no second method as long as it names the same client.
///
/// # Errors
/// As [`from_metadata`], and `InvalidRequest` for two methods or a secret without a client.
pub(super) fn from_request(
    metadata: &MetadataMap,
    client_id: String,
    client_secret: String,
) -> Result<Credentials, Error> {
    let secret = Secret::new(client_secret);
    let presented = from_metadata(metadata)?;
    match (&presented, client_id.is_empty(), secret.is_empty()) {
        (Credentials::Nothing, true, true) => Ok(Credentials::Nothing),
        (Credentials::Nothing, false, true) => Ok(Credentials::ClientId(client_id)),
        (Credentials::Nothing, false, false) => {
            Ok(Credentials::Secret { client_id, secret, raw: None })
        }
        (Credentials::Nothing, true, false) => {
            let problem = "is required beside client_secret";
            Err(Error::InvalidRequest { field: "client_id", problem })
        }
        (_, true, true) => Ok(presented),
        (Credentials::Secret { client_id: named, raw, .. }, false, true) => {
            let raw = raw.as_ref().map(|(raw, _)| raw);
            if client_id == *named || Some(&client_id) == raw {
                Ok(presented)
            } else {
                let problem = "differs from the authorization metadata";
                Err(Error::InvalidRequest { field: "client_id", problem })
            }
        }
        _ => Err(two_methods()),
    }
}

fn two_methods() -> Error {
    let problem = "must be the only way of authenticating";
    Error::InvalidRequest { field: "authorization", problem }
}
