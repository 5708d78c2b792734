//! Runs `jeton key`: makes, activates, lists and removes server keys.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{
    CliError,
    connection::Caller,
    output::{self, Fields, Format},
    signing_key::{self, NewKey},
    store,
};
use crate::{
    app::{self, JwtLife, KeyFiles, KeyId, SigningKeyId, SystemEntropy},
    config::{KeySettings, ProcessEnvironment, Settings},
    proto::v1::GetStatusRequest,
};

/// Number of times that a server is asked about a key at once: each asking has it look at some more
/// grants.
const ASKED: usize = 100;

/// Longest wait until a server uses a key that was activated: it looks at the ring each second.
const LONGEST: Duration = Duration::from_secs(30);
/// Pause between two questions to the server.
const PAUSE: Duration = Duration::from_millis(200);

/// The keys that derive and tag tokens, and those that sign access tokens: distribute first, activate second,
/// remove last.
#[derive(Args, Debug)]
pub(super) struct Key {
    /// The directory of the key ring; by default the one in the settings, or else jeton-keys
    #[arg(long, env = "JETON_KEYS_PATH", value_name = "DIR", global = true)]
    keys: Option<PathBuf>,

    /// The server's settings file, for keys.path
    #[arg(long, env = "JETON_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,

    /// Format of the outcome
    #[arg(long, value_enum, default_value = "table", global = true)]
    output: Format,

    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Makes a new key, which nothing uses yet: copy its file to every copy of the ring
    Add {
        /// Makes a new ring, whose only key is active; refused if there is one
        #[arg(long)]
        new: bool,

        #[command(flatten)]
        signing: NewKey,
    },
    /// Activates a key for new tokens, and waits until a running server uses it. A signing key signs when it
    /// has been published for as long as verifiers keep the keys
    Activate(Activate),
    /// Lists the keys
    List,
    /// Removes a key that no live record names any more, or whose signed tokens have expired
    Remove(Remove),
}

/// The server is asked by an administrator; without one nobody is asked.
#[derive(Args, Debug)]
struct Activate {
    /// The key's id
    // One signing key in 64 has a name that begins with a hyphen.
    #[arg(value_name = "ID", value_parser = id, allow_hyphen_values = true)]
    id: AnyKeyId,

    /// Returns at once, as for a server that does not run
    #[arg(long)]
    no_wait: bool,

    #[command(flatten)]
    caller: Caller,
}

/// Asks the store, while no server runs, or else the running server, whether the key is needed.
#[derive(Args, Debug)]
struct Remove {
    /// The key's id
    // One signing key in 64 has a name that begins with a hyphen.
    #[arg(value_name = "ID", value_parser = id, allow_hyphen_values = true)]
    id: AnyKeyId,

    /// The data directory to look at, while no server runs. Without it a running server is asked
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,

    #[command(flatten)]
    caller: Caller,
}

/// Name of a key of either kind.
#[derive(Clone, Copy, Debug)]
enum AnyKeyId {
    /// A key that derives and tags.
    Tagging(KeyId),
    /// A key that signs access tokens.
    Signing(SigningKeyId),
}

fn id(text: &str) -> Result<AnyKeyId, &'static str> {
    let tagging = KeyId::parse(text).map(AnyKeyId::Tagging);
    let signing = || SigningKeyId::parse(text).map(AnyKeyId::Signing);
    tagging
        .or_else(signing)
        .ok_or("must be eight hexadecimal digits, or the 43 characters of a signing key")
}

impl Key {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let settings = self.settings()?;
        let files = KeyFiles::new(&settings.path);
        let longest = JwtLife(settings.max_jwt_ttl);
        let mut fields = Fields::default();
        match self.action {
            Action::Add { signing, .. } if signing.signs() => fields = signing.add(&files)?,
            Action::Add { new, .. } => {
                let id = if new { files.begin(&SystemEntropy) } else { files.add(&SystemEntropy) }?;
                fields.add("key_id", id.to_string());
                fields.add("active", files.existing()?.active().id() == id);
            }
            Action::Activate(activate) => match activate.id {
                AnyKeyId::Signing(id) => {
                    fields = signing_key::activate(&files, id, &settings)?;
                }
                AnyKeyId::Tagging(id) => {
                    files.activate(id)?;
                    let confirmed = activate.confirm(id).await?;
                    fields.add("key_id", id.to_string());
                    fields.add("active", true);
                    fields.add("confirmed", confirmed);
                }
            },
            Action::List => {
                let ring = files.existing()?;
                fields.add("active", ring.active().id().to_string());
                let others: Vec<_> = ring.ids().skip(1).map(|id| id.to_string()).collect();
                fields.add("others", others);
                let signing = signing_key::list(&files, longest)?.into_iter().map(Value::from);
                fields.add("signing", signing.collect::<Value>());
            }
            Action::Remove(remove) => match remove.id {
                AnyKeyId::Signing(id) => fields = signing_key::remove(&files, id, longest)?,
                AnyKeyId::Tagging(id) => {
                    remove.run(&files, id).await?;
                    fields.add("key_id", id.to_string());
                    fields.add("removed", true);
                }
            },
        }
        fields.print(self.output)
    }

    /// A flag beats its variable, which beats the settings file, which beats the default.
    fn settings(&self) -> Result<KeySettings, CliError> {
        let settings = match &self.config {
            Some(config) => Settings::keys(config, &ProcessEnvironment)?,
            None => KeySettings::default(),
        };
        let path = self.keys.clone().unwrap_or(settings.path);
        Ok(KeySettings { path, ..settings })
    }
}

impl Activate {
    /// Waits until the server makes tokens with the key. Returns whether a server was asked at all.
    async fn confirm(&self, id: KeyId) -> Result<bool, CliError> {
        if self.no_wait {
            return Ok(false);
        }
        if !self.caller.is_named()? {
            output::note(
                "no server was asked whether it uses the key: say which administrator asks \
                 (--client-id, --profile), or look for 'the key ring has changed' in its log",
            );
            return Ok(false);
        }
        let (mut admin, _) = self.caller.administer().await?;
        let (name, until) = (id.to_string(), Instant::now() + LONGEST);
        loop {
            let status = admin.get_status(GetStatusRequest {}).await?.into_inner();
            if status.keys.iter().any(|key| key.active && key.key_id == name) {
                return Ok(true);
            }
            if Instant::now() > until {
                return Err(CliError::KeyNotUsed(status.key_ring_fault));
            }
            sleep(PAUSE).await;
        }
    }
}

impl Remove {
    async fn run(self, files: &KeyFiles, id: KeyId) -> Result<(), CliError> {
        if let Some(store) = &self.store {
            if store::is_database(store) {
                return Err(CliError::Usage(
                    "leave --store out: for a store in PostgreSQL a running instance knows whether the \
                     key is needed",
                ));
            }
            return Ok(app::remove_key(files, store, id).await?);
        }
        let (mut admin, _) = self.caller.administer().await?;
        let name = id.to_string();
        for _ in 0..ASKED {
            let keys = admin.get_status(GetStatusRequest {}).await?.into_inner().keys;
            match keys.into_iter().find(|key| key.key_id == name) {
                None => return Err(CliError::NoSuchKey),
                Some(key) if key.active => break,
                Some(key) if key.in_use => {}
                // The server looks once more itself before it forgets the key.
                Some(_) => return Ok(files.remove(id)?),
            }
        }
        Err(CliError::KeyInUse)
    }
}

#[cfg(test)]
mod tests {
    use clap::{Parser, error::ErrorKind};

    use super::*;

    const BEGINS_WITH_A_HYPHEN: &str = "-0JYvrYke2Vt0E_Ihm3Slrps2kVQpvBLSa_xVZRe3xc";

    #[derive(Debug, Parser)]
    struct Given {
        #[command(flatten)]
        _key: Key,
    }

    fn given(arguments: &[&str]) -> Result<Given, clap::Error> {
        Given::try_parse_from([&["key"], arguments].concat())
    }

    #[test]
    fn a_key_whose_name_begins_with_a_hyphen_is_named_like_any_other() {
        for command in ["activate", "remove"] {
            let id = BEGINS_WITH_A_HYPHEN;
            for arguments in [
                &[command, id][..],
                &[command, id, "--keys", "ring"],
                &[command, "--keys", "ring", id],
                &[command, "--", id],
            ] {
                let read = given(arguments);
                assert!(read.is_ok(), "{arguments:?}: {read:?}");
            }
            for (argument, kind) in [
                ("-h", ErrorKind::DisplayHelp),
                ("--help", ErrorKind::DisplayHelp),
                ("-0JY", ErrorKind::ValueValidation),
            ] {
                let refused = given(&[command, argument]).expect_err("no id");
                assert_eq!(refused.kind(), kind, "{command} {argument}");
            }
        }
    }
}
