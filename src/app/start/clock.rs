//! The clock: expiry is judged by it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use super::finding::Findings;
use crate::{config::Settings, domain::time::Timestamp};

/// 1 January 2026: no release is older, so no clock that is right says less.
const EARLIEST: Timestamp = Timestamp::from_millis(1_767_225_600_000);
/// A file server's clock may differ from this machine's by so much.
const TOLERANCE: Duration = Duration::from_secs(2);

/// Compares the clock with the last time at which something was written: a batch of the store, a key,
/// the settings.
pub(in crate::app) fn examine(
    settings: &Settings,
    config: &Path,
    now: Timestamp,
    findings: &mut Findings,
) {
    const REMEDY: &str = "set the clock, and keep it set with NTP";
    if now < EARLIEST {
        findings.error("clock", format!("it says {}, before jeton was made", text(now)), REMEDY);
        return;
    }
    let newest = written(settings, config).into_iter().max();
    if let Some((time, path)) = newest.filter(|(time, _)| time.since(now) > TOLERANCE) {
        let behind = humantime::format_duration(Duration::from_secs(time.since(now).as_secs()));
        let path = path.display();
        findings.error("clock", format!("it is {behind} behind the last write of {path}"), REMEDY);
        return;
    }
    findings.good("clock", format!("it says {}", text(now)));
}

/// By how much the clock is behind the last write of the store in that directory, if it is.
pub(super) fn behind_store(store: &Path, now: Timestamp) -> Option<Duration> {
    let newest = times(store_files(store)).into_iter().map(|(time, _)| time).max()?;
    Some(newest.since(now)).filter(|behind| *behind > TOLERANCE)
}

/// When which file was written.
fn written(settings: &Settings, config: &Path) -> Vec<(Timestamp, PathBuf)> {
    let mut files = store_files(&settings.store.path);
    files.push(config.to_owned());
    files.extend(files_in(&settings.keys.path));
    times(files)
}

/// The floor is written with each batch.
fn store_files(store: &Path) -> Vec<PathBuf> {
    let mut files = vec![store.join("floor"), store.join("seal")];
    files.extend(files_in(&store.join("store")));
    files
}

fn files_in(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path())
}

fn times(files: Vec<PathBuf>) -> Vec<(Timestamp, PathBuf)> {
    let time = |path: &PathBuf| {
        let written = fs::metadata(path).and_then(|file| file.modified()).ok()?;
        Some(Timestamp::default().after(written.duration_since(UNIX_EPOCH).ok()?))
    };
    files.into_iter().filter_map(|path| Some((time(&path)?, path))).collect()
}

fn text(time: Timestamp) -> String {
    let time = UNIX_EPOCH + Duration::from_secs(time.as_secs());
    humantime::format_rfc3339_seconds(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::{super::Finding, *};

    fn said(settings: &Settings, now: Timestamp) -> String {
        let mut findings = Findings::default();
        examine(settings, Path::new("/dev/null/absent"), now, &mut findings);
        let findings: Vec<Finding> = findings.into();
        findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_clock_before_its_release_or_behind_the_last_write_is_an_error() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut settings = Settings::default();
        settings.store.path = directory.path().join("data");
        settings.keys.path = directory.path().join("keys");
        fs::create_dir(&settings.store.path).expect("a directory");
        let floor = settings.store.path.join("floor");
        fs::write(&floor, "").expect("a file");
        let wrote = fs::metadata(&floor).and_then(|file| file.modified()).expect("a time");
        let wrote = wrote.duration_since(UNIX_EPOCH).expect("after 1970");
        let wrote = Timestamp::default().after(wrote);

        assert!(said(&settings, Timestamp::default()).starts_with("error   clock: it says 1970"));
        for (behind, good) in [(0, true), (1, true), (3600, false)] {
            let said = said(&settings, wrote.before(Duration::from_secs(behind)));
            assert_eq!(said.starts_with("good"), good, "{said}");
            assert_eq!(said.contains("behind the last write of"), !good, "{said}");
        }
    }
}
