//! The generated types of `proto`.

mod redacted;

/// Package `jeton.v1`.
#[expect(
    unused_qualifications,
    clippy::pedantic,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated: its documentation stands in the proto files"
)]
pub mod v1 {
    tonic::include_proto!("jeton.v1");
}

/// Packages of Envoy, as far as the server needs them.
#[cfg(feature = "server")]
#[expect(
    unused_qualifications,
    clippy::pedantic,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated: its documentation stands in the proto files"
)]
pub mod envoy;

/// The encoded descriptor set of `proto/`, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/jeton.v1.binpb"));
