//! Compiles `proto/` to Rust without protoc and writes the descriptor set that reflection serves.

use std::{env, fs, path::PathBuf};

use prost::Message as _;

/// Messages that carry passwords, secrets or tokens: their `Debug` is written by hand, redacted.
const SECRET_BEARING: [&str; 15] = [
    "PasswordGrant",
    "IssueTokenRequest",
    "IssueTokenResponse",
    "RefreshTokenRequest",
    "RefreshTokenResponse",
    "RevokeTokenRequest",
    "IntrospectRequest",
    "BatchIntrospectRequest",
    "IssueTokenRequest.grant",
    "CreateClientRequest",
    "CreateClientResponse",
    "RotateClientSecretRequest",
    "RotateClientSecretResponse",
    "CreateUserRequest",
    "SetUserPasswordRequest",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(
        [
            "jeton/v1/token_service.proto",
            "jeton/v1/admin_service.proto",
            "jeton/v1/error_reason.proto",
        ],
        ["proto"],
    )?;
    #[expect(clippy::disallowed_methods, reason = "how cargo tells a build script")]
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("jeton.v1.binpb"), files.encode_to_vec())?;
    tonic_prost_build::configure()
        .skip_debug(SECRET_BEARING.map(|message| format!("jeton.v1.{message}")))
        .compile_fds(files)?;
    Ok(())
}
