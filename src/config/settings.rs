//! All settings together, and how they are loaded.

use std::{collections::BTreeMap, io, path::Path, str};

use super::{
    audit::AuditSettings,
    check::CheckSettings,
    client::DeclaredClient,
    environment::{Environment, TextFile},
    fault::{Fault, Faults, Place},
    fields::{Fields, Placed},
    limits::{self, LimitSettings},
    listeners::{GrpcSettings, HttpSettings, OpsSettings, Plaintext},
    lockout,
    log::LogSettings,
    overrides::Overrides,
    passwords::PasswordSettings,
    report::Report,
    secrets::SecretSettings,
    serve::ServeSettings,
    storage::{KeySettings, StoreSettings},
    syntax,
    tls::{self, TlsSettings},
    tokens,
    traces::TraceSettings,
    user::DeclaredUser,
    warning::Warning,
};
use crate::domain::{
    lockout::LockoutPolicy, password_rules::PasswordRules, policy::RotationPolicy,
};

/// Everything that can be set. A flag beats its environment variable, which beats the file, which
/// beats the default; a file without a section leaves all of it at its defaults. Relative paths,
/// those of `secret_file` and `password_file` too, start at the working directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `[grpc]`.
    pub grpc: GrpcSettings,
    /// `[http]`.
    pub http: HttpSettings,
    /// `[ops]`.
    pub ops: OpsSettings,
    /// `[check]`.
    pub check: CheckSettings,
    /// `[tls]`; `None` is no TLS.
    pub tls: Option<TlsSettings>,
    /// `[limits]`.
    pub limits: LimitSettings,
    /// `[store]`.
    pub store: StoreSettings,
    /// `[keys]`.
    pub keys: KeySettings,
    /// `[tokens]`.
    pub tokens: RotationPolicy,
    /// `[passwords]`.
    pub passwords: PasswordSettings,
    /// `[secrets]`.
    pub secrets: SecretSettings,
    /// `[lockout]`.
    pub lockout: LockoutPolicy,
    /// `[log]`.
    pub log: LogSettings,
    /// `[audit]`.
    pub audit: AuditSettings,
    /// `[traces]`.
    pub traces: TraceSettings,
    /// `[serve]`.
    pub serve: ServeSettings,
    /// Every `[[client]]`, in the order of the file.
    pub clients: Vec<DeclaredClient>,
    /// Every `[[user]]`, in the order of the file.
    pub users: Vec<DeclaredUser>,
}

/// Settings that are fit for use, and what should be said of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// To be logged once.
    pub warnings: Vec<Warning>,
}

impl Settings {
    /// Merges the settings file, when there is one, with what overrides it.
    ///
    /// # Errors
    /// Every fault at once. A file that cannot be read or is no TOML is a single one, since nothing
    /// behind it can be judged.
    pub fn load(
        file: Option<&Path>,
        overrides: &Overrides,
        environment: &dyn Environment,
    ) -> Result<Loaded, Faults> {
        let Some(path) = file else {
            return Self::from_text(Path::new(""), "", false, overrides, environment);
        };
        let file = file_of(path, environment)?;
        Self::from_text(path, text_of(path, &file)?, file.exposed, overrides, environment)
    }

    /// Reads `[keys]` alone out of a settings file: a command that changes the key ring needs none of the
    /// secrets that the rest may name.
    ///
    /// # Errors
    /// Every fault of the section, or that the file cannot be read or is no TOML.
    pub fn keys(path: &Path, environment: &dyn Environment) -> Result<KeySettings, Faults> {
        Self::part(Some(path), environment, |root| {
            root.section("keys", |fields| KeySettings::read(fields, &Overrides::default()))
        })
    }

    /// Reads where the store lies and where the audit goes, and nothing else, as [`Self::keys`] does.
    ///
    /// # Errors
    /// As there.
    pub fn store(
        path: Option<&Path>,
        overrides: &Overrides,
        environment: &dyn Environment,
    ) -> Result<(StoreSettings, AuditSettings), Faults> {
        Self::part(path, environment, |root| {
            let store = root.section("store", |fields| StoreSettings::read(fields, overrides));
            (store, root.section("audit", AuditSettings::read))
        })
    }

    /// Reads `[log]` alone, as [`Self::keys`] does: the form in which to say what is wrong with the rest.
    ///
    /// # Errors
    /// As there.
    pub fn log(
        path: Option<&Path>,
        overrides: &Overrides,
        environment: &dyn Environment,
    ) -> Result<LogSettings, Faults> {
        Self::part(path, environment, |root| {
            root.section("log", |fields| LogSettings::read(fields, overrides))
        })
    }

    fn part<T>(
        path: Option<&Path>,
        environment: &dyn Environment,
        read: impl FnOnce(&mut Fields<'_, '_>) -> T,
    ) -> Result<T, Faults> {
        let file = path.map(|path| file_of(path, environment)).transpose()?;
        let path = path.unwrap_or(Path::new(""));
        let text = file.as_ref().map_or(Ok(""), |file| text_of(path, file))?;
        let mut report = Report::new(path, text);
        let root = match toml_span::parse(text) {
            Ok(root) => root,
            Err(error) => return Err(syntax::fault(&error, report)),
        };
        let part = read(&mut Fields::root(root, &mut report));
        report.finish().map(|_| part)
    }

    fn from_text(
        path: &Path,
        text: &str,
        exposed: bool,
        overrides: &Overrides,
        environment: &dyn Environment,
    ) -> Result<Loaded, Faults> {
        let mut report = Report::new(path, text);
        let root = match toml_span::parse(text) {
            Ok(root) => root,
            Err(error) => return Err(syntax::fault(&error, report)),
        };
        let mut root = Fields::root(root, &mut report);
        let settings = Self::read(&mut root, overrides, environment);
        root.finish();
        if exposed && report.holds_secrets {
            report.warn(Warning::Exposed { path: path.to_owned() });
        }
        report.finish().map(|warnings| Loaded { settings, warnings })
    }

    fn read(
        root: &mut Fields<'_, '_>,
        overrides: &Overrides,
        environment: &dyn Environment,
    ) -> Self {
        let serve = root.section("serve", |fields| ServeSettings::read(fields, overrides));
        let tls = root.section("tls", |fields| tls::read(fields, overrides));
        let plaintext = match &tls {
            Some(_) => Plaintext::Unused,
            None if serve.allow_plaintext => Plaintext::Allowed,
            None => Plaintext::Loopback,
        };
        let passwords = root.section("passwords", PasswordSettings::read);
        let users = read_users(root, environment, passwords.rules);
        let secrets = root.section("secrets", SecretSettings::read);
        let clients = read_clients(root, environment, &secrets);
        Self {
            grpc: root.section("grpc", |fields| GrpcSettings::read(fields, overrides, plaintext)),
            http: root.section("http", |fields| HttpSettings::read(fields, overrides, plaintext)),
            ops: root.section("ops", |fields| OpsSettings::read(fields, overrides)),
            check: root.section("check", |fields| CheckSettings::read(fields, overrides)),
            tls,
            limits: root.section("limits", limits::read),
            store: root.section("store", |fields| StoreSettings::read(fields, overrides)),
            keys: root.section("keys", |fields| KeySettings::read(fields, overrides)),
            tokens: root.section("tokens", |fields| tokens::read(fields, overrides)),
            passwords,
            secrets,
            lockout: root.section("lockout", lockout::read),
            log: root.section("log", |fields| LogSettings::read(fields, overrides)),
            audit: root.section("audit", AuditSettings::read),
            traces: root.section("traces", |fields| TraceSettings::read(fields, overrides)),
            serve,
            clients,
            users,
        }
    }
}

fn file_of(path: &Path, environment: &dyn Environment) -> Result<TextFile, Faults> {
    let unreadable = |error: io::Error| fault_of_file(path, &format!("cannot be read: {error}"));
    environment.read(path).map_err(unreadable)
}

fn text_of<'a>(path: &Path, file: &'a TextFile) -> Result<&'a str, Faults> {
    str::from_utf8(&file.bytes).map_err(|_| fault_of_file(path, "is not UTF-8"))
}

fn fault_of_file(path: &Path, problem: &str) -> Faults {
    Faults(vec![Fault { place: Place::File(path.to_owned()), problem: problem.to_owned() }])
}

fn read_clients(
    root: &mut Fields<'_, '_>,
    environment: &dyn Environment,
    secrets: &SecretSettings,
) -> Vec<DeclaredClient> {
    let mut taken = BTreeMap::new();
    root.records("client", |fields| {
        let Placed { at, value: client } = DeclaredClient::read(fields, environment, secrets)?;
        refuse_twice(fields, "id", &mut taken, Placed { at, value: client.id.clone() });
        Some(client)
    })
}

fn read_users(
    root: &mut Fields<'_, '_>,
    environment: &dyn Environment,
    rules: PasswordRules,
) -> Vec<DeclaredUser> {
    let mut taken = BTreeMap::new();
    root.records("user", |fields| {
        let (name, user) = DeclaredUser::read(fields, environment, rules)?;
        refuse_twice(fields, "name", &mut taken, name);
        user
    })
}

/// Reports a name that an earlier table has taken.
fn refuse_twice<N: Ord>(
    fields: &mut Fields<'_, '_>,
    key: &str,
    taken: &mut BTreeMap<N, usize>,
    name: Placed<N>,
) {
    if let Some(first) = taken.get(&name.value) {
        let (line, _) = fields.report().position(*first);
        fields.fault(name.at, key, &format!("already declared on line {line}"));
    } else {
        taken.insert(name.value, name.at);
    }
}
