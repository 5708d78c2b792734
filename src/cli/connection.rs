//! Server and client of a command's calls: from flags, then the environment, then a profile.

use std::{
    error::Error as _,
    fmt::Display,
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use clap::Args;
use http::Uri;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Error, Identity};
use zeroize::Zeroizing;

use super::{
    CliError,
    encryption::{Encryption, HEADING},
    input, meant,
    profile::Profile,
    refusal::Refusal,
    trouble,
};
use crate::{
    client::{self, Admin, Basic},
    domain::secret::Secret,
    proto::v1::GetStatusRequest,
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

    /// The profile to use: a table of the file jeton/profiles.toml below `XDG_CONFIG_HOME` or
    /// ~/.config, with `server` or `servers`, `ca`, `cert`, `key`, `client_id` and `client_secret` for what neither
    /// flags nor the environment say. The file must be its owner's alone (chmod 600)
    #[arg(long, env = "JETON_PROFILE", value_name = "NAME", global = true, help_heading = HEADING, value_parser = meant::given)]
    profile: Option<String>,

    #[command(flatten)]
    encryption: Encryption,
}

impl Server {
    pub(super) async fn connect(&self) -> Result<Channel, CliError> {
        self.reach(&self.profile()?).await
    }

    /// An empty one when none is named.
    fn profile(&self) -> Result<Profile, CliError> {
        match &self.profile {
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
        urls.map(|url| self.endpoint_at(url, profile)).collect()
    }

    /// Returns the server's URL and a connection to it that is not open yet.
    fn endpoint(&self, profile: &Profile) -> Result<(String, Endpoint), CliError> {
        self.endpoint_at(self.urls(profile).swap_remove(0), profile)
    }

    fn endpoint_at(&self, url: String, profile: &Profile) -> Result<(String, Endpoint), CliError> {
        may_be_shown(&url)?;
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

/// Refuses a URL that may hold a secret: messages about a server show its URL.
fn may_be_shown(url: &str) -> Result<(), CliError> {
    if url.contains('@') {
        return Err(CliError::Usage(
            "the URL of a server has no user and no password in it: who calls is said by \
             JETON_CLIENT_ID and JETON_CLIENT_SECRET, or by a profile",
        ));
    }
    // A host and a port alone get advice that shows them: they are no secret.
    let is_socket = url.strip_prefix("unix:").is_some_and(|path| !path.is_empty());
    let is_place = is_socket
        || url.parse().is_ok_and(|uri: Uri| match uri.scheme_str() {
            Some("http" | "https") => uri.query().is_none(),
            Some(_) => false,
            None => uri.port_u16().is_some(),
        });
    if !is_place {
        return Err(CliError::Usage(
            "the server (--server, JETON_SERVER, or the profile's) must be a URL like \
             http://127.0.0.1:50051 or https://tokens.example:50051, or unix: and a path",
        ));
    }
    Ok(())
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
    /// `JETON_CLIENT_SECRET`, from the profile, or asked for; with --cert there need be none
    #[arg(long, env = "JETON_CLIENT_ID", value_name = "ID", global = true, help_heading = HEADING, value_parser = meant::given)]
    client_id: Option<String>,
}

/// The way to a server, and whom to call as.
pub(super) struct Way {
    /// As its files are now.
    pub(super) endpoint: Endpoint,
    pub(super) client_id: String,
    /// None where a certificate or another proves who calls.
    pub(super) secret: Option<Secret>,
    /// Files that it is made of.
    pub(super) files: Vec<PathBuf>,
    /// Reads them again. Waits for the disk.
    pub(super) again: Box<dyn Fn() -> Result<Endpoint, CliError> + Send + Sync>,
}

/// A connection, and whom to call as.
pub(super) struct Session {
    pub(super) channel: Channel,
    pub(super) client_id: String,
    /// Empty for a public client.
    pub(super) secret: Secret,
}

impl Caller {
    /// Connects as a client that shows its secret in each request, or has none.
    pub(super) async fn connect(&self, public: bool) -> Result<Session, CliError> {
        let profile = self.server.profile()?;
        let (client_id, known) = self.credentials(&profile)?;
        let secret = match known {
            _ if public => Secret::new(""),
            Some(secret) => secret,
            None => input::client_secret()?,
        };
        Ok(Session { channel: self.server.reach(&profile).await?, client_id, secret })
    }

    /// Returns the way to a server that need not run yet. Asks for the secret unless it is `elsewhere`.
    pub(super) fn way(&self, elsewhere: bool) -> Result<Way, CliError> {
        let profile = self.server.profile()?;
        let (client_id, known) = self.credentials(&profile)?;
        let secret = match known {
            None if !elsewhere => Some(input::client_secret()?),
            // A certificate stands for itself.
            known => known.filter(|secret| !secret.expose().is_empty()),
        };
        let (_, endpoint) = self.server.endpoint(&profile)?;
        let files = self.server.encryption.files(&profile);
        let server = self.server.clone();
        let again = Box::new(move || server.endpoint(&profile).map(|(_, endpoint)| endpoint));
        Ok(Way { endpoint, client_id, secret, files, again })
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
        let (client_id, known) = self.credentials(&profile)?;
        let secret = known.map_or_else(input::client_secret, Ok)?;
        let (url, endpoint) = self.server.endpoint(&profile)?;
        let connected = client::administer(endpoint, Basic::new(&client_id, &secret)).await;
        let admin = connected.map_err(|error| unreachable(url.clone(), &error))?;
        Ok((admin, url))
    }

    /// As [`Self::administer`], at each server that is named.
    pub(super) async fn administer_each(&self) -> Result<Vec<Instance<Admin>>, CliError> {
        let profile = self.server.profile()?;
        let (client_id, known) = self.credentials(&profile)?;
        let secret = known.map_or_else(input::client_secret, Ok)?;
        let mut instances = Vec::new();
        for (url, endpoint) in self.server.endpoints(&profile)? {
            let connected = client::administer(endpoint, Basic::new(&client_id, &secret)).await;
            let to = connected.map_err(|error| unreachable(url.clone(), &error));
            instances.push(Instance { url, to });
        }
        Ok(instances)
    }

    /// Returns the flags and the environment as a profile.
    pub(super) fn to_keep(&self, secret: Secret) -> Result<Profile, CliError> {
        let client_id = self.client_id.clone();
        let client_id =
            client_id.ok_or(CliError::Usage("which client to log in as? Give --client-id"))?;
        Ok(Profile {
            servers: self.server.urls(&Profile::default()),
            encryption: self.server.encryption.absolute()?,
            client_id: Some(client_id),
            client_secret: Some(secret),
        })
    }

    /// Asks the first server of the profile whether it knows the client by that secret.
    pub(super) async fn prove(&self, profile: &Profile) -> Result<(), CliError> {
        let (url, endpoint) = self.server.endpoint(profile)?;
        let (id, secret) = (profile.client_id.clone(), profile.client_secret.clone());
        let basic = Basic::new(&id.unwrap_or_default(), &secret.unwrap_or_else(|| Secret::new("")));
        let connected = client::administer(endpoint, basic).await;
        let mut admin = connected.map_err(|error| unreachable(url, &error))?;
        match admin.get_status(GetStatusRequest {}).await.map_err(CliError::from) {
            // Known, and no administrator.
            Err(CliError::Refused(refusal)) if refusal.reason() == "ACCESS_DENIED" => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// Returns the id of the calling client, and its secret unless it must be asked for. A
    /// profile's secret is shown for that profile's client only: under another id it would be a
    /// wrong guess, and a disclosure.
    fn credentials(&self, profile: &Profile) -> Result<(String, Option<Secret>), CliError> {
        let named = self.client_id.clone();
        let client_id = named.or_else(|| profile.client_id.clone()).ok_or(CliError::Usage(
            "which client to call as? Give --client-id, JETON_CLIENT_ID or a --profile that says",
        ))?;
        let secret = match input::client_secret_variable()? {
            Some(secret) => Some(secret),
            None if profile.client_id.as_ref() == Some(&client_id) => profile.client_secret.clone(),
            None => None,
        };
        // A client that shows a certificate needs no other proof.
        let secret = secret.or_else(|| self.server.shows(profile).then(|| Secret::new("")));
        Ok((client_id, secret))
    }
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

impl Encryption {
    /// The same files, named from the root.
    fn absolute(&self) -> Result<Self, CliError> {
        let named = |path: &Option<PathBuf>| {
            let path = path.as_ref().filter(|path| !path.as_os_str().is_empty());
            let named = path.map(std::path::absolute).transpose();
            named.map_err(|error| CliError::Io("the working directory", error))
        };
        Ok(Self { ca: named(&self.ca)?, cert: named(&self.cert)?, key: named(&self.key)? })
    }

    /// Returns the files that flags, the environment or the profile name.
    fn files(&self, profile: &Profile) -> Vec<PathBuf> {
        let named = |own: &Option<PathBuf>, profile: &Option<PathBuf>| {
            let own = own.clone().filter(|path| !path.as_os_str().is_empty());
            own.or_else(|| profile.clone())
        };
        let (own, profile) = (self, &profile.encryption);
        let files = [
            named(&own.ca, &profile.ca),
            named(&own.cert, &profile.cert),
            named(&own.key, &profile.key),
        ];
        files.into_iter().flatten().collect()
    }

    /// Returns the TLS settings for the server at `url`, or `None` if the URL has no TLS. Flags and
    /// environment come before the profile.
    fn towards(&self, url: &str, profile: &Profile) -> Result<Option<ClientTlsConfig>, CliError> {
        let given = |own: &Option<PathBuf>, profile: &Option<PathBuf>| {
            let own = own.clone().filter(|path| !path.as_os_str().is_empty());
            own.or_else(|| profile.clone())
        };
        let ca = given(&self.ca, &profile.encryption.ca);
        let cert = given(&self.cert, &profile.encryption.cert);
        let key = given(&self.key, &profile.encryption.key);
        if !url.starts_with("https://") {
            if ca.is_some() || cert.is_some() || key.is_some() {
                return Err(CliError::Usage(
                    "a CA, certificate or key is for an https:// server: give --server one",
                ));
            }
            return Ok(None);
        }
        let config = match ca {
            Some(ca) => ClientTlsConfig::new()
                .ca_certificate(Certificate::from_pem(&*read(&ca, &ca.display())?)),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        match (cert, key) {
            (Some(cert), Some(key)) => {
                let identity =
                    Identity::from_pem(&*read(&cert, &cert.display())?, &*read(&key, &KEY)?);
                Ok(Some(config.identity(identity)))
            }
            (None, None) => Ok(Some(config)),
            _ => Err(CliError::Usage("a certificate and its key go together: --cert and --key")),
        }
    }
}

/// Name of a key's file in messages: the text that was given for its path may be the key.
const KEY: &str = "the private key (--key, JETON_KEY, or the profile's)";

fn read(path: &Path, shown: &dyn Display) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let bytes = fs::read(path).map_err(|error| CliError::File(shown.to_string(), error))?;
    Ok(Zeroizing::new(bytes))
}
