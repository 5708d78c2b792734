//! `jeton login --issuer`: logs a person in at their identity provider, and keeps jeton's tokens for them.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use clap::Args;
use tokio::time::timeout;

use super::{
    CliError,
    connection::Caller,
    input, meant,
    output::{self, Fields, Format},
    person_tokens::PersonTokens,
    profile::Profile,
    profiles,
    proof::Proof,
    time,
};
use crate::{
    app::SystemEntropy,
    config::{Environment as _, ProcessEnvironment},
    domain::secret::Secret,
    oidc::{Authorization, Loopback, OidcError, Provider, id_token},
    proto::v1::{IssueTokenRequest, JwtBearerGrant, issue_token_request::Grant},
};

/// Time for a person to log in.
const TIMEOUT: Duration = Duration::from_secs(5 * 60);
/// The service that administration is for.
const JETON: &str = "jeton";

#[derive(Args, Debug)]
#[command(next_help_heading = "Login of a person")]
pub(super) struct PersonLogin {
    /// Logs a person in at the identity provider with this issuer, with a browser, in place of asking for
    /// a client's secret. The profile keeps tokens of jeton for that person
    #[arg(long, value_name = "URL", value_parser = meant::given)]
    issuer: Option<String>,

    /// The id of this program at the identity provider; that of --client-id unless given
    #[arg(long, value_name = "ID", requires = "issuer", value_parser = meant::given)]
    issuer_client_id: Option<String>,

    /// A scope to ask for at the identity provider beside openid; may be repeated
    #[arg(long = "issuer-scope", value_name = "SCOPE", requires = "issuer", value_parser = meant::given)]
    issuer_scopes: Vec<String>,

    /// The CAs that the identity provider's certificate may be of, a PEM file; by default those that this
    /// machine trusts
    #[arg(long, value_name = "FILE", requires = "issuer")]
    issuer_ca: Option<PathBuf>,

    /// A service that the tokens are for; may be repeated. Jeton itself, for administration, unless given
    #[arg(long, value_name = "NAME", requires = "issuer", value_parser = meant::given)]
    audience: Vec<String>,

    /// A scope of the tokens; may be repeated
    #[arg(long = "scope", value_name = "SCOPE", requires = "issuer", value_parser = meant::given)]
    scopes: Vec<String>,

    /// The port of this machine that the browser comes back to; any that is free unless given
    #[arg(long, value_name = "PORT", requires = "issuer")]
    redirect_port: Option<u16>,

    /// Time to log in, 5m unless given
    #[arg(long, value_name = "DURATION", requires = "issuer", value_parser = time::parse)]
    timeout: Option<prost_types::Duration>,

    /// Prints the address to open and opens no browser
    #[arg(long, requires = "issuer")]
    no_browser: bool,
}

/// A login to keep, with its name.
pub(super) struct Kept<'a> {
    pub(super) name: &'a str,
    pub(super) also: Vec<String>,
    pub(super) unchecked: bool,
}

impl PersonLogin {
    /// Returns the issuer, if a person is to be logged in.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Logs the person in, keeps their tokens and prints where.
    pub(super) async fn run(
        self,
        issuer: &str,
        caller: &Caller,
        kept: Kept<'_>,
        output: Format,
    ) -> Result<(), CliError> {
        profiles::check_name(kept.name)?;
        // A client with a secret shows it beside the ID token; a public one has none.
        let secret = input::client_secret_variable()?.unwrap_or_else(|| Secret::new(""));
        let mut profile = caller.to_keep(&Proof::Secret(secret.clone()))?;
        profile.servers.extend(kept.also);
        let client_id = profile.client_id.clone().unwrap_or_default();
        let id_token = self.id_token(issuer, &client_id).await?;
        let request = IssueTokenRequest {
            client_id: client_id.clone(),
            client_secret: secret.expose().to_owned(),
            grant: Some(Grant::JwtBearer(JwtBearerGrant {
                assertion: id_token.expose().to_owned(),
            })),
            audience: if self.audience.is_empty() { vec![JETON.to_owned()] } else { self.audience },
            scopes: self.scopes,
            ..IssueTokenRequest::default()
        };
        let for_jeton = request.audience.iter().any(|name| name == JETON);
        let tokens = caller.issue(&profile, request).await?;
        let end = tokens.expire_time.map(|end| end.to_string());
        profile.person = Some(PersonTokens {
            access_token: Secret::new(tokens.access_token),
            expire_time: end.clone().unwrap_or_default(),
            refresh_token: Secret::new(tokens.refresh_token),
            client_secret: secret,
            profile: kept.name.to_owned(),
        });
        let file = profiles::keep(kept.name, &profile)?;
        let mut fields = Fields::default();
        fields.add("profile", kept.name.to_owned());
        fields.add("file", file.display().to_string());
        fields.add("servers", profile.servers.clone());
        fields.add("client_id", client_id);
        fields.add("expire_time", end);
        if for_jeton && !kept.unchecked {
            fields.add("administers", administers(caller, &profile).await?);
        }
        fields.print(output)?;
        output::note(&format!("Use it: --profile {0}, or JETON_PROFILE={0}", kept.name));
        Ok(())
    }

    async fn id_token(&self, issuer: &str, client_id: &str) -> Result<Secret, CliError> {
        let ca = self.issuer_ca.as_deref().map(Path::to_owned);
        let provider = Provider::discover(issuer, ca).await?;
        let loopback = Loopback::bind(self.redirect_port).await?;
        let own_id = self.issuer_client_id.clone().unwrap_or_else(|| client_id.to_owned());
        let redirect_uri = loopback.redirect_uri();
        let request = Authorization::new(own_id, &self.issuer_scopes, redirect_uri, &SystemEntropy);
        let url = request.url(&provider);
        output::note(&format!("Log in here, on this machine:\n{url}"));
        if !self.no_browser {
            open(&url);
        }
        let limit = self.timeout.and_then(|limit| Duration::try_from(limit).ok());
        let coming = timeout(limit.unwrap_or(TIMEOUT), loopback.code(&request, &provider)).await;
        let code = coming.map_err(|_| OidcError::TimedOut)??;
        Ok(id_token(&provider, &request, &code).await?)
    }
}

/// Returns whether the person has a permission in administration.
async fn administers(caller: &Caller, profile: &Profile) -> Result<bool, CliError> {
    let Some(tokens) = profile.person.clone() else { return Ok(false) };
    match caller.prove(profile, &Proof::Person(Box::new(tokens))).await {
        Ok(()) => Ok(true),
        Err(CliError::Refused(refusal)) if refusal.reason() == "INVALID_TOKEN" => Ok(false),
        Err(error) => Err(error),
    }
}

/// Opens a browser, if this machine shows one to somebody. A failure is none: the address is printed.
fn open(url: &str) {
    let set = |name| ProcessEnvironment.variable(name).is_some_and(|value| !value.is_empty());
    let program = if cfg!(target_os = "macos") {
        "open"
    } else if set("DISPLAY") || set("WAYLAND_DISPLAY") {
        "xdg-open"
    } else {
        return;
    };
    let mut command = Command::new(program);
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // It ends when it likes: a browser may go on for days.
    drop(command.spawn());
}
