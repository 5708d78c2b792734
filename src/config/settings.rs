//! All settings together, and their loading.

use std::{collections::BTreeMap, io, path::Path, str};

use super::{
    client::{ClientRules, DeclaredClient},
    environment::{Environment, TextFile},
    fault::{Fault, Faults, Place},
    fields::{Fields, Placed},
    issuer::IssuerSettings,
    overrides::{AgentOverrides, Overrides},
    report::Report,
    section::Section,
    sections::{
        agent::AgentSettings,
        audit::{Audit, AuditSettings},
        check::CheckSettings,
        limits::LimitSettings,
        listeners::{GrpcSettings, HttpSettings, OpsSettings, Plaintext},
        lockout::{self, Lockout},
        log::LogSettings,
        passwords::{PasswordSettings, Passwords},
        secrets::SecretSettings,
        serve::ServeSettings,
        storage::{KeySettings, StoreSettings},
        tls::{self, Tls, TlsSettings},
        tokens::{self, Tokens},
        traces::TraceSettings,
    },
    syntax,
    unused::warn_of_unused,
    user::DeclaredUser,
    warning::Warning,
};
use crate::domain::{
    lockout::LockoutPolicy, password_rules::PasswordRules, policy::RotationPolicy,
    signing_times::JwtLife, user_identity::UserIdentity,
};

/// All settings. A flag beats its environment variable, which beats the file, which beats the
/// default; a missing section has its defaults. Relative paths, including those of `secret_file`
/// and `password_file`, start at the working directory.
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
    /// `[agent]`, which a server checks and does not use.
    pub agent: AgentSettings,
    /// `[tls]`. `None` for no TLS.
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
    /// `true` for `serve --dev`, whose own clients cause no warnings. No setting changes it.
    pub first_look: bool,
    /// Every `[[issuer]]`, in the order of the file.
    pub issuers: Vec<IssuerSettings>,
    /// Every `[[client]]`, in the order of the file.
    pub clients: Vec<DeclaredClient>,
    /// Every `[[user]]`, in the order of the file.
    pub users: Vec<DeclaredUser>,
}

/// Valid settings, with the warnings about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// Warnings, to be logged once.
    pub warnings: Vec<Warning>,
}

impl Settings {
    /// Loads the settings file, if there is one, and merges it with the overrides.
    ///
    /// # Errors
    /// Returns every fault at once. A file that cannot be read or is not TOML is a single fault,
    /// since the rest of it cannot be checked.
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

    /// Reads only `[keys]` from a settings file: a command that changes the key ring needs none of
    /// the secrets in the other sections.
    ///
    /// # Errors
    /// Returns every fault of the section, or a fault if the file cannot be read or is not TOML.
    pub fn keys(path: &Path, environment: &dyn Environment) -> Result<KeySettings, Faults> {
        Self::part(Some(path), &Overrides::default(), environment, |root| {
            root.section("keys", KeySettings::read_all)
        })
    }

    /// Reads only the locations of the store and the audit, as [`Self::keys`] does.
    ///
    /// # Errors
    /// Fails as [`Self::keys`] does.
    pub fn store(
        path: Option<&Path>,
        overrides: &Overrides,
        environment: &dyn Environment,
    ) -> Result<(StoreSettings, AuditSettings), Faults> {
        Self::part(path, overrides, environment, |root| {
            let store = root.section("store", StoreSettings::read);
            (store, root.section("audit", AuditSettings::read))
        })
    }

    /// Reads only `[log]`, as [`Self::keys`] does: its format is needed to report faults of the
    /// rest.
    ///
    /// # Errors
    /// Fails as [`Self::keys`] does.
    pub fn log(
        path: Option<&Path>,
        overrides: &Overrides,
        environment: &dyn Environment,
    ) -> Result<LogSettings, Faults> {
        Self::part(path, overrides, environment, |root| root.section("log", LogSettings::read_all))
    }

    /// Reads only the sections of an agent. Those of a server can be in the file, and are not checked.
    ///
    /// # Errors
    /// Returns every fault of the sections, and of the names of others.
    pub fn agent(
        path: Option<&Path>,
        overrides: &AgentOverrides,
        environment: &dyn Environment,
    ) -> Result<AgentFile, Faults> {
        Self::part(path, &overrides.0, environment, |root| {
            let settings = root.section("agent", AgentSettings::read);
            let log = root.section("log", LogSettings::read_all);
            let of_server = sections_of_server();
            let others = of_server.iter().map(|section| section.name);
            root.finish_beside(&others.chain(RECORDS).collect::<Vec<_>>());
            AgentFile { settings, log }
        })
    }

    fn part<T>(
        path: Option<&Path>,
        overrides: &Overrides,
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
        let part = read(&mut Fields::root(root, overrides, &mut report));
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
        let mut root = Fields::root(root, overrides, &mut report);
        let settings = Self::read(&mut root, environment);
        root.finish();
        if exposed && report.holds_secrets {
            report.warn(Warning::Exposed { path: path.to_owned() });
        }
        report.finish().map(|warnings| Loaded { settings, warnings })
    }

    fn read(root: &mut Fields<'_, '_>, environment: &dyn Environment) -> Self {
        let serve = root.section("serve", ServeSettings::read_all);
        let mut asks_certificates = false;
        let tls = root.section("tls", |fields| {
            let tls = tls::read(fields);
            asks_certificates = fields.spot(&Tls::client_ca()).is_some();
            tls
        });
        let plaintext = match &tls {
            Some(_) => Plaintext::Unused,
            None if serve.allow_plaintext => Plaintext::Allowed,
            None => Plaintext::Loopback,
        };
        let passwords = root.section("passwords", PasswordSettings::read);
        let users = read_users(root, environment, passwords.rules);
        let secrets = root.section("secrets", SecretSettings::read_all);
        let keys = root.section("keys", KeySettings::read_all);
        let rules = ClientRules {
            environment,
            secrets: &secrets,
            asks_certificates,
            longest: JwtLife(keys.max_jwt_ttl),
        };
        let clients = read_clients(root, &rules);
        let http = root.section("http", |fields| HttpSettings::read(fields, plaintext));
        let issuers = read_issuers(root, &http);
        warn_of_unused(root.report(), &clients, &issuers, http.issuer.is_some());
        Self {
            grpc: root.section("grpc", |fields| GrpcSettings::read(fields, plaintext)),
            http,
            ops: root.section("ops", OpsSettings::read),
            check: root.section("check", CheckSettings::read),
            agent: root.section("agent", AgentSettings::read),
            tls,
            limits: root.section("limits", LimitSettings::read_all),
            store: root.section("store", StoreSettings::read),
            keys,
            tokens: root.section("tokens", tokens::read),
            passwords,
            secrets,
            lockout: root.section("lockout", lockout::read),
            log: root.section("log", LogSettings::read_all),
            audit: root.section("audit", AuditSettings::read),
            traces: root.section("traces", TraceSettings::read),
            serve,
            first_look: false,
            issuers,
            clients,
            users,
        }
    }
}

/// The lists of tables of a file.
const RECORDS: [&str; 3] = ["issuer", "client", "user"];

/// The sections that an agent reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentFile {
    /// `[agent]`.
    pub settings: AgentSettings,
    /// `[log]`.
    pub log: LogSettings,
}

/// Returns the declared sections, in the order of the example file.
pub fn sections() -> Vec<Section> {
    let mut sections = sections_of_server();
    sections.push(AgentSettings::section());
    sections
}

/// Returns the sections that an agent reads.
pub(super) fn sections_of_agent() -> Vec<Section> {
    vec![AgentSettings::section(), LogSettings::section()]
}

/// Returns the sections that a server uses.
pub(super) fn sections_of_server() -> Vec<Section> {
    vec![
        GrpcSettings::section(),
        HttpSettings::section(),
        OpsSettings::section(),
        CheckSettings::section(),
        Tls::section(),
        LimitSettings::section(),
        StoreSettings::section(),
        KeySettings::section(),
        Tokens::section(),
        Passwords::section(),
        SecretSettings::section(),
        Lockout::section(),
        LogSettings::section(),
        Audit::section(),
        TraceSettings::section(),
        ServeSettings::section(),
    ]
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

fn read_clients(root: &mut Fields<'_, '_>, rules: &ClientRules<'_>) -> Vec<DeclaredClient> {
    let mut taken = BTreeMap::new();
    root.records("client", |fields| {
        let Placed { at, value: client } = DeclaredClient::read(fields, rules)?;
        refuse_twice(fields, "id", &mut taken, Placed { at, value: client.id.clone() });
        Some(client)
    })
}

fn read_issuers(root: &mut Fields<'_, '_>, http: &HttpSettings) -> Vec<IssuerSettings> {
    let mut taken = BTreeMap::new();
    root.records("issuer", |fields| {
        let Placed { at, value: issuer } = IssuerSettings::read(fields, http.issuer.as_deref())?;
        refuse_twice(fields, "name", &mut taken, Placed { at, value: issuer.rules.name.clone() });
        Some(issuer)
    })
}

fn read_users(
    root: &mut Fields<'_, '_>,
    environment: &dyn Environment,
    rules: PasswordRules,
) -> Vec<DeclaredUser> {
    let (mut taken, mut holders) = (BTreeMap::new(), BTreeMap::new());
    root.records("user", |fields| {
        let (name, user) = DeclaredUser::read(fields, environment, rules)?;
        refuse_twice(fields, "name", &mut taken, name);
        refuse_shared(fields, &mut holders, user.as_ref()?);
        user
    })
}

/// Reports identities that an earlier user lists: an identity of two users logs neither in.
fn refuse_shared(
    fields: &mut Fields<'_, '_>,
    holders: &mut BTreeMap<UserIdentity, usize>,
    user: &DeclaredUser,
) {
    let Some(at) = fields.place("identities") else { return };
    for identity in user.patch.identities.iter().flatten() {
        if let Some(first) = holders.get(identity) {
            let (line, _) = fields.report().position(*first);
            let problem =
                format!("one is listed on line {line} already: an identity is one user's");
            fields.fault(at, "identities", &problem);
        } else {
            holders.insert(identity.clone(), at);
        }
    }
}

/// Reports a name that an earlier table has.
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
