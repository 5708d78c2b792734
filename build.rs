//! Compiles `proto/` to Rust without protoc, writes the descriptor set that reflection serves, and
//! finds out which commit is built.

#[path = "build/commit.rs"]
mod commit;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use prost::Message as _;

/// Messages that carry passwords, secrets or tokens: their `Debug` is written by hand, redacted.
const SECRET_BEARING: [&str; 19] = [
    "PasswordGrant",
    "JwtBearerGrant",
    "TokenExchangeGrant",
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
    "ExplainTokenRequest",
    "ExplainTokenRequest.what",
];

/// Messages of proxies that carry what their visitors sent, tokens among it: the same goes for them.
const SHOWN_BY_VISITORS: [&str; 2] =
    ["envoy.service.auth.v3.AttributeContext.HttpRequest", "envoy.config.core.v3.HeaderValue"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tell_commit();
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(
        [
            "jeton/v1/token_service.proto",
            "jeton/v1/admin_service.proto",
            "jeton/v1/agent_service.proto",
            "jeton/v1/error_reason.proto",
            "envoy/service/auth/v3/external_auth.proto",
        ],
        ["proto"],
    )?;
    #[expect(clippy::disallowed_methods, reason = "how cargo tells a build script")]
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("jeton.v1.binpb"), files.encode_to_vec())?;
    tonic_prost_build::configure()
        .skip_debug(SECRET_BEARING.map(|message| format!("jeton.v1.{message}")))
        .skip_debug(SHOWN_BY_VISITORS)
        .extern_path(".google.rpc.Status", "::tonic_types::pb::Status")
        .compile_fds(files)?;
    Ok(())
}

/// `JETON_COMMIT` says it, where there is no repository to ask: in a container, or from an archive.
/// Otherwise git does, for a release build only: others would be built again after each commit.
fn tell_commit() {
    println!("cargo::rerun-if-env-changed=JETON_COMMIT");
    #[expect(clippy::disallowed_methods, reason = "how cargo tells a build script")]
    let (given, profile) = (env::var("JETON_COMMIT"), env::var("PROFILE"));
    let given = given.ok().filter(|commit| !commit.is_empty());
    let asked = || profile.is_ok_and(|profile| profile == "release").then(ask_git).flatten();
    let commit = given.or_else(asked).unwrap_or_default();
    let version = commit::version(env!("CARGO_PKG_VERSION"), &commit);
    println!("cargo::rustc-env=JETON_BUILD_COMMIT={commit}");
    println!("cargo::rustc-env=JETON_BUILD_VERSION={version}");
}

/// Asks again after each commit, and after each change that the program would not be that commit for.
fn ask_git() -> Option<String> {
    let here = Path::new(".");
    let commit = commit::of(here)?;
    for input in commit::INPUTS {
        println!("cargo::rerun-if-changed={input}");
    }
    println!("cargo::rerun-if-changed={}", commit::log(here)?.display());
    Some(commit)
}
