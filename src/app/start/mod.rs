//! The steps of a start: one list, which a server takes and a check looks at.
//!
//! A server fails to start by a [`StartError`], which only a step can make, and a step is no step without a
//! look. So `jeton check --deep` knows of everything that `jeton serve` refuses for.

mod absent;
mod access;
mod administrator;
mod certificate;
mod clock;
mod cores;
mod database;
mod declared;
mod finding;
mod hashes;
mod keys;
mod log;
mod port;
mod ports;
mod process;
mod refusal;
mod signing;
mod step;
mod store;

pub(super) use self::{
    access::Access,
    administrator::{Administrator, Asked},
    certificate::Certificate,
    clock::examine as examine_clock,
    cores::{CoreThreads, start as start_cores},
    database::open as open_database,
    declared::{Bringing, Declaring},
    finding::Findings,
    hashes::Hashes,
    keys::Keys,
    log::LogStep,
    port::Port,
    ports::Ports,
    process::{Outside, Process},
    refusal::system,
    signing::SigningKeys,
    step::{Nothing, Seen, Step, take},
    store::OpenStore,
};
pub use self::{
    finding::{Finding, Level},
    refusal::Refusal,
    step::StartError,
};
use crate::config::Settings;

/// Every step, in the order of a start.
pub(super) struct Steps<'a> {
    pub(super) log: LogStep<'a>,
    pub(super) process: Process,
    pub(super) certificate: Certificate<'a>,
    pub(super) cores: CoreThreads<'a>,
    pub(super) ports: Ports<'a>,
    pub(super) opening: Opening<'a>,
    pub(super) administrator: Administrator<'a>,
}

/// Those among them that lead to a service.
pub(super) struct Opening<'a> {
    pub(super) access: Access<'a>,
    pub(super) store: OpenStore<'a>,
    pub(super) keys: Keys<'a>,
    pub(super) signing: SigningKeys<'a>,
    pub(super) hashes: Hashes<'a>,
    pub(super) declared: Declaring<'a>,
}

impl<'a> Steps<'a> {
    /// The steps of a start with these settings.
    pub(super) fn of(settings: &'a Settings) -> Self {
        Self {
            log: LogStep::of(settings),
            process: Process::step(),
            certificate: Certificate::of(settings),
            cores: CoreThreads::of(settings),
            ports: Ports::of(settings),
            opening: Opening {
                access: Access::of(settings),
                store: OpenStore::of(settings),
                keys: Keys::of(settings),
                signing: SigningKeys::of(settings),
                hashes: Hashes::of(settings),
                declared: Declaring::of(settings),
            },
            administrator: Administrator::step(),
        }
    }

    /// Looks at every step and takes none. The store comes before the ports, which are its server's while one
    /// has it open.
    pub(super) async fn look(&self, findings: &mut Findings) {
        // Names every step: one that is added and not looked at does not compile.
        let Self { log, process, certificate, cores, ports, opening, administrator } = self;
        let Opening { access, store, keys, signing, hashes, declared } = opening;
        let seen = &mut Seen::default();
        log.look(seen, findings).await;
        process.look(seen, findings).await;
        certificate.look(seen, findings).await;
        cores.look(seen, findings).await;
        access.look(seen, findings).await;
        store.look(seen, findings).await;
        ports.look(seen, findings).await;
        keys.look(seen, findings).await;
        signing.look(seen, findings).await;
        hashes.look(seen, findings).await;
        declared.look(seen, findings).await;
        administrator.look(seen, findings).await;
    }
}
