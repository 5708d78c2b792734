//! Rights to call: every kind of caller against every RPC of every service, and every odd way to
//! write an RPC's path.
//!
//! The RPCs come from the descriptors of the server itself: one without an entry in [`rpcs::TABLE`]
//! fails the test.

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

mod callers;
mod frames;
mod not_grpc;
mod odd_paths;
mod raw;
mod rpcs;
mod strangers;

use std::{collections::BTreeSet, fmt::Write as _};

use tokio_stream::StreamExt as _;
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::{
    callers::{Told, callers, settings},
    common::server::Server,
    raw::{Answer, Connection},
    rpcs::{TABLE, described},
};

#[test]
fn every_rpc_of_every_descriptor_has_an_entry_and_no_entry_is_of_another() {
    let entries: BTreeSet<&str> = TABLE.iter().map(|rpc| rpc.path).collect();
    let described = described();
    let described: BTreeSet<&str> = described.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(entries, described);
    assert_eq!(entries.len(), TABLE.len(), "each has one entry");
}

#[tokio::test]
async fn every_service_that_the_server_names_is_in_the_table() {
    let server = Server::start(&settings()).await;
    let mut reflection = ServerReflectionClient::new(server.connect().await);
    let message_request = Some(MessageRequest::ListServices(String::new()));
    let request = ServerReflectionRequest { host: String::new(), message_request };
    let answers = reflection.server_reflection_info(tokio_stream::once(request)).await;
    let answer = answers.expect("an answer").into_inner().next().await.expect("one");
    let answer = answer.expect("a response").message_response;
    let Some(MessageResponse::ListServicesResponse(list)) = answer else { panic!("{answer:?}") };
    let named: BTreeSet<String> = list.service.into_iter().map(|service| service.name).collect();
    let listed =
        |service: &String| TABLE.iter().any(|rpc| rpc.path.starts_with(&format!("/{service}/")));
    assert!(named.contains("jeton.v1.AdminService"));
    assert!(named.iter().all(listed), "{named:?}");
    server.stop().await;
}

#[tokio::test]
async fn every_caller_is_told_at_every_rpc_what_the_table_says() {
    let server = Server::start(&settings()).await;
    let callers = callers(&server).await;
    let streams = described();
    let connection = Connection::open(&server).await;
    let mut wrong = String::new();
    for rpc in TABLE {
        let streams = streams.iter().any(|(path, streams)| path == rpc.path && *streams);
        for caller in &callers {
            let answer = connection.call(rpc.path, &caller.authorization, streams).await;
            let expected = caller.told(rpc.access);
            let fits = match (&answer, expected) {
                (Answer::Done, Told::In) => rpc.lets_in("OK"),
                (Answer::Refused { reason, .. }, Told::In) => rpc.lets_in(reason),
                (Answer::Refused { reason, .. }, Told::Refused(expected)) => reason == expected,
                (Answer::Done, Told::Refused(_)) | (Answer::Reset, _) => false,
            };
            if !fits {
                let _ = writeln!(wrong, "{} at {}: {answer:?}", caller.name, rpc.path);
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    server.stop().await;
}
