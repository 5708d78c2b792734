//! The settings file: who else can read it, and who reads it here.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use rustix::process::geteuid;

use super::super::start::Findings;
use crate::config::{Settings, Warning};

/// Reports faults of the settings file, and of the files that it names, as far as reading them has
/// shown.
pub(super) fn settings(config: &Path, warnings: &[Warning], findings: &mut Findings) {
    let mut exposed = false;
    for warning in warnings {
        if let Warning::Exposed { path } = warning {
            exposed = true;
            let found = format!("{} holds secrets and others can read it", path.display());
            findings.warn("settings", found, format!("chmod 600 {}", path.display()));
        }
    }
    if !exposed {
        findings.good("settings", format!("{} can be used", config.display()));
    }
}

/// Checks that root does not run this for a server of another user: root's rights prove nothing
/// about that user.
pub(super) fn user(settings: &Settings, findings: &mut Findings) {
    let paths = [&settings.store.path, &settings.keys.path];
    let owner = paths.into_iter().find_map(|path| fs::metadata(path).ok()).map(|file| file.uid());
    if let Some(owner) = owner.filter(|owner| *owner != 0 && geteuid().is_root()) {
        let found = format!("root looks at what belongs to user {owner}, and may do everything");
        let remedy = format!("run it as that user: setpriv --reuid {owner} --clear-groups");
        findings.warn("user", found, remedy);
    }
}
