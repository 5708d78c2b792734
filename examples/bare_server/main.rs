//! A reference for the benchmarks: a bare tonic server that repeats the answers of a jeton server.
//!
//! It receives and sends the same messages and metadata as jeton and does no work in between. It
//! asks the jeton at `--like` for a token and about that token once, and then answers every call
//! with those answers. With `--empty` it repeats empty messages, which is the least that tonic does for a
//! call. `benches/ratios.py` and `benches/saturation.py` run it beside jeton. With `--http` an axum handler
//! answers 200: `benches/agent.py` runs both beside an agent. Envoy's Check passes every request, with which
//! `benches/proxies.py` measures what a proxy's question costs by itself.

use std::{env, future::pending, pin::Pin};

use axum::{Router, serve::ListenerExt as _};
use clap::Parser;
use futures_util::Stream;
use jeton::{
    client::with_basic,
    config::ListenAddress,
    domain::secret::Secret,
    proto::{
        envoy::service::auth::v3::{
            CheckRequest, CheckResponse, OkHttpResponse,
            authorization_server::{Authorization, AuthorizationServer},
            check_response::HttpResponse,
        },
        v1::{
            self,
            issue_token_request::Grant,
            token_service_client::TokenServiceClient,
            token_service_server::{TokenService, TokenServiceServer},
        },
    },
};
use tokio::net::{TcpListener, UnixListener};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{
    Request, Response, Status,
    metadata::MetadataMap,
    transport::{Channel, Endpoint, Server},
};

#[derive(Parser)]
struct Options {
    /// Address and port of gRPC, or `unix:` and a path.
    #[arg(long, value_parser = ListenAddress::parse)]
    listen: Option<ListenAddress>,
    /// URL of the jeton server to imitate.
    #[arg(long, default_value = "")]
    like: String,
    /// Answers empty messages, as no server.
    #[arg(long, conflicts_with = "like")]
    empty: bool,
    /// URL of the agent to imitate in introspection; the server unless given.
    #[arg(long)]
    introspected_by: Option<String>,
    /// Client id for the calls to that server; its secret is read from `JETON_CLIENT_SECRET`.
    #[arg(long, default_value = "")]
    client_id: String,
    /// Address and port of HTTP, or `unix:` and a path.
    #[arg(long, value_parser = ListenAddress::parse)]
    http: Option<ListenAddress>,
}

/// A stored answer.
#[derive(Clone, Default)]
struct Kept<T> {
    message: T,
    metadata: MetadataMap,
}

impl<T: Clone> Kept<T> {
    fn of(answer: Response<T>) -> Self {
        let (metadata, message, _) = answer.into_parts();
        Self { message, metadata }
    }

    fn give(&self) -> Response<T> {
        let mut answer = Response::new(self.message.clone());
        *answer.metadata_mut() = self.metadata.clone();
        answer
    }
}

#[derive(Default)]
struct Bare {
    issued: Kept<v1::IssueTokenResponse>,
    introspected: Kept<v1::IntrospectResponse>,
}

impl Bare {
    async fn like(options: &Options) -> Self {
        #[expect(clippy::disallowed_methods, reason = "as the commands are given it")]
        let secret = Secret::new(env::var("JETON_CLIENT_SECRET").expect("JETON_CLIENT_SECRET"));
        let mut jeton = stub(options.like.clone()).await;
        let request = v1::IssueTokenRequest {
            client_id: options.client_id.clone(),
            client_secret: secret.expose().to_owned(),
            grant: Some(Grant::ClientCredentials(v1::ClientCredentialsGrant {})),
            ..v1::IssueTokenRequest::default()
        };
        let issued = Kept::of(jeton.issue_token(request).await.expect("a token"));
        let token = issued.message.access_token.clone();
        let request = v1::IntrospectRequest { token, ..v1::IntrospectRequest::default() };
        let request = with_basic(request, &options.client_id, &secret);
        let mut asked = match &options.introspected_by {
            Some(agent) => stub(agent.clone()).await,
            None => jeton,
        };
        let introspected = Kept::of(asked.introspect(request).await.expect("an answer"));
        assert!(introspected.message.active, "the token that jeton has just issued is good");
        Self { issued, introspected }
    }
}

async fn stub(url: String) -> TokenServiceClient<Channel> {
    let endpoint = Endpoint::from_shared(url).expect("a URL");
    TokenServiceClient::new(endpoint.connect().await.expect("jeton"))
}

/// Rejects calls that the benchmarks do not make.
fn not_here<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("this server only introspects"))
}

#[tonic::async_trait]
impl TokenService for Bare {
    async fn issue_token(
        &self,
        _: Request<v1::IssueTokenRequest>,
    ) -> Result<Response<v1::IssueTokenResponse>, Status> {
        Ok(self.issued.give())
    }

    async fn refresh_token(
        &self,
        _: Request<v1::RefreshTokenRequest>,
    ) -> Result<Response<v1::RefreshTokenResponse>, Status> {
        not_here()
    }

    async fn revoke_token(
        &self,
        _: Request<v1::RevokeTokenRequest>,
    ) -> Result<Response<v1::RevokeTokenResponse>, Status> {
        not_here()
    }

    async fn introspect(
        &self,
        _: Request<v1::IntrospectRequest>,
    ) -> Result<Response<v1::IntrospectResponse>, Status> {
        Ok(self.introspected.give())
    }

    async fn batch_introspect(
        &self,
        request: Request<v1::BatchIntrospectRequest>,
    ) -> Result<Response<v1::BatchIntrospectResponse>, Status> {
        let results = vec![self.introspected.message.clone(); request.get_ref().tokens.len()];
        Ok(Response::new(v1::BatchIntrospectResponse { results }))
    }

    type WatchRevocationsStream =
        Pin<Box<dyn Stream<Item = Result<v1::WatchRevocationsResponse, Status>> + Send>>;

    async fn watch_revocations(
        &self,
        _: Request<v1::WatchRevocationsRequest>,
    ) -> Result<Response<Self::WatchRevocationsStream>, Status> {
        not_here()
    }

    async fn get_revocation_cursor(
        &self,
        _: Request<v1::GetRevocationCursorRequest>,
    ) -> Result<Response<v1::GetRevocationCursorResponse>, Status> {
        not_here()
    }

    async fn get_jwks(
        &self,
        _: Request<v1::GetJwksRequest>,
    ) -> Result<Response<v1::GetJwksResponse>, Status> {
        not_here()
    }
}

/// Passes every request that a proxy asks about, with nothing for its upstream.
struct Passing;

#[tonic::async_trait]
impl Authorization for Passing {
    async fn check(&self, _: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        Ok(Response::new(CheckResponse {
            status: Some(tonic_types::pb::Status::default()),
            http_response: Some(HttpResponse::OkResponse(OkHttpResponse::default())),
            dynamic_metadata: None,
        }))
    }
}

/// Serves gRPC.
async fn serve(options: Options) {
    let Some(listen) = options.listen.clone() else { return pending().await };
    let bare = if options.empty { Bare::default() } else { Bare::like(&options).await };
    let bare = TokenServiceServer::new(bare);
    let tonic = Server::builder().add_service(bare).add_service(AuthorizationServer::new(Passing));
    let served = match listen {
        ListenAddress::Network(address) => tonic.serve(address).await,
        ListenAddress::Unix(path) => {
            let listener = UnixListener::bind(path).expect("a socket");
            tonic.serve_with_incoming(UnixListenerStream::new(listener)).await
        }
    };
    served.expect("it serves");
}

/// Answers every HTTP request with 200.
async fn serve_http(listen: Option<ListenAddress>) {
    let router = Router::new().fallback(async || ());
    let served = match listen {
        None => return pending().await,
        Some(ListenAddress::Network(address)) => {
            let listener = TcpListener::bind(address).await.expect("an address");
            axum::serve(listener.tap_io(|stream| drop(stream.set_nodelay(true))), router).await
        }
        Some(ListenAddress::Unix(path)) => {
            axum::serve(UnixListener::bind(path).expect("a socket"), router).await
        }
    };
    served.expect("it serves");
}

/// Serves with one thread, which costs a server of one core the least.
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut options = Options::parse();
    let http = options.http.take();
    tokio::join!(serve(options), serve_http(http));
}
