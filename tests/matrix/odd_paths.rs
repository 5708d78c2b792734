//! A path that is not exactly an RPC's reaches no handler, for every kind of caller (CVE-2026-33186
//! and kin).

use http::uri::PathAndQuery;
use tonic::Code;

use crate::{
    callers::{basic, settings},
    common::server::Server,
    frames::is_answered,
    raw::{Answer, Connection},
    rpcs::{Access, TABLE},
};

/// Every odd way to write `/package.Service/Method`.
fn odd_ways(path: &str, address: &str) -> Vec<String> {
    let bare = path.trim_start_matches('/');
    let (service, method) = bare.split_once('/').expect("a service and a method");
    vec![
        bare.to_owned(),
        format!("/{path}"),
        format!("{path}/"),
        format!("{path}//"),
        format!("/{service}//{method}"),
        format!("/{service}%2F{method}"),
        format!("%2F{service}/{method}"),
        format!("/{service}%2f{method}"),
        format!("/.{path}"),
        format!("/x/..{path}"),
        format!("/{service}/./{method}"),
        format!("/{service}/x/../{method}"),
        format!("/{service}/{method};x"),
        format!("/{service}/{method}%00"),
        format!("/{service}/{method}%20"),
        format!("/{service}/%{:02x}{}", method.as_bytes()[0], &method[1..]),
        format!("/{service}/{}", method.to_ascii_lowercase()),
        format!("/{service}/{}", method.to_ascii_uppercase()),
        format!("/{}/{method}", service.to_ascii_lowercase()),
        format!("/{}/{method}", service.to_ascii_uppercase()),
        format!("/{service}.{method}"),
        format!("/{service}"),
        format!("/{method}"),
        format!("http://{address}{path}"),
        format!("//{address}{path}"),
        "*".to_owned(),
    ]
}

#[tokio::test]
async fn an_odd_path_reaches_no_handler_whoever_asks() {
    let server = Server::start(&settings()).await;
    let nobody = vec![];
    let admin = vec![basic("root", "root-secret")];
    let straight = "/jeton.v1.AdminService/GetStatus";
    assert!(is_answered(&server, straight, &admin).await, "frames made by hand are understood");
    for rpc in TABLE {
        for path in odd_ways(rpc.path, server.address()) {
            for authorization in [&nobody, &admin] {
                if path.parse::<PathAndQuery>().is_err() {
                    assert!(!is_answered(&server, &path, authorization).await, "{path}");
                    continue;
                }
                let connection = Connection::open(&server).await;
                match connection.call(&path, authorization, true).await {
                    Answer::Reset => {}
                    Answer::Refused { code, reason, text } => {
                        assert_eq!((code, &*reason), (Code::Unimplemented, "INVALID_REQUEST"));
                        assert_eq!(text, "there is no such method", "{path}");
                    }
                    Answer::Done => panic!("{path} was served"),
                }
            }
        }
    }
    server.stop().await;
}

/// A query is no part of the path: what follows the question mark changes nothing.
#[tokio::test]
async fn a_query_behind_a_path_opens_nothing() {
    let server = Server::start(&settings()).await;
    let connection = Connection::open(&server).await;
    for rpc in TABLE.iter().filter(|rpc| rpc.access != Access::Open) {
        let answer = connection.call(&format!("{}?x=/y", rpc.path), &[], true).await;
        let Answer::Refused { reason, .. } = answer else { panic!("{}: {answer:?}", rpc.path) };
        assert_eq!(reason, "INVALID_CLIENT", "{}", rpc.path);
    }
    server.stop().await;
}
