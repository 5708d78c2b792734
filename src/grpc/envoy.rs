//! Envoy's external authorization, `envoy.service.auth.v3.Authorization`: a request's token decides.
//!
//! A refusal is an answer and no error: an error, or none in time, lets requests through where Envoy is
//! configured to do so (`failure_mode_allow`), and reaches visitors as 403 everywhere else.

use std::{collections::HashMap, sync::Arc, time::UNIX_EPOCH};

use http::StatusCode;
use prost_types::{Struct, Value, value::Kind};
use tonic::{Code, Request, Response, Status};
use tonic_types::pb;

use super::{caller::caller, status};
use crate::{
    bearer::{Bearer, Claims, Denial, IdentityHeaders, NotPassed, Requirement, certificate_text},
    domain::error::Error,
    proto::envoy::{
        config::core::v3::{
            HeaderValue, HeaderValueOption, header_value_option::HeaderAppendAction,
        },
        service::auth::v3::{
            AttributeContext, CheckRequest, CheckResponse, DeniedHttpResponse, OkHttpResponse,
            attribute_context::HttpRequest, authorization_server::Authorization,
            check_response::HttpResponse,
        },
        r#type::v3::HttpStatus,
    },
    service::Ready,
    store::Store,
};

/// Options of the answers to Envoy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvoyOptions {
    /// The headers that the upstream is to learn by whose request it is.
    pub headers: IdentityHeaders,
    /// True to hide the token from the upstream.
    pub removes_authorization: bool,
    /// True to fail a call that cannot be decided.
    pub fails_undecided: bool,
}

/// Decides for an Envoy that calls.
pub(super) trait EnvoyDoor: Send + Sync + 'static {
    /// Decides on a request by what the call says of it.
    ///
    /// # Errors
    /// When the caller may not ask, or cannot be authenticated at present.
    fn decide(
        &self,
        call: Request<CheckRequest>,
    ) -> impl Future<Output = Result<Result<Bearer, NotPassed>, Error>> + Send;
}

/// The server decides for callers who may introspect.
impl<S: Store> EnvoyDoor for Ready<S> {
    async fn decide(
        &self,
        call: Request<CheckRequest>,
    ) -> Result<Result<Bearer, NotPassed>, Error> {
        let caller = caller(self, &call).await?;
        let Asked { route, http, certificate } = asked(call.into_inner());
        let visitor = || certificate_text::read(&certificate);
        let route = Requirement::of_route(&route);
        Ok(self.get()?.checks.check(&caller, &route, authorizations(&http), visitor).await)
    }
}

/// A question of Envoy's.
pub(super) struct Asked {
    /// The requirements of the route.
    pub(super) route: HashMap<String, String>,
    /// The request.
    pub(super) http: HttpRequest,
    /// The certificate that the visitor has shown to Envoy, as Envoy writes it.
    pub(super) certificate: String,
}

/// Reads a question. The visitor's certificate is Envoy's word, which no header of the request changes.
pub(super) fn asked(call: CheckRequest) -> Asked {
    let AttributeContext { source, request, context_extensions } =
        call.attributes.unwrap_or_default();
    let http = request.and_then(|request| request.http).unwrap_or_default();
    let certificate = source.map(|peer| peer.certificate).unwrap_or_default();
    Asked { route: context_extensions, http, certificate }
}

/// `Authorization` over any decider.
pub(super) struct EnvoyAuthorization<D> {
    door: D,
    options: Arc<EnvoyOptions>,
}

impl<D: EnvoyDoor> EnvoyAuthorization<D> {
    pub(super) fn new(door: D, options: EnvoyOptions) -> Self {
        Self { door, options: Arc::new(options) }
    }

    async fn decide(&self, call: Request<CheckRequest>) -> Result<CheckResponse, Error> {
        let decided = match self.door.decide(call).await {
            Ok(decided) => decided,
            Err(error) if is_passing(&error) => return self.undecided(&error),
            Err(error) => return Err(error),
        };
        match decided {
            Ok(Bearer::Of(claims)) => Ok(self.passed(Some(&claims))),
            Ok(Bearer::Nobody) => Ok(self.passed(None)),
            Err(NotPassed::Denied { denial: Denial::Undecided { retry_after }, .. })
                if self.options.fails_undecided =>
            {
                Err(Error::Unavailable { retry_after })
            }
            Err(NotPassed::Denied { denial, challenge }) => Ok(denied(denial, challenge)),
            Err(NotPassed::Misconfigured) => Ok(misconfigured()),
        }
    }

    /// For a caller who cannot be authenticated at present, or has asked too much.
    fn undecided(&self, error: &Error) -> Result<CheckResponse, Error> {
        if self.options.fails_undecided {
            return Err(error.clone());
        }
        Ok(denied(Denial::from(error), None))
    }

    /// A header is either set or removed: Envoy would remove one that is both.
    fn passed(&self, claims: Option<&Claims>) -> CheckResponse {
        let (mut headers, mut headers_to_remove) = (Vec::new(), Vec::new());
        for (name, value) in self.options.headers.of(claims) {
            let text = value.and_then(|value| String::from_utf8(value.as_bytes().to_vec()).ok());
            match text {
                Some(value) => headers.push(header(name.as_str(), value)),
                None => headers_to_remove.push(name.to_string()),
            }
        }
        if self.options.removes_authorization {
            headers_to_remove.push("authorization".to_owned());
        }
        let passed = OkHttpResponse { headers, headers_to_remove };
        CheckResponse {
            status: Some(pb::Status::default()),
            http_response: Some(HttpResponse::OkResponse(passed)),
            dynamic_metadata: claims.map(metadata),
        }
    }
}

#[tonic::async_trait]
impl<D: EnvoyDoor> Authorization for EnvoyAuthorization<D> {
    async fn check(
        &self,
        request: Request<CheckRequest>,
    ) -> Result<Response<CheckResponse>, Status> {
        let decided = self.decide(request).await;
        decided.map(Response::new).map_err(|error| status::status(&error))
    }
}

/// Returns whether the error is no fault of the caller's credentials.
fn is_passing(error: &Error) -> bool {
    error.retry_after().is_some() || matches!(error, Error::Internal { .. })
}

/// The values of `authorization`: joined in one map, or one by one in the other.
pub(super) fn authorizations(request: &HttpRequest) -> impl Iterator<Item = &[u8]> {
    let joined = request.headers.iter().filter(|(name, _)| is_authorization(name));
    let joined = joined.map(|(_, value)| value.as_bytes());
    let listed = request.header_map.iter().flat_map(|map| &map.headers);
    let listed = listed.filter(|header| is_authorization(&header.key));
    joined.chain(listed.map(|header| match &header.raw_value[..] {
        [] => header.value.as_bytes(),
        raw => raw,
    }))
}

fn is_authorization(name: &str) -> bool {
    name.eq_ignore_ascii_case("authorization")
}

fn denied(denial: Denial, challenge: Option<String>) -> CheckResponse {
    let challenge = challenge.map(|challenge| header("www-authenticate", challenge));
    let retry_after = denial.retry_after_seconds();
    let retry_after = retry_after.map(|seconds| header("retry-after", seconds.to_string()));
    let headers = challenge.into_iter().chain(retry_after).collect();
    let status = pb::Status {
        code: denial.code().into(),
        message: denial.message().to_owned(),
        ..pb::Status::default()
    };
    refused(status, denial.http(), headers)
}

fn misconfigured() -> CheckResponse {
    let status = pb::Status {
        code: Code::Internal.into(),
        message: "the route lets nobody pass".to_owned(),
        ..pb::Status::default()
    };
    refused(status, StatusCode::INTERNAL_SERVER_ERROR, Vec::new())
}

fn refused(status: pb::Status, http: StatusCode, headers: Vec<HeaderValueOption>) -> CheckResponse {
    let http = HttpStatus { code: http.as_u16().into() };
    let denied = DeniedHttpResponse { status: Some(http), headers, body: String::new() };
    CheckResponse {
        status: Some(status),
        http_response: Some(HttpResponse::DeniedResponse(denied)),
        dynamic_metadata: None,
    }
}

/// A header in place of those that the visitor sent under its name.
fn header(name: &str, value: String) -> HeaderValueOption {
    let header = HeaderValue { key: name.to_owned(), value, raw_value: Vec::new() };
    let append_action = HeaderAppendAction::OverwriteIfExistsOrAdd.into();
    HeaderValueOption { header: Some(header), append_action }
}

/// For later filters and the access log, under the filter's name.
fn metadata(claims: &Claims) -> Struct {
    let text = |text: &str| Kind::StringValue(text.to_owned());
    let expiry = claims.expire_time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let fields = [
        ("subject", Some(text(&claims.subject))),
        ("client_id", Some(text(&claims.client_id))),
        ("username", claims.username.as_deref().map(text)),
        ("scope", Some(text(&claims.scopes.join(" ")))),
        ("grant_id", Some(text(&claims.grant_id))),
        // In whole seconds, as RFC 7662 has it.
        ("exp", expiry.and_then(|expiry| u32::try_from(expiry.as_secs()).ok()).map(number)),
    ];
    let known = fields.into_iter().filter_map(|(name, kind)| Some((name.to_owned(), kind?)));
    Struct { fields: known.map(|(name, kind)| (name, Value { kind: Some(kind) })).collect() }
}

fn number(number: u32) -> Kind {
    Kind::NumberValue(number.into())
}
