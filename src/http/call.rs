//! A request to an endpoint, read: who sends it, what it says, where it comes from.

use axum::extract::Request;
use http::{Method, header::USER_AGENT, request::Parts};

use super::{
    body, credentials, encoding::Encoding, failure::Failure, options::BodyLimits,
    parameters::Parameters,
};
use crate::{
    domain::{confirmation::PeerCertificate, error::Error, grant::Origin},
    service::Credentials,
    transport::Peer,
};

/// A request to an endpoint that is posted to.
pub(super) struct Call {
    /// Credentials of the sender, by one method only.
    pub(super) credentials: Credentials,
    /// Other parameters.
    pub(super) parameters: Parameters,
    /// Origin of the request.
    pub(super) origin: Origin,
    /// Certificate of the connection.
    pub(super) certificate: Option<PeerCertificate>,
}

impl Call {
    /// Reads a request, cheapest checks first.
    ///
    /// # Errors
    /// `Method` unless it is a POST, `TooLarge`, `TooSlow`, `InvalidRequest` for a query or a body
    /// that cannot be read, `InvalidClient` for an unreadable `Authorization`.
    pub(super) async fn read(request: Request, limits: BodyLimits) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        if parts.method != Method::POST {
            return Err(Failure::Method { allow: "POST" });
        }
        refuse_query(&parts)?;
        let encoding = Encoding::of(&parts.headers)?;
        let mut parameters = Parameters::read(encoding, body::read(body, limits).await?)?;
        let credentials = credentials::from_request(&parts, &mut parameters)?;
        let certificate = Peer::certificate_of(&parts.extensions);
        Ok(Self { credentials, parameters, origin: origin(&parts), certificate })
    }
}

/// Credentials in a URL end up in logs and histories (RFC 6749 §2.3.1), and nothing else belongs
/// there either.
fn refuse_query(parts: &Parts) -> Result<(), Error> {
    if parts.uri.query().is_none_or(str::is_empty) {
        return Ok(());
    }
    let problem = "must be empty, parameters go into the body";
    Err(Error::InvalidRequest { field: "query", problem })
}

fn origin(parts: &Parts) -> Origin {
    let peer = parts.extensions.get::<Peer>().map(|peer| peer.address.ip().to_string().into());
    Origin { peer, user_agent: user_agent(parts) }
}

fn user_agent(parts: &Parts) -> Option<Box<str>> {
    let text = parts.headers.get(USER_AGENT)?.to_str().ok()?;
    // `to_str` has seen to it that every character is one byte.
    Some(text.get(..Origin::MAX_USER_AGENT_BYTES).unwrap_or(text).into())
}
