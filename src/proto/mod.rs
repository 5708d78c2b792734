//! The generated types of `proto/jeton/v1`.

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

/// The encoded descriptor set of `proto/`, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/jeton.v1.binpb"));
