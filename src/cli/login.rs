//! `jeton login`: keeps server and credentials under a name, for every later command.

use clap::Args;

use super::{
    CliError,
    connection::Caller,
    input, meant,
    output::{self, Fields, Format},
    person_login::{Kept, PersonLogin},
    profiles,
    proof::Proof,
};
use crate::client::AssertionFile;

#[derive(Args, Debug)]
pub(super) struct Login {
    /// Name of the profile; an existing one is replaced
    #[arg(value_name = "NAME", default_value = "default", value_parser = meant::given)]
    name: String,

    /// A further server of the same store, which status and health ask too; may be repeated
    #[arg(long, value_name = "URL", value_parser = meant::given)]
    also: Vec<String>,

    /// Keeps it without asking the server whether the secret or the assertion is right
    #[arg(long)]
    unchecked: bool,

    #[command(flatten)]
    caller: Caller,

    #[command(flatten)]
    person: PersonLogin,

    /// Format of the outcome
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

impl Login {
    /// The secret comes from a prompt or from standard input, and lies in the profile's file alone, which
    /// nobody else can read. Of an assertion the profile has the file's path.
    pub(super) async fn run(self) -> Result<(), CliError> {
        if let Some(issuer) = self.person.issuer().map(str::to_owned) {
            if self.caller.assertion_file()?.is_some() {
                return Err(CliError::Usage("--issuer logs a person in: give no --assertion-file"));
            }
            let kept = Kept { name: &self.name, also: self.also, unchecked: self.unchecked };
            return self.person.run(&issuer, &self.caller, kept, self.output).await;
        }
        let proof = match (self.caller.assertion_file()?, input::client_secret_variable()?) {
            (Some(file), _) => Proof::Assertion(AssertionFile::at(file)),
            (None, Some(secret)) => Proof::Secret(secret),
            (None, None) => Proof::Secret(input::known_secret("Client secret")?),
        };
        let mut profile = self.caller.to_keep(&proof)?;
        profile.servers.extend(self.also);
        if !self.unchecked {
            self.caller.prove(&profile, &proof).await?;
        }
        let file = profiles::keep(&self.name, &profile)?;
        let mut fields = Fields::default();
        fields.add("profile", self.name.clone());
        fields.add("file", file.display().to_string());
        fields.add("servers", profile.servers);
        fields.add("client_id", profile.client_id);
        fields.print(self.output)?;
        output::note(&format!("Use it: --profile {0}, or JETON_PROFILE={0}", self.name));
        Ok(())
    }
}
