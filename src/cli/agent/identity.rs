//! As whom an agent calls its server: by files that are read again when they change.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::PathBuf,
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
    super::{
        CliError,
        connection::{Caller, Way},
        proof::Proof,
    },
    Agent,
    own_proof::OwnProof,
};
use crate::{
    app::{IdentityMetrics, Issuing, OwnTokenOutcome},
    client::{AssertionFile, Credentials, Error, Issue, OwnToken, TokenClient},
    config::AgentSettings,
    proto::v1::{IssueTokenRequest, IssueTokenResponse},
};

/// Interval between two looks at the files of the connection.
const PERIOD: Duration = Duration::from_secs(1);

/// The way to the server, and what proves who calls.
pub(super) struct Prepared {
    way: Way,
    proof: OwnProof,
}

/// An agent at work as one client.
pub(super) struct Identity {
    pub(super) client: TokenClient,
    pub(super) server: String,
    pub(super) client_id: String,
    /// The token by which it calls.
    pub(super) own: OwnToken,
    /// Requests further tokens of that client.
    pub(super) issuing: Issuing,
    /// Follows the files for as long as it is there.
    pub(super) following: JoinSet<()>,
}

impl Agent {
    /// Reads all files once but an assertion's, which may come later.
    pub(super) async fn identity(&self, settings: &AgentSettings) -> Result<Prepared, CliError> {
        let file = settings.client_secret_file.clone();
        let mut way = Caller::of(settings, self.profile.clone()).way(file.is_some())?;
        let proof = match (file, way.proof.take()) {
            (Some(_), Some(_)) => {
                return Err(CliError::Usage(
                    "client_secret_file (JETON_CLIENT_SECRET_FILE) and JETON_CLIENT_SECRET or assertion_file \
                     (JETON_ASSERTION_FILE) both prove who calls: unset one",
                ));
            }
            (Some(file), None) => OwnProof::secret_in(file).await?,
            (None, proof) => OwnProof::of(proof.unwrap_or_else(Proof::none)),
        };
        Ok(Prepared { way, proof })
    }
}

impl Prepared {
    /// File of the assertion, if there is one.
    pub(super) fn assertion(&self) -> Option<AssertionFile> {
        match &self.proof {
            OwnProof::Secret(_) => None,
            OwnProof::Assertion(file) => Some(file.clone()),
        }
    }

    /// Calls from now on, and follows the files.
    pub(super) fn follow(self, metrics: &IdentityMetrics) -> Identity {
        let Self { way, proof } = self;
        let (server, client_id) = (way.url.clone(), way.client_id.clone());
        let mut following = JoinSet::new();
        let channel = if way.files.is_empty() {
            way.endpoint.connect_lazy()
        } else {
            let (channel, changes) = Channel::balance_channel(1);
            following.spawn(follow(way, changes));
            channel
        };
        let credentials = match &proof {
            OwnProof::Secret(_) => Credentials::Unadded,
            OwnProof::Assertion(file) => Credentials::Assertion(file.clone()),
        };
        let issuer = Issuer {
            client: TokenClient::new(channel.clone(), credentials),
            client_id: client_id.as_str().into(),
            proof,
        };
        let own = OwnToken::issued_by(issuer.issue_and_log(metrics.clone()));
        let client = TokenClient::new(channel, Credentials::Bearer(own.clone()));
        let issuing = Box::new(move || issuer.issue());
        Identity { client, server, client_id, own, issuing, following }
    }
}

/// Requests tokens of the client's own.
#[derive(Clone)]
struct Issuer {
    client: TokenClient,
    client_id: Arc<str>,
    proof: OwnProof,
}

impl Issuer {
    fn issue(&self) -> Issue {
        let issuer = self.clone();
        Box::new(move |request| issuer.clone().request(request).boxed())
    }

    /// Logs the reason for which a token is not issued once, until there is another reason.
    fn issue_and_log(&self, metrics: IdentityMetrics) -> Issue {
        let issue = self.issue();
        let logged = Arc::new(Mutex::new(None));
        Box::new(move |request| {
            let (issued, logged) = (issue(request), Arc::clone(&logged));
            let metrics = metrics.clone();
            issued
                .inspect(move |issued| {
                    metrics.count(outcome(issued.as_ref().err()));
                    log(&logged, issued.as_ref().err());
                })
                .boxed()
        })
    }

    async fn request(self, request: IssueTokenRequest) -> Result<IssueTokenResponse, Error> {
        let client_secret = match &self.proof {
            OwnProof::Secret(secret) => secret.now().await.expose().to_owned(),
            OwnProof::Assertion(_) => String::new(),
        };
        let client_id = self.client_id.to_string();
        let request = IssueTokenRequest { client_id, client_secret, ..request };
        self.client.issue_token(request).await
    }
}

fn outcome(error: Option<&Error>) -> OwnTokenOutcome {
    match error {
        None => OwnTokenOutcome::Issued,
        Some(error) if error.is_temporary() || matches!(error, Error::Server { .. }) => {
            OwnTokenOutcome::Unavailable
        }
        Some(_) => OwnTokenOutcome::Refused,
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
