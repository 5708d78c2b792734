//! The RPCs: the callers that are let in, and their answer to an empty message.

use jeton::proto::FILE_DESCRIPTOR_SET;
use prost::Message as _;
use prost_types::FileDescriptorSet;

/// Callers that are let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody.
    Open,
    /// A client, by its own credentials.
    Client,
    /// A client that has proved itself, or the holder of a token for jeton.
    Reader,
    /// An administrator, and the client with one of these permissions.
    Admin(&'static [&'static str]),
}

/// One RPC.
pub(crate) struct Rpc {
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    /// `OK` or a reason; empty where it says nothing about access.
    empty_message: &'static str,
}

impl Rpc {
    /// Returns whether this is the answer to a caller that was let in.
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

const fn admin(
    path: &'static str,
    permissions: &'static [&'static str],
    empty_message: &'static str,
) -> Rpc {
    Rpc { path, access: Access::Admin(permissions), empty_message }
}

/// Permissions that let a client see clients, users and grants, and change users.
const READS_CLIENTS: &[&str] = &["audit.read"];
const READS_USERS: &[&str] = &["audit.read", "users"];
const CHANGES_USERS: &[&str] = &["users"];

/// Every RPC that is served.
pub(crate) const TABLE: &[Rpc] = &[
    client("/jeton.v1.TokenService/IssueToken", "UNSUPPORTED_GRANT_TYPE"),
    client("/jeton.v1.TokenService/RefreshToken", "INVALID_REQUEST"),
    client("/jeton.v1.TokenService/RevokeToken", "INVALID_REQUEST"),
    reader("/jeton.v1.TokenService/Introspect", "INVALID_REQUEST"),
    reader("/jeton.v1.TokenService/BatchIntrospect", "OK"),
    reader("/jeton.v1.TokenService/WatchRevocations", ""),
    reader("/jeton.v1.TokenService/GetRevocationCursor", "OK"),
    open("/jeton.v1.TokenService/GetJwks"),
    admin("/jeton.v1.AdminService/CreateClient", &[], "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/GetClient", READS_CLIENTS, "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/ListClients", READS_CLIENTS, "OK"),
    admin("/jeton.v1.AdminService/UpdateClient", &[], "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/DeleteClient", &[], "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/RotateClientSecret", &[], "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/CreateUser", CHANGES_USERS, "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/GetUser", READS_USERS, "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/ListUsers", READS_USERS, "OK"),
    admin("/jeton.v1.AdminService/UpdateUser", CHANGES_USERS, "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/SetUserPassword", CHANGES_USERS, "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/DisableUser", CHANGES_USERS, "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/EnableUser", CHANGES_USERS, "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/DeleteUser", CHANGES_USERS, "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/ListLockouts", READS_USERS, "OK"),
    admin("/jeton.v1.AdminService/ClearLockout", CHANGES_USERS, "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/GetGrant", READS_USERS, "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/ListGrants", READS_USERS, "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/RevokeGrant", CHANGES_USERS, "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/RevokeGrants", CHANGES_USERS, "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/ExplainToken", READS_USERS, "INVALID_REQUEST"),
    admin("/jeton.v1.AdminService/Backup", &["backup"], ""),
    admin("/jeton.v1.AdminService/GetStatus", &["status", "audit.read"], "OK"),
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
            // An agent's own service is no server's.
            let services = file.service.iter().filter(|service| service.name() != "AgentService");
            for service in services {
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
