//! The RPCs: who is let in, and what somebody who is let in is told about an empty message.

use jeton::proto::FILE_DESCRIPTOR_SET;
use prost::Message as _;
use prost_types::FileDescriptorSet;

/// Who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody.
    Open,
    /// A client, by its own credentials.
    Client,
    /// A client that has proved itself, or the holder of a token for jeton.
    Reader,
    /// An administrator.
    Admin,
}

/// One RPC.
pub(crate) struct Rpc {
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    /// `OK` or a reason; empty where it says nothing about access.
    empty_message: &'static str,
}

impl Rpc {
    /// Whether this is what somebody is told who was let in.
    pub(crate) fn lets_in(&self, told: &str) -> bool {
        const KEPT_OUT: [&str; 4] =
            ["INVALID_CLIENT", "INVALID_TOKEN", "ACCESS_DENIED", "UNAUTHORIZED_CLIENT"];
        if self.empty_message.is_empty() {
            return !KEPT_OUT.contains(&told);
        }
        told == self.empty_message
    }
}

const fn open(path: &'static str) -> Rpc {
    Rpc { path, access: Access::Open, empty_message: "" }
}

const fn client(path: &'static str, empty_message: &'static str) -> Rpc {
    Rpc { path, access: Access::Client, empty_message }
}

const fn reader(path: &'static str, empty_message: &'static str) -> Rpc {
    Rpc { path, access: Access::Reader, empty_message }
}

const fn admin(path: &'static str, empty_message: &'static str) -> Rpc {
    Rpc { path, access: Access::Admin, empty_message }
}

/// Every RPC that is served.
pub(crate) const TABLE: &[Rpc] = &[
    client("/jeton.v1.TokenService/IssueToken", "UNSUPPORTED_GRANT_TYPE"),
    client("/jeton.v1.TokenService/RefreshToken", "INVALID_REQUEST"),
    client("/jeton.v1.TokenService/RevokeToken", "INVALID_REQUEST"),
    reader("/jeton.v1.TokenService/Introspect", "INVALID_REQUEST"),
    reader("/jeton.v1.TokenService/BatchIntrospect", "OK"),
    reader("/jeton.v1.TokenService/WatchRevocations", ""),
    reader("/jeton.v1.TokenService/GetRevocationCursor", "OK"),
    admin("/jeton.v1.AdminService/CreateClient", "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/GetClient", "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/ListClients", "OK"),
    admin("/jeton.v1.AdminService/UpdateClient", "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/DeleteClient", "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/RotateClientSecret", "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/CreateUser", "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/GetUser", "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/ListUsers", "OK"),
    admin("/jeton.v1.AdminService/UpdateUser", "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/SetUserPassword", "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/DisableUser", "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/EnableUser", "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/DeleteUser", "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/ListLockouts", "OK"),
    admin("/jeton.v1.AdminService/ClearLockout", "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/GetGrant", "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/ListGrants", "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/RevokeGrant", "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/RevokeGrants", "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/ExplainToken", "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/Backup", ""),
    admin("/jeton.v1.AdminService/GetStatus", "OK"),
    // A request that says nothing is refused, which is an answer.
    reader("/envoy.service.auth.v3.Authorization/Check", "OK"),
    open("/grpc.health.v1.Health/Check"),
    open("/grpc.health.v1.Health/Watch"),
    open("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"),
    open("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"),
];

/// Every RPC in the descriptors that the server is made of, and whether its answer is a stream.
pub(crate) fn described() -> Vec<(String, bool)> {
    let mut described = Vec::new();
    for set in [
        FILE_DESCRIPTOR_SET,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ] {
        for file in FileDescriptorSet::decode(set).expect("a descriptor set").file {
            for service in &file.service {
                for method in &service.method {
                    let (package, service) = (file.package(), service.name());
                    let path = format!("/{package}.{service}/{}", method.name());
                    described.push((path, method.server_streaming()));
                }
            }
        }
    }
    described
}
