//! The revocation endpoint (RFC 7009).

use axum::{extract::Request, response::Response};
use http::{HeaderValue, StatusCode};

use super::{answer, call::Call, failure::Failure, front::Front, routes::Revoked};
use crate::{domain::revoke::RevokeScope, service::Revoke, store::Store};

impl<S: Store> Front<S> {
    /// Revokes the grant of a token. `token_type_hint` is not read: tokens say what they are.
    ///
    /// # Errors
    /// Everything that `Service::revoke` refuses, and a request that cannot be read.
    pub(super) async fn revoke(
        &self,
        request: Request,
        revoked: Revoked,
    ) -> Result<Response, Failure> {
        let Call { credentials, mut parameters, origin, .. } =
            Call::read(request, self.body).await?;
        let token = parameters.require("token")?;
        let service = self.service.get()?;
        let caller = service.authentication.audited_client(&credentials, || origin.clone()).await?;
        let asked = Revoke { token, scope: RevokeScope::WholeGrant, origin };
        service.tokens.revoke(&caller, &asked).await.map_err(Failure::to(&caller))?;
        Ok(response(revoked))
    }
}

fn response(revoked: Revoked) -> Response {
    match revoked {
        Revoked::EmptyJson => answer::typed(StatusCode::OK, answer::JSON, ""),
        Revoked::EmptyHtml => {
            let html = HeaderValue::from_static("text/html; charset=utf-8");
            answer::typed(StatusCode::OK, html, "")
        }
        Revoked::NoContent => answer::empty(StatusCode::NO_CONTENT),
    }
}
