//! Keys that sign access tokens, for `jeton key`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::{CliError, output::Fields, time};
use crate::{
    app::{
        Algorithm, Clock as _, JwtLife, KeyFiles, NewSigningKey, SigningKeyId, SigningState,
        SystemClock, SystemEntropy, Timestamp,
    },
    config::KeySettings,
};

/// Algorithms that access tokens are signed by.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Signature {
    /// ECDSA over P-256
    #[value(name = "ES256")]
    Es256,
    /// Ed25519
    #[value(name = "EdDSA")]
    EdDsa,
    /// RSA, by a key that another program made: see --import
    #[value(name = "RS256")]
    Rs256,
}

/// A new signing key.
#[derive(Args, Debug)]
pub(super) struct NewKey {
    /// Makes a key that signs access tokens: verifiers find it in /.well-known/jwks.json
    #[arg(long, conflicts_with = "new")]
    signing: bool,

    /// The algorithm of a signing key
    #[arg(long, value_enum, default_value = "ES256", requires = "signing")]
    algorithm: Signature,

    /// Takes the signing key from a file of another program: PKCS#8 in PEM
    #[arg(long, value_name = "FILE", requires = "signing")]
    import: Option<PathBuf>,
}

impl NewKey {
    /// Returns whether the key is one that signs.
    pub(super) const fn signs(&self) -> bool {
        self.signing
    }

    /// Adds the key to the ring.
    pub(super) fn add(&self, files: &KeyFiles) -> Result<Fields, CliError> {
        let algorithm = match self.algorithm {
            Signature::Es256 => Algorithm::Es256,
            Signature::EdDsa => Algorithm::EdDsa,
            Signature::Rs256 => Algorithm::Rs256,
        };
        let new = NewSigningKey { algorithm, import: self.import.as_deref() };
        let id = files.add_signing(new, &SystemEntropy, SystemClock.now())?;
        one(files, id, JwtLife::default())
    }
}

/// Activates a key, which signs when verifiers know it.
pub(super) fn activate(
    files: &KeyFiles,
    id: SigningKeyId,
    settings: &KeySettings,
) -> Result<Fields, CliError> {
    files.activate_signing(id, settings.jwks_max_age, SystemClock.now())?;
    one(files, id, JwtLife(settings.max_jwt_ttl))
}

/// Removes a key.
pub(super) fn remove(
    files: &KeyFiles,
    id: SigningKeyId,
    longest: JwtLife,
) -> Result<Fields, CliError> {
    files.remove_signing(id, longest, SystemClock.now())?;
    let mut fields = Fields::default();
    fields.add("key_id", id.to_string());
    fields.add("removed", true);
    Ok(fields)
}

/// All keys, with their states, where tokens live for `longest`.
pub(super) fn list(files: &KeyFiles, longest: JwtLife) -> Result<Vec<Fields>, CliError> {
    let ring = files.signing()?;
    let states = ring.states(longest, SystemClock.now()).into_iter();
    let shown = states.map(|(held, state)| {
        let mut fields = Fields::default();
        fields.add("key_id", held.key.id().to_string());
        fields.add("algorithm", held.key.algorithm().name());
        fields.add("state", state.name());
        fields.add("create_time", moment(Some(held.times.create_time)));
        fields.add("sign_time", moment(held.times.sign_time));
        let until = match state {
            SigningState::Retired(until) => Some(until),
            SigningState::Added
            | SigningState::Waiting(_)
            | SigningState::Active
            | SigningState::Expired => None,
        };
        fields.add("publish_until", moment(until));
        fields
    });
    Ok(shown.collect())
}

/// Returns the key as [`list`] has it.
fn one(files: &KeyFiles, id: SigningKeyId, longest: JwtLife) -> Result<Fields, CliError> {
    let name = Value::from(id.to_string());
    let found =
        list(files, longest)?.into_iter().find(|fields| fields.get("key_id") == Some(&name));
    Ok(found.unwrap_or_default())
}

fn moment(at: Option<Timestamp>) -> Option<String> {
    let seconds = |at: Timestamp| i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
    time::moment(at.map(|at| prost_types::Timestamp { seconds: seconds(at), nanos: 0 }))
}
