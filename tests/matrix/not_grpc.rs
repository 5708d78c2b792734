//! A request that is no gRPC is refused in plain HTTP at every RPC, and does nothing, for every
//! kind of caller.

use http::{Method, StatusCode};
use jeton::proto::v1::{CreateUserRequest, User};
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{
    callers::{basic, settings},
    common::{
        admin::{Admin, PASSWORD},
        server::Server,
    },
    raw::Connection,
    rpcs::TABLE,
};

const HEALTH: &str = "/grpc.health.v1.Health/Check";

/// Content types that browsers send by themselves, and ones that resemble gRPC.
const OTHER_TYPES: [&str; 6] = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=application/grpc",
    "application/json",
    "application/grpc-web",
    "application/grpcx",
];

#[tokio::test]
async fn what_is_no_grpc_is_405_or_415_at_every_rpc_of_every_listener() {
    let server = Server::start(&settings()).await;
    let root = basic("root", "root-secret");
    let ops = Connection::open_at(server.ops().await.address).await;
    let grpc = Connection::open(&server).await;
    let everywhere = TABLE.iter().map(|rpc| (&grpc, rpc.path)).chain([(&ops, HEALTH)]);
    for (connection, path) in everywhere {
        let as_root = |request: http::request::Builder| request.header("authorization", &root);
        for method in [Method::GET, Method::PUT, Method::OPTIONS, Method::HEAD, Method::DELETE] {
            let answer = connection
                .send(path, &[], |request| {
                    as_root(request).method(&method).header("content-type", "application/grpc")
                })
                .await;
            assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            assert_eq!(answer.headers()["allow"], "POST", "{method} {path}");
        }
        for other in OTHER_TYPES {
            let answer = connection
                .send(path, &[], |request| {
                    as_root(request).method(Method::POST).header("content-type", other)
                })
                .await;
            assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{other} {path}");
            assert!(!answer.headers().contains_key("grpc-status"), "{other} {path}");
        }
        let without = connection.send(path, &[], |request| as_root(request).method(Method::POST));
        assert_eq!(without.await.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{path}");
    }
    let metrics = server.ops().await.metrics().await;
    let series = "jeton_grpc_requests_total{method=\"jeton.v1.AdminService/CreateUser\",\
                  outcome=\"INVALID_REQUEST\"}";
    assert_eq!(metrics.count(series), 12, "{}", metrics.text);
    server.stop().await;
}

#[tokio::test]
async fn a_browsers_form_creates_no_user_even_for_an_administrator() {
    let server = Server::start(&settings()).await;
    let grpc = Connection::open(&server).await;
    let user = User { username: "mallory".to_owned(), ..Default::default() };
    let message = CreateUserRequest { user: Some(user), password: PASSWORD.to_owned() };
    let create = async |content_type: &str| {
        let path = "/jeton.v1.AdminService/CreateUser";
        grpc.send(path, &message.encode_to_vec(), |request| {
            let request = request.method(Method::POST).header("content-type", content_type);
            request.header("authorization", basic("root", "root-secret"))
        })
        .await
    };
    let root = Admin::of(&server).await;
    let users = async || root.user("mallory").await.is_ok();
    assert_eq!(create("text/plain").await.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(!users().await);
    assert_eq!(create("application/grpc").await.status(), StatusCode::OK);
    assert!(users().await, "the same message is good as gRPC");
    server.stop().await;
}

/// gRPC's `compression.md`: UNIMPLEMENTED, with what is accepted.
#[tokio::test]
async fn a_compressed_call_is_told_which_encodings_there_are() {
    let server = Server::start(&settings()).await;
    let ops = Connection::open_at(server.ops().await.address).await;
    let grpc = Connection::open(&server).await;
    let everywhere = TABLE.iter().map(|rpc| (&grpc, rpc.path)).chain([(&ops, HEALTH)]);
    for (connection, path) in everywhere {
        for encoding in ["gzip", "deflate", "snappy"] {
            let answer = connection
                .send(path, &[], |request| {
                    let request = request.method(Method::POST).header("grpc-encoding", encoding);
                    request.header("content-type", "application/grpc+proto")
                })
                .await;
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            assert_eq!(answer.headers()["grpc-accept-encoding"], "identity", "{path}");
            let status = Status::from_header_map(answer.headers()).expect("a status");
            assert_eq!(status.code(), Code::Unimplemented, "{path}");
            let reason = status.get_details_error_info().map(|info| info.reason);
            assert_eq!(reason.as_deref(), Some("INVALID_REQUEST"), "{path}");
        }
    }
    let identity = grpc.send(HEALTH, &[], |request| {
        let request = request.method(Method::POST).header("grpc-encoding", "identity");
        request.header("content-type", "application/grpc;a=b")
    });
    assert_eq!(identity.await.status(), StatusCode::OK);
    server.stop().await;
}
