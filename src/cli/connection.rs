//! Server and client of a command's calls: from flags, then the environment, then a profile.

use std::{error::Error as _, path::PathBuf, sync::OnceLock};

use clap::Args;
use tonic::transport::{Channel, Endpoint, Error};

use super::{
    CliError,
    encryption::{Encryption, HEADING},
    input, meant,
    person_tokens::PersonTokens,
    profile::Profile,
    proof::Proof,
    refusal::Refusal,
    tls_files::from_root,
    trouble,
};
use crate::{
    client::{self, Admin, AssertionFile},
    config::{AgentSettings, server_url},
    proto::v1::{
        GetStatusRequest, IssueTokenRequest, IssueTokenResponse,
        token_service_client::TokenServiceClient,
    },
};

/// Address of a server with default settings.
const DEFAULT_SERVER: &str = "http://127.0.0.1:50051";

/// The server that this process has connected to, for [`explain`]: an error of a call does not say.
static SERVER: OnceLock<String> = OnceLock::new();

/// The server.
#[derive(Args, Clone, Debug)]
pub(super) struct Server {
    /// The server's gRPC address, or unix: and the path of its socket; `http://127.0.0.1:50051` unless given
    #[arg(
        id = "server",
        long = "server",
        env = "JETON_SERVER",
        value_name = "URL",
        global = true,
        help_heading = HEADING,
        value_parser = meant::given
    )]
    url: Option<String>,

    #[command(flatten)]
    profile: ProfileName,

    #[command(flatten)]
    encryption: Encryption,
}

/// Name of the profile.
#[derive(Args, Clone, Debug)]
pub(super) struct ProfileName {
    /// The profile to use: a table of the file jeton/profiles.toml below `XDG_CONFIG_HOME` or
    /// ~/.config, with `server` or `servers`, `ca`, `cert`, `key`, `client_id` and `client_secret` or `assertion_file`
    /// for what neither flags nor the environment say. The file must be its owner's alone (chmod 600)
    #[arg(long, env = "JETON_PROFILE", value_name = "NAME", global = true, help_heading = HEADING, value_parser = meant::given)]
    profile: Option<String>,
}

impl Server {
    pub(super) async fn connect(&self) -> Result<Channel, CliError> {
        self.reach(&self.profile()?).await
    }

    /// An empty one when none is named.
    fn profile(&self) -> Result<Profile, CliError> {
        match &self.profile.profile {
            Some(name) => Ok(Profile::load(name)?),
            None => Ok(Profile::default()),
        }
    }

    async fn reach(&self, profile: &Profile) -> Result<Channel, CliError> {
        let (url, endpoint) = self.endpoint(profile)?;
        endpoint.connect().await.map_err(|error| unreachable(url, &error))
    }

    /// Every server that is named, and how to get there.
    fn endpoints(&self, profile: &Profile) -> Result<Vec<(String, Endpoint)>, CliError> {
        let urls = self.urls(profile).into_iter();
        urls.map(|url| self.endpoint_at(&url, profile)).collect()
    }

    /// Returns the server's URL and a connection to it that is not open yet.
    fn endpoint(&self, profile: &Profile) -> Result<(String, Endpoint), CliError> {
        self.endpoint_at(&self.urls(profile).swap_remove(0), profile)
    }

    fn endpoint_at(&self, url: &str, profile: &Profile) -> Result<(String, Endpoint), CliError> {
        let url = server_url(url).map_err(|fault| CliError::Server(fault.0))?;
        let tls = self.encryption.towards(&url, profile)?;
        let endpoint = client::endpoint(url.clone()).and_then(|endpoint| match tls {
            Some(tls) => endpoint.tls_config(tls),
            None => Ok(endpoint),
        });
        let endpoint = endpoint.map_err(|error| unreachable(url.clone(), &error))?;
        let _first = SERVER.get_or_init(|| url.clone());
        Ok((url, endpoint))
    }

    /// Connects to each server that is named.
    pub(super) async fn connect_each(&self) -> Result<Vec<Instance<Channel>>, CliError> {
        let mut instances = Vec::new();
        for (url, endpoint) in self.endpoints(&self.profile()?)? {
            let connected = endpoint.connect().await;
            let to = connected.map_err(|error| unreachable(url.clone(), &error));
            instances.push(Instance { url, to });
        }
        Ok(instances)
    }

    /// Returns whether the server is shown a certificate.
    fn shows(&self, profile: &Profile) -> bool {
        self.encryption.cert.is_some() || profile.encryption.cert.is_some()
    }

    /// One at least.
    fn urls(&self, profile: &Profile) -> Vec<String> {
        match &self.url {
            Some(url) => vec![url.clone()],
            None if profile.servers.is_empty() => vec![DEFAULT_SERVER.to_owned()],
            None => profile.servers.clone(),
        }
    }
}

/// One of several servers.
pub(super) struct Instance<T> {
    pub(super) url: String,
    /// The connection to it.
    pub(super) to: Result<T, CliError>,
}

/// The server, and the client on whose behalf a command calls.
#[derive(Args, Debug)]
pub(super) struct Caller {
    #[command(flatten)]
    server: Server,

    /// The id of the client to call as. Its secret is read from the variable
    /// `JETON_CLIENT_SECRET`, from the profile, or asked for; with --cert or --assertion-file there need
    /// be none
    #[arg(long, env = "JETON_CLIENT_ID", value_name = "ID", global = true, help_heading = HEADING, value_parser = meant::given)]
    client_id: Option<String>,

    /// File with a token of a trusted issuer that proves who calls, in place of a secret: a projected
    /// token of a Kubernetes service account, a JWT-SVID. It is read again each time it is shown
    #[arg(long, env = "JETON_ASSERTION_FILE", value_name = "FILE", global = true, help_heading = HEADING)]
    assertion_file: Option<PathBuf>,
}

/// The way to a server, and whom to call as.
pub(super) struct Way {
    pub(super) url: String,
    /// As its files are now.
    pub(super) endpoint: Endpoint,
    pub(super) client_id: String,
    /// None where it is elsewhere.
    pub(super) proof: Option<Proof>,
    /// Files that it is made of.
    pub(super) files: Vec<PathBuf>,
    /// Reads them again. Waits for the disk.
    pub(super) again: Box<dyn Fn() -> Result<Endpoint, CliError> + Send + Sync>,
}

/// A connection, and whom to call as.
pub(super) struct Session {
    pub(super) channel: Channel,
    pub(super) client_id: String,
    /// Of nothing for a public client.
    pub(super) proof: Proof,
}

impl Caller {
    /// The server and the client of an agent's settings. A profile stands for what they lack.
    pub(super) fn of(settings: &AgentSettings, profile: ProfileName) -> Self {
        let (ca, cert, key) = (settings.ca.clone(), settings.cert.clone(), settings.key.clone());
        let (url, encryption) = (settings.server.clone(), Encryption { ca, cert, key });
        let client_id = settings.client_id.as_ref().map(ToString::to_string);
        let assertion_file = settings.assertion_file.clone();
        Self { server: Server { url, profile, encryption }, client_id, assertion_file }
    }

    /// Connects as a client that proves itself in each request, or has no proof.
    pub(super) async fn connect(&self, public: bool) -> Result<Session, CliError> {
        let profile = self.server.profile()?;
        let Known { client_id, proof } = self.known(&profile)?;
        let proof = match proof {
            _ if public => Proof::none(),
            Some(proof) => proof,
            None => Proof::Secret(input::client_secret()?),
        };
        Ok(Session { channel: self.server.reach(&profile).await?, client_id, proof })
    }

    /// Returns the way to a server that need not run yet. Asks for the secret unless it is `elsewhere`.
    pub(super) fn way(&self, elsewhere: bool) -> Result<Way, CliError> {
        let profile = self.server.profile()?;
        let Known { client_id, proof } = self.known(&profile)?;
        let proof = match proof {
            None if !elsewhere => Some(Proof::Secret(input::client_secret()?)),
            // A certificate stands for itself.
            Some(Proof::Secret(secret)) if elsewhere && secret.is_empty() => None,
            known => known,
        };
        let (url, endpoint) = self.server.endpoint(&profile)?;
        let files = self.server.encryption.files(&profile);
        let server = self.server.clone();
        let again = Box::new(move || server.endpoint(&profile).map(|(_, endpoint)| endpoint));
        Ok(Way { url, endpoint, client_id, proof, files, again })
    }

    /// Returns whether the flags, the environment or the profile name a client.
    pub(super) fn is_named(&self) -> Result<bool, CliError> {
        Ok(self.client_id.is_some() || self.server.profile()?.client_id.is_some())
    }

    /// Another connection to the same server.
    pub(super) async fn reconnect(&self) -> Result<Channel, CliError> {
        self.server.connect().await
    }

    /// Connects as an administrator. Returns the server's URL, too.
    pub(super) async fn administer(&self) -> Result<(Admin, String), CliError> {
        let profile = self.server.profile()?;
        let (client_id, proof) = self.proven(&profile)?;
        let (url, endpoint) = self.server.endpoint(&profile)?;
        Ok((administer(&url, endpoint, &client_id, &proof).await?, url))
    }

    /// Returns the URL of each server that is named.
    pub(super) fn urls(&self) -> Result<Vec<String>, CliError> {
        let endpoints = self.server.endpoints(&self.server.profile()?)?;
        Ok(endpoints.into_iter().map(|(url, _)| url).collect())
    }

    /// Connects to one of [`Self::urls`], as nobody.
    pub(super) async fn connect_to(&self, url: &str) -> Result<Channel, CliError> {
        let (url, endpoint) = self.server.endpoint_at(url, &self.server.profile()?)?;
        endpoint.connect().await.map_err(|error| unreachable(url, &error))
    }

    /// Returns whom to call as. Asks for a secret that is not known.
    pub(super) fn identity(&self) -> Result<Identity, CliError> {
        let (client_id, proof) = self.proven(&self.server.profile()?)?;
        Ok(Identity { client_id, proof })
    }

    /// As [`Self::administer`], at one of [`Self::urls`].
    pub(super) async fn administer_at(
        &self,
        url: &str,
        identity: &Identity,
    ) -> Result<Admin, CliError> {
        let (url, endpoint) = self.server.endpoint_at(url, &self.server.profile()?)?;
        administer(&url, endpoint, &identity.client_id, &identity.proof).await
    }

    /// Returns the file with an assertion that a flag or the environment names.
    pub(super) fn assertion_file(&self) -> Result<Option<PathBuf>, CliError> {
        from_root(self.assertion_file.as_deref())
    }

    /// Returns the flags and the environment as a profile.
    pub(super) fn to_keep(&self, proof: &Proof) -> Result<Profile, CliError> {
        let client_id = self.client_id.clone();
        let client_id =
            client_id.ok_or(CliError::Usage("which client to log in as? Give --client-id"))?;
        let mut profile = Profile {
            servers: self.server.urls(&Profile::default()),
            encryption: self.server.encryption.absolute()?,
            client_id: Some(client_id),
            ..Profile::default()
        };
        match proof {
            Proof::Secret(secret) => profile.client_secret = Some(secret.clone()),
            Proof::Assertion(file) => profile.assertion_file = Some(file.path().to_owned()),
            Proof::Person(tokens) => profile.person = Some(PersonTokens::clone(tokens)),
        }
        Ok(profile)
    }

    /// Asks the first server of the profile for tokens.
    pub(super) async fn issue(
        &self,
        profile: &Profile,
        request: IssueTokenRequest,
    ) -> Result<IssueTokenResponse, CliError> {
        let channel = self.server.reach(profile).await?;
        let issued = TokenServiceClient::new(channel).issue_token(request).await;
        Ok(issued?.into_inner())
    }

    /// Asks the first server of the profile whether it knows the client by that proof.
    pub(super) async fn prove(&self, profile: &Profile, proof: &Proof) -> Result<(), CliError> {
        let (url, endpoint) = self.server.endpoint(profile)?;
        let id = profile.client_id.clone().unwrap_or_default();
        let mut admin = administer(&url, endpoint, &id, proof).await?;
        match admin.get_status(GetStatusRequest {}).await.map_err(CliError::from) {
            // Known, and no administrator.
            Err(CliError::Refused(refusal)) if refusal.reason() == "ACCESS_DENIED" => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// As [`Self::known`]; a secret that is not known is asked for.
    fn proven(&self, profile: &Profile) -> Result<(String, Proof), CliError> {
        let Known { client_id, proof } = self.known(profile)?;
        let proof = match proof {
            Some(proof) => proof,
            None => Proof::Secret(input::client_secret()?),
        };
        Ok((client_id, proof))
    }

    /// Returns the calling client, and its proof unless its secret must be asked for. A profile's
    /// proof is shown for that profile's client only: under another id it would be a wrong guess, and
    /// a disclosure.
    fn known(&self, profile: &Profile) -> Result<Known, CliError> {
        let named = self.client_id.clone();
        let client_id = named.or_else(|| profile.client_id.clone()).ok_or(CliError::Usage(
            "which client to call as? Give --client-id, JETON_CLIENT_ID or a --profile that says",
        ))?;
        let own = profile.client_id.as_ref() == Some(&client_id);
        let proof = match (self.assertion_file()?, input::client_secret_variable()?) {
            (Some(_), Some(_)) => {
                return Err(CliError::Usage(
                    "--assertion-file (JETON_ASSERTION_FILE) and JETON_CLIENT_SECRET both prove who calls: \
                     unset one",
                ));
            }
            (Some(file), None) => Some(Proof::Assertion(AssertionFile::at(file))),
            (None, Some(secret)) => Some(Proof::Secret(secret)),
            (None, None) if own => Proof::of(profile),
            (None, None) => None,
        };
        // A client that shows a certificate needs no other proof.
        let proof = proof.or_else(|| self.server.shows(profile).then(Proof::none));
        Ok(Known { client_id, proof })
    }
}

/// Whom to call as.
pub(super) struct Identity {
    client_id: String,
    proof: Proof,
}

/// The calling client as far as flags, environment and profile know it.
struct Known {
    client_id: String,
    /// None where the client's secret must be asked for.
    proof: Option<Proof>,
}

async fn administer(
    url: &str,
    endpoint: Endpoint,
    client_id: &str,
    proof: &Proof,
) -> Result<Admin, CliError> {
    let failed = |error| unreachable(url.to_owned(), &error);
    let connect = async || endpoint.connect().await.map_err(failed);
    let authorization = proof.authorization(client_id, connect).await?;
    client::administer(endpoint, authorization).await.map_err(failed)
}

/// The transport says only that it failed; why stands at the end of the causes.
fn unreachable(server: String, error: &Error) -> CliError {
    let mut why = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        why = error.to_string();
        cause = error.source();
    }
    let advice = trouble::of_connecting(&server, error);
    CliError::Connect { server, why, advice }
}

/// Says of a call that no gRPC server answered what did, where that shows.
pub(super) async fn explain(refusal: Box<Refusal>) -> CliError {
    let Some(server) = SERVER.get() else { return CliError::Refused(refusal) };
    match trouble::of_calling(server).await {
        Some(advice) => CliError::NotGrpc { server: server.clone(), refusal, advice },
        None => CliError::Refused(refusal),
    }
}
