//! Spans reach a collector, in the trace that the caller is in: `cargo test --features otlp --test otlp`.
#![cfg(feature = "otlp")]

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::{
    convert::Infallible,
    future::{Ready, ready},
    pin::Pin,
    task::{Context, Poll},
};

use jeton::proto::v1::IssueTokenRequest;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Request, Response, Status,
    body::Body,
    server::{Grpc, NamedService, UnaryService},
    transport,
};
use tonic_prost::ProstCodec;
use tower::Service;

use crate::common::{
    caller::client_credentials, home::Home, server::Server, settings::Settings, wait::within,
};

/// `opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest`, as far as it is looked at.
#[derive(Clone, PartialEq, prost::Message)]
struct Export {
    #[prost(message, repeated, tag = "1")]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ResourceSpans {
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ScopeSpans {
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Span {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    /// 2 is a server's.
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(message, optional, tag = "15")]
    status: Option<SpanStatus>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct SpanStatus {
    /// 2 is an error.
    #[prost(int32, tag = "3")]
    code: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Exported {}

/// A collector that hands on what it is sent.
#[derive(Clone)]
struct Collector(mpsc::UnboundedSender<Span>);

impl NamedService for Collector {
    const NAME: &'static str = "opentelemetry.proto.collector.trace.v1.TraceService";
}

impl Service<http::Request<Body>> for Collector {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        assert_eq!(request.uri().path(), format!("/{}/Export", Self::NAME));
        let export = self.clone();
        Box::pin(async move { Ok(Grpc::new(ProstCodec::default()).unary(export, request).await) })
    }
}

impl UnaryService<Export> for Collector {
    type Response = Exported;
    type Future = Ready<Result<Response<Exported>, Status>>;

    fn call(&mut self, request: Request<Export>) -> Self::Future {
        let resources = request.into_inner().resource_spans.into_iter();
        for span in resources.flat_map(|spans| spans.scope_spans).flat_map(|spans| spans.spans) {
            self.0.send(span).expect("the test listens");
        }
        ready(Ok(Response::new(Exported {})))
    }
}

/// A collector's endpoint, and what it is sent.
async fn collect() -> (String, mpsc::UnboundedReceiver<Span>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
    let (collector, spans) = mpsc::unbounded_channel();
    let incoming = TcpListenerStream::new(listener);
    let server = transport::Server::builder().add_service(Collector(collector));
    tokio::spawn(server.serve_with_incoming(incoming));
    (endpoint, spans)
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// W3C Trace Context §3.2.
fn traceparent(trace: &str, sampled: bool) -> String {
    format!("00-{trace}-{PARENT}-0{}", u8::from(sampled))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Issues a token in a trace.
async fn issue(server: &Server, traceparent: &str, scope: &str) -> Result<(), Status> {
    let shop = server.caller("shop").await;
    let (client_id, client_secret) = (shop.id.clone(), shop.secret.clone());
    let scopes = vec![scope.to_owned()];
    let request = IssueTokenRequest { client_id, client_secret, scopes, ..client_credentials() };
    let mut request = Request::new(request);
    request.metadata_mut().insert("traceparent", traceparent.parse().expect("a value"));
    shop.stub.clone().issue_token(request).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_spans_in_the_trace_of_their_caller_whichever_wire_they_came_by() {
    let (endpoint, mut spans) = collect().await;
    let environment = [("JETON_TRACES_ENDPOINT", endpoint.as_str())];
    let server = Server::start_with(Home::new(), &Settings::standard(), &environment).await;
    issue(&server, &traceparent(TRACE, true), "read").await.expect("a token");
    issue(&server, &traceparent(TRACE, true), "root").await.expect_err("not that scope");
    // Not sampled by the caller that began it: not sent.
    issue(&server, &traceparent(&"a".repeat(32), false), "read").await.expect("a token");
    let mut http = TcpStream::connect(server.http()).await.expect("a connection");
    let request = format!(
        "GET /.well-known/oauth-authorization-server HTTP/1.1\r\nhost: a\r\ntraceparent: {}\r\n\
         connection: close\r\n\r\n",
        traceparent(TRACE, true)
    );
    http.write_all(request.as_bytes()).await.expect("a request");
    let mut answer = String::new();
    http.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let log = server.log();
    // Spans that are not sent yet are sent before it ends.
    server.stop().await;

    let mut found = Vec::new();
    while found.len() < 3 {
        let span = within("to be sent", spans.recv()).await.expect("a span");
        assert_ne!(hexadecimal(&span.trace_id), "a".repeat(32), "{span:?}");
        if hexadecimal(&span.trace_id) == TRACE {
            assert_eq!((hexadecimal(&span.parent_span_id).as_str(), span.kind), (PARENT, 2));
            let failed = span.status.is_some_and(|status| status.code == 2);
            assert!(!failed, "whose fault it was: {}", span.name);
            found.push(span.name);
        }
    }
    found.sort();
    let issue = "jeton.v1.TokenService/IssueToken";
    assert_eq!(found, [".well-known/oauth-authorization-server", issue, issue]);
    assert!(spans.try_recv().is_err(), "nothing else was sent");
    assert!(!log.contains("otel"), "spans are not logged: {log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_calls_without_a_trace_one_in_so_many_begins_one() {
    let (endpoint, mut spans) = collect().await;
    let settings = Settings::standard().set("traces", "endpoint", &endpoint);
    let server = Server::start(&settings.set_number("traces", "one_in", 1)).await;
    server.caller("shop").await.issue(client_credentials()).await.expect("a token");
    server.stop().await;
    let span = within("to be sent", spans.recv()).await.expect("a span");
    assert_eq!(
        (span.name.as_str(), &*span.parent_span_id),
        ("jeton.v1.TokenService/IssueToken", &[][..])
    );
}

#[tokio::test]
async fn a_collector_that_is_not_there_holds_nothing_up() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = nobody.local_addr().expect("its address");
    drop(nobody);
    let endpoint = format!("http://{address}");
    let environment = [("JETON_TRACES_ENDPOINT", endpoint.as_str())];
    let server = Server::start_with(Home::new(), &Settings::standard(), &environment).await;
    issue(&server, &traceparent(TRACE, true), "read").await.expect("a token");
    server.stop().await;
}
