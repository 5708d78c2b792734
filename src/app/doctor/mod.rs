//! Looks at this machine the way a server with the same settings would find it, and changes nothing.
//!
//! It may run beside the server: the store is not opened, only looked at from outside.

mod certificate;
pub(super) mod clock;
mod credentials;
mod database;
mod declared;
mod exposure;
mod files;
mod finding;
mod ports;
mod space;

use std::path::Path;

use self::finding::Findings;
pub use self::finding::{Finding, Level};
use super::SystemClock;
use crate::{config::Loaded, domain::time::Clock as _};

/// Everything that was looked at, in the order of a start. `config` is where the settings came from.
pub async fn examine(loaded: &Loaded, config: &Path) -> Vec<Finding> {
    let Loaded { settings, warnings } = loaded;
    let mut findings = Findings::default();
    files::settings(config, warnings, &mut findings);
    files::user(settings, &mut findings);
    let serving = match &settings.store.url {
        None => files::store(&settings.store.path, &mut findings),
        Some(url) => {
            database::examine(settings, url, &mut findings).await;
            false
        }
    };
    files::keys(settings, &mut findings);
    files::audit(&settings.audit, &mut findings);
    files::access(settings, &mut findings);
    certificate::examine(settings, SystemClock.now(), &mut findings);
    clock::examine(settings, config, SystemClock.now(), &mut findings);
    if settings.store.url.is_none() {
        space::disk(&settings.store, &mut findings);
    }
    space::descriptors(&mut findings);
    ports::examine(settings, serving, &mut findings);
    exposure::examine(settings, warnings, &mut findings);
    declared::examine(settings, &mut findings);
    credentials::password_grant(settings, &mut findings);
    credentials::known_to_all(settings, &mut findings).await;
    findings.into()
}
