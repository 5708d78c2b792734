//! Compiles `proto/` to Rust without protoc, writes the descriptor set that reflection serves, and
//! finds out which commit is built.

use std::{env, fs, path::PathBuf, process::Command};

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
    tell_commit();
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

/// `JETON_COMMIT` says it, where there is no repository to ask: in a container, or from an archive.
/// Otherwise git does, for a release build only: others would be built anew after each commit.
fn tell_commit() {
    println!("cargo::rerun-if-env-changed=JETON_COMMIT");
    #[expect(clippy::disallowed_methods, reason = "how cargo tells a build script")]
    let (given, profile) = (env::var("JETON_COMMIT"), env::var("PROFILE"));
    let given = given.ok().filter(|commit| !commit.is_empty());
    let asked = || profile.is_ok_and(|profile| profile == "release").then(commit).flatten();
    let commit = given.or_else(asked).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    println!("cargo::rustc-env=JETON_BUILD_COMMIT={commit}");
    let text = if commit.is_empty() { version.to_owned() } else { format!("{version} ({commit})") };
    println!("cargo::rustc-env=JETON_BUILD_VERSION={text}");
}

/// The commit of this directory, if it is the top of a repository and git is there: an archive that
/// was unpacked within another repository is not that one's.
fn commit() -> Option<String> {
    let top = git(&["rev-parse", "--show-toplevel"])?;
    if fs::canonicalize(top).ok()? != fs::canonicalize(".").ok()? {
        return None;
    }
    // Each commit and each checkout adds a line there.
    println!("cargo::rerun-if-changed={}", git(&["rev-parse", "--git-path", "logs/HEAD"])?);
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    Some(if changed { format!("{commit}+changes") } else { commit })
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
