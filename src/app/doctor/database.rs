//! The database that takes the data directory's place.

use super::finding::Findings;
use crate::config::{DatabaseUrl, Settings};
#[cfg(feature = "postgres")]
use std::sync::Arc;

#[cfg(feature = "postgres")]
use crate::{
    app::{KeyFiles, StartError, SystemClock, database::options, open::refuse_foreign},
    domain::key_ring::KeyRing,
    store::postgres::look,
};

/// Difference of two clocks that is no warning, in milliseconds.
#[cfg(feature = "postgres")]
const TOLERATED_SKEW: i64 = 1_000;

/// Checks that it answers, and that an acknowledged write survives the loss of its machine.
#[cfg(feature = "postgres")]
pub(super) async fn examine(settings: &Settings, url: &DatabaseUrl, findings: &mut Findings) {
    let store = &settings.store;
    let found = match look(&options(store, url), Arc::new(SystemClock)).await {
        Ok(found) => found,
        Err(error) => {
            let remedy = "see that it runs and takes writes, and correct store.url";
            findings.error("store", StartError::from(error).to_string(), remedy);
            return;
        }
    };
    // A ring that cannot be read has a finding of its own.
    if let Ok(ring) = KeyFiles::new(&settings.keys.path).load() {
        let held: Vec<_> = ring.iter().flat_map(KeyRing::ids).collect();
        if let Err(error) = refuse_foreign(&found.keys, &held) {
            findings.error("keys", error.to_string(), "restore the key ring, or correct keys.path");
        } else if let Some(id) = found.keys.iter().find(|id| !held.contains(id)) {
            let error = StartError::MissingKey(*id).to_string();
            findings.error("keys", error, "copy it from another instance");
        }
    }
    let version = found.version;
    findings.good("store", format!("the database answers, and is version {version}"));
    clock(found.clock_skew, findings);
    if found.synchronous == Some(false) {
        let found = "the database's commits wait for no standby: with its machine go tokens and \
                     revocations that were acknowledged";
        findings.warn("store", found, "set synchronous_standby_names (docs/cluster.md)");
    }
}

/// Instances judge by the database's clock. One whose own is far from it is still wrong about
/// certificates, and in its log.
#[cfg(feature = "postgres")]
fn clock(skew: i64, findings: &mut Findings) {
    let apart = format!("this machine's clock and the database's are {} ms apart", skew.abs());
    if skew.abs() < TOLERATED_SKEW {
        findings.good("clock", apart);
    } else {
        findings.warn("clock", apart, "keep both set with NTP");
    }
}

/// There is nothing in this build to look with.
#[cfg(not(feature = "postgres"))]
pub(super) async fn examine(_: &Settings, _: &DatabaseUrl, findings: &mut Findings) {
    let found = "store.url: jeton was built without the feature postgres";
    findings.error("store", found, "install a build that has it");
}
