//! As whom an agent calls its server: by files that are read again when they change.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::FutureExt as _;
use tokio::{
    sync::mpsc::Sender,
    task::{JoinSet, spawn_blocking},
    time::sleep,
};
use tonic::transport::{Channel, Endpoint, channel::Change};

use super::{
    super::{CliError, connection::Way},
    Agent,
};
use crate::{
    app::Issuing,
    client::{Credentials, Error, Issue, OwnToken, TokenClient},
    config::{Environment as _, ServingEnvironment, secret_text},
    domain::secret::Secret,
    proto::v1::{IssueTokenRequest, IssueTokenResponse},
};

/// Interval between two looks at the files of the connection.
const PERIOD: Duration = Duration::from_secs(1);

/// The client's secret, and where it comes from.
#[derive(Clone)]
struct SecretSource {
    file: Option<Arc<Path>>,
    /// As it was read last.
    known: Arc<Mutex<Secret>>,
}

/// The way to the server, and what proves who calls.
pub(super) struct Prepared {
    way: Way,
    secret: SecretSource,
}

/// An agent at work as one client.
pub(super) struct Identity {
    pub(super) client: TokenClient,
    pub(super) client_id: String,
    /// Requests further tokens of that client.
    pub(super) issuing: Issuing,
    /// Follows the files for as long as it is there.
    pub(super) following: JoinSet<()>,
}

impl Agent {
    /// Reads all files once.
    pub(super) async fn identity(&self) -> Result<Prepared, CliError> {
        let file = self.client_secret_file.clone();
        let way = self.caller.way(file.is_some())?;
        let secret = match (file, way.secret.clone()) {
            (Some(_), Some(_)) => {
                return Err(CliError::Usage(
                    "JETON_CLIENT_SECRET_FILE and JETON_CLIENT_SECRET both say the secret: unset one",
                ));
            }
            (Some(file), None) => SecretSource::read(file).await?,
            (None, secret) => {
                let secret = secret.unwrap_or_else(|| Secret::new(""));
                SecretSource { file: None, known: Arc::new(Mutex::new(secret)) }
            }
        };
        Ok(Prepared { way, secret })
    }
}

impl SecretSource {
    async fn read(file: PathBuf) -> Result<Self, CliError> {
        let file: Arc<Path> = file.into();
        let secret = secret_in(Arc::clone(&file)).await;
        let secret = secret.map_err(|error| CliError::File(file.display().to_string(), error))?;
        Ok(Self { file: Some(file), known: Arc::new(Mutex::new(secret)) })
    }

    /// The secret as the file has it now; as it was, where the file cannot be read.
    async fn now(&self) -> Secret {
        if let Some(file) = &self.file {
            match secret_in(Arc::clone(file)).await {
                Ok(secret) => *self.known.lock().unwrap_or_else(PoisonError::into_inner) = secret,
                Err(error) => {
                    let file = file.display();
                    tracing::error!(%file, %error, "the client's secret is used as it was");
                }
            }
        }
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn secret_in(file: Arc<Path>) -> std::io::Result<Secret> {
    let read = spawn_blocking(move || {
        let text = ServingEnvironment.read(&file)?;
        let text = std::str::from_utf8(&text.bytes)
            .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))?;
        Ok(Secret::new(secret_text(text)))
    });
    read.await.map_err(std::io::Error::other)?
}

impl Prepared {
    /// Calls from now on, and follows the files.
    pub(super) fn follow(self) -> Identity {
        let Self { way, secret } = self;
        let client_id = way.client_id.clone();
        let mut following = JoinSet::new();
        let channel = if way.files.is_empty() {
            way.endpoint.connect_lazy()
        } else {
            let (channel, changes) = Channel::balance_channel(1);
            following.spawn(follow(way, changes));
            channel
        };
        let issuer = Issuer {
            client: TokenClient::new(channel.clone(), Credentials::Unadded),
            client_id: client_id.as_str().into(),
            secret,
        };
        let own = OwnToken::issued_by(issuer.issue_and_log());
        let client = TokenClient::new(channel, Credentials::Bearer(own));
        Identity { client, client_id, issuing: Box::new(move || issuer.issue()), following }
    }
}

/// Requests tokens of the client's own.
#[derive(Clone)]
struct Issuer {
    client: TokenClient,
    client_id: Arc<str>,
    secret: SecretSource,
}

impl Issuer {
    fn issue(&self) -> Issue {
        let issuer = self.clone();
        Box::new(move |request| issuer.clone().request(request).boxed())
    }

    /// Logs the reason for which a token is not issued once, until there is another reason.
    fn issue_and_log(&self) -> Issue {
        let issue = self.issue();
        let logged = Arc::new(Mutex::new(None));
        Box::new(move |request| {
            let (issued, logged) = (issue(request), Arc::clone(&logged));
            issued.inspect(move |issued| log(&logged, issued.as_ref().err())).boxed()
        })
    }

    async fn request(self, request: IssueTokenRequest) -> Result<IssueTokenResponse, Error> {
        let client_secret = self.secret.now().await.expose().to_owned();
        let client_id = self.client_id.to_string();
        let request = IssueTokenRequest { client_id, client_secret, ..request };
        self.client.issue_token(request).await
    }
}

fn log(logged: &Mutex<Option<String>>, error: Option<&Error>) {
    let text = error.map(ToString::to_string);
    let mut logged = logged.lock().unwrap_or_else(PoisonError::into_inner);
    if *logged != text {
        if let Some(error) = &text {
            tracing::warn!(
                error,
                "no token of the agent's own: its client needs the grant client_credentials and jeton in its audience"
            );
        }
        *logged = text;
    }
}

/// Has new connections made with the files as they are, beside calls under way on those before.
async fn follow(way: Way, changes: Sender<Change<(), Endpoint>>) {
    let mut used = fingerprint(&way.files).await;
    if changes.send(Change::Insert((), way.endpoint.clone())).await.is_err() {
        return;
    }
    let mut told = None;
    loop {
        sleep(PERIOD).await;
        let found = fingerprint(&way.files).await;
        if found == used {
            continue;
        }
        match (way.again)() {
            Ok(endpoint) => {
                if changes.send(Change::Insert((), endpoint)).await.is_err() {
                    return;
                }
                (used, told) = (found, None);
                tracing::info!("the files of the connection to the server have changed");
            }
            // Files that belong together are written one after the other: each look tries again.
            Err(error) => {
                let error = error.to_string();
                if told.as_ref() != Some(&error) {
                    tracing::error!(error, "the files of the connection are used as they were");
                    told = Some(error);
                }
            }
        }
    }
}

/// Returns a fingerprint that differs for every state of the files; of those that cannot be read,
/// that they cannot.
async fn fingerprint(files: &[PathBuf]) -> u64 {
    let files = files.to_owned();
    let read = spawn_blocking(move || {
        let mut hasher = DefaultHasher::new();
        for file in files {
            fs::read(file).ok().hash(&mut hasher);
        }
        hasher.finish()
    });
    read.await.unwrap_or_default()
}
