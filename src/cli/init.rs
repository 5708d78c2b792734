//! `jeton init`: settings, a key ring and a first administrator that start.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf, absolute},
};

use clap::Args;

use super::{
    CliError,
    encryption::Encryption,
    input, meant,
    output::{self, Fields, Format},
    profile::Profile,
    profiles,
};
use crate::{
    app::{self, KeyFiles, SystemEntropy},
    config::{Overrides, ProcessEnvironment, Settings},
    domain::secret::Secret,
};

const SETTINGS: &str = "jeton.toml";
/// The client that administers.
const ADMIN: &str = "admin";

#[derive(Args, Debug)]
pub(super) struct Init {
    /// The directory to make ready: settings, keys and data lie there
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,

    /// Address of the gRPC listener
    #[arg(long, value_name = "ADDRESS")]
    grpc_listen: Option<SocketAddr>,

    /// Address of the listener with the OAuth 2.0 endpoints
    #[arg(long, value_name = "ADDRESS")]
    http_listen: Option<SocketAddr>,

    /// Address of the listener for probes and metrics
    #[arg(long, value_name = "ADDRESS")]
    ops_listen: Option<SocketAddr>,

    /// The URL that clients know the HTTP endpoints by
    #[arg(long, value_name = "URL", value_parser = meant::given)]
    issuer: Option<String>,

    /// The server's certificate, with those that lead to its CA
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The certificate's private key
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// The CA that commands on this machine trust
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// The URL that commands on this machine reach gRPC at
    #[arg(long, value_name = "URL", value_parser = meant::given)]
    server: Option<String>,

    /// The profile that keeps the administrator's secret
    #[arg(long, value_name = "NAME", default_value = "local", value_parser = meant::given)]
    profile: String,

    /// Asks nothing: what no flag says gets its default
    #[arg(long)]
    yes: bool,

    /// Format of the outcome
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

/// Answers to all questions.
struct Answers {
    grpc: SocketAddr,
    http: SocketAddr,
    ops: SocketAddr,
    issuer: Option<String>,
    tls: Option<Certificate>,
}

struct Certificate {
    cert: PathBuf,
    key: PathBuf,
}

impl Init {
    pub(super) fn run(self) -> Result<(), CliError> {
        fs::create_dir_all(&self.directory).map_err(|error| failed(&self.directory, error))?;
        let directory =
            absolute(&self.directory).map_err(|error| failed(&self.directory, error))?;
        let settings = directory.join(SETTINGS);
        if settings.exists() {
            return Err(failed(&settings, io::ErrorKind::AlreadyExists.into()));
        }
        profiles::check_free(&self.profile)?;
        let answers = self.answers()?;
        let secret = app::new_client_secret();
        let text = answers.settings(&directory, &app::secret_hash(&secret))?;
        write(&settings, &text)?;
        let ready = self.ready(&directory, &settings, &answers, secret);
        if ready.is_err() {
            // The next run begins again.
            drop(fs::remove_file(&settings));
        }
        let kept = ready?;
        let mut fields = Fields::default();
        fields.add("settings", settings.display().to_string());
        fields.add("keys", directory.join("keys").display().to_string());
        fields.add("administrator", ADMIN);
        fields.add("profile", self.profile.clone());
        fields.add("profile_file", kept.display().to_string());
        fields.print(self.output)?;
        output::note(&format!(
            "Start it: jeton serve --config {}\nLook at it: jeton status --profile {}",
            settings.display(),
            self.profile
        ));
        Ok(())
    }

    /// The rest, once there are settings: they are those of a server that starts.
    fn ready(
        &self,
        directory: &Path,
        settings: &Path,
        answers: &Answers,
        secret: Secret,
    ) -> Result<PathBuf, CliError> {
        Settings::load(Some(settings), &Overrides::default(), &ProcessEnvironment)?;
        let keys = KeyFiles::new(&directory.join("keys"));
        if keys.load()?.is_none() {
            keys.create(&SystemEntropy)?;
        }
        let server = self.server.clone().unwrap_or_else(|| answers.server());
        let ca = self.ca.as_ref().map(absolute).transpose();
        let ca = ca.map_err(|error| CliError::Io("the CA", error))?;
        let profile = Profile {
            servers: vec![server],
            encryption: Encryption { ca, ..Encryption::default() },
            client_id: Some(ADMIN.to_owned()),
            client_secret: Some(secret),
            ..Profile::default()
        };
        Ok(profiles::keep(&self.profile, &profile)?)
    }

    fn answers(&self) -> Result<Answers, CliError> {
        let asked = |given: Option<SocketAddr>, question, default: &str| match given {
            Some(address) => Ok(address),
            None => input::ask(question, default, self.yes)?
                .parse()
                .map_err(|_| CliError::Usage("an address is written 127.0.0.1:50051")),
        };
        let grpc = asked(self.grpc_listen, "Where gRPC listens", "127.0.0.1:50051")?;
        let http =
            asked(self.http_listen, "Where the OAuth 2.0 endpoints listen", "127.0.0.1:8080")?;
        let ops =
            asked(self.ops_listen, "Where probes and metrics are answered", "127.0.0.1:9090")?;
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(cert), Some(key)) => Some(Certificate { cert: cert.clone(), key: key.clone() }),
            _ => self.certificate()?,
        };
        let reached = [grpc, http].iter().any(|address| !address.ip().to_canonical().is_loopback());
        if reached && tls.is_none() {
            return Err(CliError::Usage(
                "other machines reach that address: give --tls-cert and --tls-key",
            ));
        }
        let issuer = match &self.issuer {
            Some(issuer) => issuer.clone(),
            None => input::ask("The URL that clients know it by (none: by address)", "", self.yes)?,
        };
        let issuer = Some(issuer).filter(|issuer| !issuer.is_empty());
        Ok(Answers { grpc, http, ops, issuer, tls })
    }

    fn certificate(&self) -> Result<Option<Certificate>, CliError> {
        let cert = input::ask("The TLS certificate, a PEM file (none: without TLS)", "", self.yes)?;
        if cert.is_empty() {
            return Ok(None);
        }
        let key = input::ask("Its private key, a PEM file", "", self.yes)?;
        Ok(Some(Certificate { cert: cert.into(), key: key.into() }))
    }
}

impl Answers {
    /// Returns the text of the settings file. Settings that it omits have their defaults.
    fn settings(&self, directory: &Path, admin: &str) -> Result<String, CliError> {
        let Self { grpc, http, ops, .. } = self;
        let path = |name: &str| quoted(&directory.join(name));
        let issuer = match &self.issuer {
            Some(issuer) => format!("issuer = {}\n", profiles::quoted(issuer)?),
            None => String::new(),
        };
        let tls = match &self.tls {
            Some(Certificate { cert, key }) => {
                let file = |path: &Path| {
                    let path = absolute(path).map_err(|error| failed(path, error))?;
                    quoted(&path)
                };
                format!("[tls]\ncert = {}\nkey = {}\n\n", file(cert)?, file(key)?)
            }
            None => String::new(),
        };
        Ok(format!(
            "# Every other setting: examples/jeton.toml. After a change: jeton check --config, then restart.\n\n\
             [grpc]\nlisten = \"{grpc}\"\n\n[http]\nlisten = \"{http}\"\n{issuer}\n[ops]\nlisten = \"{ops}\"\n\n\
             {tls}[store]\npath = {}\n\n[keys]\npath = {}\n\n\
             # The first administrator; the profile of whoever ran jeton init holds its secret.\n\
             [[client]]\nid = \"{ADMIN}\"\nsecret_hash = \"{admin}\"\n\
             grants = [\"client_credentials\"]\naudience = [\"jeton\"]\nintrospect = \"any\"\n\
             permissions = [\"admin\", \"inactive_reason\"]\n",
            path("data")?,
            path("keys")?
        ))
    }

    /// Returns the URL at which commands on this machine reach the server.
    fn server(&self) -> String {
        let port = self.grpc.port();
        match &self.tls {
            Some(_) => format!("https://localhost:{port}"),
            None => format!("http://{}", self.grpc),
        }
    }
}

fn quoted(path: &Path) -> Result<String, CliError> {
    let text = path.to_str().ok_or(CliError::Usage("the directory's name is not UTF-8"))?;
    Ok(profiles::quoted(text)?)
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let file = fs::File::options().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| failed(path, error))
}

fn failed(path: &Path, error: io::Error) -> CliError {
    CliError::File(path.display().to_string(), error)
}
