//! Looks at this machine the way a server with the same settings would find it, and changes nothing.
//!
//! It may run beside the server: the store is not opened, only looked at from outside. The steps of
//! a start report their own refusals; what is here besides would let it start, and should be known.

mod credentials;
mod exposure;
mod files;
mod issuers;
mod space;

use std::path::Path;

pub use self::issuers::unusable_keys;
use super::{
    SystemClock,
    start::{Finding, Findings, Steps, examine_clock},
};
use crate::{config::Loaded, domain::time::Clock as _};

/// Everything that was looked at. `config` is where the settings came from.
pub async fn examine(loaded: &Loaded, config: &Path) -> Vec<Finding> {
    let Loaded { settings, warnings } = loaded;
    let mut findings = Findings::default();
    files::settings(config, warnings, &mut findings);
    files::user(settings, &mut findings);
    Steps::of(settings).look(&mut findings).await;
    examine_clock(settings, config, SystemClock.now(), &mut findings);
    if settings.store.url.is_none() {
        space::disk(&settings.store, &mut findings);
    }
    exposure::examine(settings, warnings, &mut findings);
    credentials::password_grant(settings, &mut findings);
    credentials::known_to_all(settings, &mut findings).await;
    issuers::examine(settings, &mut findings).await;
    findings.into()
}
