//! The services that are served, each within the limits, and reflection, which lists these and no others.

use std::{collections::HashMap, convert::Infallible, sync::Arc};

use axum::response::IntoResponse;
use http::Request;
use prost::Message as _;
use prost_types::{FileDescriptorSet, MethodDescriptorProto};
use tonic::{
    body::Body,
    server::NamedService,
    service::{Routes, RoutesBuilder},
};
use tonic_reflection::{
    pb::{v1, v1alpha},
    server::{Builder, v1::ServerReflectionServer, v1alpha::ServerReflectionServer as Alpha},
};
use tower::Service;

use super::{
    admin::Administration,
    agent::{AgentServices, AgentTokens},
    agent_status::Described,
    envoy::EnvoyAuthorization,
    health::Health,
    limits::{CallLimits, GrpcOptions, MAX_NAME_BYTES},
    token_service::Tokens,
};
use crate::{
    bearer::{Doorkeeper, Introspector},
    proto::{
        FILE_DESCRIPTOR_SET,
        envoy::service::auth::v3::authorization_server::AuthorizationServer,
        v1::{
            admin_service_server::AdminServiceServer, agent_service_server::AgentServiceServer,
            token_service_server::TokenServiceServer,
        },
    },
    service::Ready,
    store::Store,
};

/// Descriptors of the services; each method is in one of them.
const DESCRIPTORS: [&[u8]; 5] = [
    FILE_DESCRIPTOR_SET,
    tonic_types::pb::FILE_DESCRIPTOR_SET,
    tonic_health::pb::FILE_DESCRIPTOR_SET,
    v1::FILE_DESCRIPTOR_SET,
    v1alpha::FILE_DESCRIPTOR_SET,
];

/// The paths of all methods, with what `of` says of each.
pub(super) fn methods<T>(of: impl Fn(&MethodDescriptorProto) -> T) -> HashMap<String, T> {
    let mut methods = HashMap::new();
    for set in DESCRIPTORS {
        let set = FileDescriptorSet::decode(set).expect("the build wrote it");
        for file in &set.file {
            for service in &file.service {
                let path = |name| format!("/{}.{}/{name}", file.package(), service.name());
                let described = |method| (path(MethodDescriptorProto::name(method)), of(method));
                methods.extend(service.method.iter().map(described));
            }
        }
    }
    methods
}

/// All services.
///
/// # Errors
/// When one of them cannot be described.
pub(super) fn services<S: Store>(
    service: &Ready<S>,
    health: &Health,
    options: GrpcOptions,
) -> Result<Routes, tonic_reflection::server::Error> {
    let GrpcOptions { limits, reflection, envoy } = options;
    let mut served = Served::default();
    served.add(
        TokenServiceServer::new(Tokens::new(service.clone()))
            .max_decoding_message_size(limits.request_bytes)
            .max_encoding_message_size(limits.response_bytes),
    );
    served.add(
        AdminServiceServer::new(Administration::new(service.clone()))
            .max_decoding_message_size(limits.request_bytes)
            .max_encoding_message_size(limits.response_bytes),
    );
    served.add(
        AuthorizationServer::new(EnvoyAuthorization::new(service.clone(), envoy))
            .max_decoding_message_size(limits.request_bytes)
            .max_encoding_message_size(limits.response_bytes),
    );
    served.add(health.service(limits.request_bytes));
    served.finish(limits, reflection)
}

/// The services of an agent, over what it knows.
///
/// # Errors
/// When one of them cannot be described.
pub(super) fn agent_services<K: Doorkeeper + Introspector + AgentTokens + Described>(
    known: Arc<K>,
    health: &Health,
    options: GrpcOptions,
) -> Result<Routes, tonic_reflection::server::Error> {
    let GrpcOptions { limits, reflection, envoy } = options;
    let known = AgentServices::new(known);
    let mut served = Served::default();
    served.add(
        TokenServiceServer::new(known.clone())
            .max_decoding_message_size(limits.request_bytes)
            .max_encoding_message_size(limits.response_bytes),
    );
    served.add(
        AgentServiceServer::new(known.clone())
            .max_decoding_message_size(limits.request_bytes)
            .max_encoding_message_size(limits.response_bytes),
    );
    served.add(
        AuthorizationServer::new(EnvoyAuthorization::new(known, envoy))
            .max_decoding_message_size(limits.request_bytes)
            .max_encoding_message_size(limits.response_bytes),
    );
    served.add(health.service(limits.request_bytes));
    served.finish(limits, reflection)
}

/// Older clients know `v1alpha` only, newer ones look for `v1` first: both are served.
const REFLECTION: &str = <ServerReflectionServer<()> as NamedService>::NAME;
const REFLECTION_ALPHA: &str = <Alpha<()> as NamedService>::NAME;

/// Reflection that lists `names`.
fn describe(names: &[&str]) -> Builder<'static> {
    let builder = Builder::configure().include_reflection_service(false);
    let builder =
        DESCRIPTORS.into_iter().fold(builder, Builder::register_encoded_file_descriptor_set);
    names.iter().fold(builder, |builder, name| builder.with_service_name(*name))
}

/// Services, and their names.
#[derive(Default)]
struct Served {
    routes: RoutesBuilder,
    names: Vec<&'static str>,
}

impl Served {
    fn add<T>(&mut self, service: T)
    where
        T: Service<Request<Body>, Error = Infallible, Response: IntoResponse, Future: Send>,
        T: NamedService + Clone + Send + Sync + 'static,
    {
        self.names.push(T::NAME);
        self.routes.add_service(service);
    }

    /// All of them, with reflection if it is wanted.
    fn finish(
        mut self,
        limits: CallLimits,
        reflection: bool,
    ) -> Result<Routes, tonic_reflection::server::Error> {
        if reflection {
            let name_bytes = limits.request_bytes.min(MAX_NAME_BYTES);
            let names = [&*self.names, &[REFLECTION, REFLECTION_ALPHA]].concat();
            self.add(
                describe(&names)
                    .build_v1()?
                    .max_decoding_message_size(name_bytes)
                    .max_encoding_message_size(limits.response_bytes),
            );
            self.add(
                describe(&names)
                    .build_v1alpha()?
                    .max_decoding_message_size(name_bytes)
                    .max_encoding_message_size(limits.response_bytes),
            );
        }
        Ok(self.routes.routes().prepare())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_found_with_what_is_said_of_it() {
        let streams = methods(|method| (method.client_streaming(), method.server_streaming()));
        for (path, expected) in [
            ("/jeton.v1.TokenService/Introspect", (false, false)),
            ("/jeton.v1.TokenService/WatchRevocations", (false, true)),
            ("/jeton.v1.AdminService/Backup", (false, true)),
            ("/grpc.health.v1.Health/Watch", (false, true)),
            ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", (true, true)),
            ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", (true, true)),
        ] {
            assert_eq!(streams.get(path), Some(&expected), "{path}");
        }
    }
}
