//! The database that takes the data directory's place.

#[cfg(feature = "postgres")]
use super::step::{StoredClients, declared_ids};
use super::{finding::Findings, refusal::Refusal, step::Seen};
#[cfg(feature = "postgres")]
use std::sync::Arc;

#[cfg(feature = "postgres")]
use crate::{
    app::{SystemClock, SystemEntropy, database::options},
    store::postgres::{self, PostgresStore},
};
use crate::{
    config::{DatabaseUrl, Settings, StoreSettings},
    store::Engine,
};

/// Difference of two clocks that is no warning, in milliseconds.
#[cfg(feature = "postgres")]
const TOLERATED_SKEW: i64 = 1_000;

/// Checks that it answers, and that an acknowledged write survives the loss of its machine.
#[cfg(feature = "postgres")]
pub(super) async fn look(
    settings: &Settings,
    url: &DatabaseUrl,
    seen: &mut Seen,
    findings: &mut Findings,
) {
    let (options, ids) = (options(&settings.store, url), declared_ids(settings));
    let found = match postgres::look(&options, &ids, Arc::new(SystemClock)).await {
        Ok(found) => found,
        Err(error) => {
            let remedy = "see that it runs and takes writes, and correct store.url";
            return findings.refuse("store", &Refusal::from(error), remedy);
        }
    };
    seen.named = found.keys;
    seen.signing = found.signing.iter().map(|needed| needed.key).collect();
    seen.clients = found.clients.map_or_else(StoredClients::default, StoredClients::Read);
    let version = found.version;
    findings.good("store", format!("the database answers, and is version {version}"));
    clock(found.clock_skew, findings);
    for weakness in found.weaknesses {
        let remedy = format!("{} (docs/postgresql.md)", weakness.remedy);
        findings.warn("store", weakness.found, &remedy);
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

/// Opens the store at `url`.
///
/// # Errors
/// See [`Refusal`].
#[cfg(feature = "postgres")]
pub(in crate::app) async fn open(
    settings: &StoreSettings,
    url: &DatabaseUrl,
) -> Result<Engine, Refusal> {
    let (options, clock) = (options(settings, url), Arc::new(SystemClock));
    let store = PostgresStore::open(&options, clock, &SystemEntropy).await?;
    Ok(store.into())
}

/// There is nothing in this build to look with.
#[cfg(not(feature = "postgres"))]
pub(super) async fn look(_: &Settings, _: &DatabaseUrl, _: &mut Seen, findings: &mut Findings) {
    findings.refuse("store", &Refusal::NoPostgres, "install a build that has it");
}

/// There is nothing in this build to open it with.
///
/// # Errors
/// Always.
#[cfg(not(feature = "postgres"))]
pub(in crate::app) async fn open(_: &StoreSettings, _: &DatabaseUrl) -> Result<Engine, Refusal> {
    Err(Refusal::NoPostgres)
}
