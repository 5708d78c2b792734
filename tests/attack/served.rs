//! Services of a process, as it describes them itself: every listener, and every path on it.
//! Nothing that is attacked stands in a list here, so that what is added later is attacked as well.

use std::net::SocketAddr;

use prost::Message as _;
use prost_types::FileDescriptorProto;
use tokio_stream::StreamExt as _;
use tonic::transport::Channel;
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

/// A listener, and the paths that it answers over each protocol.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) http1: Vec<String>,
    pub(crate) http2: Vec<String>,
}

/// Every listener that a server or an agent with that log says it serves on.
///
/// # Panics
/// If nothing is known of one of them, or a service has no description: then it is not attacked.
pub(crate) async fn served(log: &str, channel: Channel) -> Vec<Listener> {
    let methods = methods(&channel).await;
    let listeners = addresses(log);
    let listeners = listeners.into_iter().map(|(name, address)| {
        let (http1, http2) = match name.as_str() {
            "grpc" => (Vec::new(), methods.clone()),
            "http" => (jeton::http::paths().map(str::to_owned).collect(), Vec::new()),
            "ops" => {
                let paths: Vec<_> =
                    jeton::ops::paths().flat_map(|path| whole(path, &methods)).collect();
                (paths.clone(), paths)
            }
            "check" => (jeton::http::agent_paths().map(str::to_owned).collect(), Vec::new()),
            _ => panic!("nothing attacks the listener {name}"),
        };
        assert!(http1.len() + http2.len() > 1, "{name} answers nothing");
        Listener { name, address, http1, http2 }
    });
    listeners.collect()
}

/// The addresses of the line that says that the server serves.
fn addresses(log: &str) -> Vec<(String, String)> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut serving = lines.filter(|line| line["message"] == "serving");
    let serving = serving.next_back().expect("it serves");
    let fields = serving.as_object().expect("a line of fields").clone();
    let addresses = fields.into_iter().filter_map(|(name, value)| {
        let address = value.as_str()?.parse::<SocketAddr>().ok()?;
        Some((name, address.to_string()))
    });
    let addresses: Vec<_> = addresses.collect();
    assert!(addresses.len() >= 3, "{addresses:?}");
    addresses
}

/// The path, or one for each method of the service that it stands for.
fn whole(path: &str, methods: &[String]) -> Vec<String> {
    match path.strip_suffix("{method}") {
        None => vec![path.to_owned()],
        Some(service) => {
            let methods = methods.iter().filter(|method| method.starts_with(service));
            methods.cloned().collect()
        }
    }
}

/// The paths of all methods of all services, by reflection, which lists what was added to the server.
async fn methods(channel: &Channel) -> Vec<String> {
    let listed = ask(channel, MessageRequest::ListServices(String::new())).await;
    let MessageResponse::ListServicesResponse(list) = listed else { panic!("{listed:?}") };
    let mut methods = Vec::new();
    for service in list.service {
        let about = MessageRequest::FileContainingSymbol(service.name.clone());
        let described = ask(channel, about).await;
        let MessageResponse::FileDescriptorResponse(files) = described else {
            panic!("{}: {described:?}", service.name)
        };
        for file in files.file_descriptor_proto {
            let file = FileDescriptorProto::decode(file.as_slice()).expect("a description");
            for declared in &file.service {
                let name = format!("{}.{}", file.package(), declared.name());
                if name == service.name {
                    let path = |method: &str| format!("/{name}/{method}");
                    methods.extend(declared.method.iter().map(|method| path(method.name())));
                }
            }
        }
        let prefix = format!("/{}/", service.name);
        assert!(methods.iter().any(|path| path.starts_with(&prefix)), "{prefix}");
    }
    methods
}

async fn ask(channel: &Channel, question: MessageRequest) -> MessageResponse {
    let mut reflection = ServerReflectionClient::new(channel.clone());
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(question) };
    let answers = reflection.server_reflection_info(tokio_stream::once(request)).await;
    let answer = answers.expect("a stream").into_inner().next().await.expect("one");
    answer.expect("an answer").message_response.expect("a response")
}
