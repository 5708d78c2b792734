//! Key rings on disk.

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::app::SystemEntropy;

fn ring() -> (tempfile::TempDir, KeyFiles) {
    let directory = tempfile::tempdir().expect("a directory");
    let files = KeyFiles::new(&directory.path().join("keys"));
    (directory, files)
}

#[test]
fn a_ring_that_was_made_is_read_back_and_closed_to_others() {
    let (_directory, files) = ring();
    assert!(files.load().expect("no directory is no ring").is_none());
    let made = files.create(&SystemEntropy).expect("a ring");
    let read = files.load().expect("it loads").expect("a ring");
    assert_eq!(read.active().id(), made.active().id());
    for entry in fs::read_dir(&files.path).expect("the directory") {
        let metadata = entry.expect("an entry").metadata().expect("its metadata");
        assert_eq!(metadata.mode() & 0o777, 0o600);
    }
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let (_directory, files) = ring();
    let made = files.create(&SystemEntropy).expect("a ring");
    let path = files.path.join(format!("{}.key", made.active().id()));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("chmod");
    assert!(matches!(files.load(), Err(KeyRingError::Exposed(_))));
}

#[test]
fn roots_own_key_may_be_read_by_its_group_and_by_no_other() {
    let (_directory, files) = ring();
    let made = files.create(&SystemEntropy).expect("a ring");
    let path = files.path.join(format!("{}.key", made.active().id()));
    let owner = fs::metadata(&path).expect("the key").uid();
    for (mode, exposed) in
        [(0o400, false), (0o600, false), (0o440, true), (0o640, true), (0o604, true)]
    {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("chmod");
        let key = fs::metadata(&path).expect("the key");
        assert_eq!(is_exposed(&key, owner), exposed, "{mode:o}");
        // Only where the tests' user is root is the file root's.
        let handed_over = owner == 0 && matches!(mode, 0o440 | 0o640);
        assert_eq!(is_exposed(&key, 65_532), exposed && !handed_over, "{mode:o}");
    }
}

#[test]
fn a_ring_without_its_active_key_or_with_a_broken_one_is_refused() {
    let (_directory, files) = ring();
    let made = files.create(&SystemEntropy).expect("a ring");
    let path = files.path.join(format!("{}.key", made.active().id()));
    fs::write(&path, "0123").expect("a broken key");
    assert!(matches!(files.load(), Err(KeyRingError::Malformed { .. })));
    fs::remove_file(&path).expect("a missing key");
    assert!(matches!(files.load(), Err(KeyRingError::ActiveMissing { .. })));
}
#[test]
fn a_key_is_added_then_activated_and_the_old_one_is_removed_last() {
    let (_directory, files) = ring();
    let first = files.begin(&SystemEntropy).expect("a first key");
    let second = files.add(&SystemEntropy).expect("a second key");
    let loaded = files.load().expect("it loads").expect("a ring");
    assert_eq!(loaded.active().id(), first, "what is added is not active");
    assert!(matches!(files.remove(first), Err(KeyRingError::IsActive(_))));
    files.activate(second).expect("active");
    let loaded = files.load().expect("it loads").expect("a ring");
    assert_eq!(loaded.ids().collect::<Vec<_>>(), [second, first]);
    files.remove(first).expect("removed");
    assert!(matches!(files.remove(first), Err(KeyRingError::Absent { .. })));
    assert!(matches!(files.activate(first), Err(KeyRingError::Absent { .. })));
    let loaded = files.load().expect("it loads").expect("a ring");
    assert_eq!(loaded.ids().collect::<Vec<_>>(), [second]);
}

#[test]
fn a_ring_is_made_only_where_that_is_asked_for_and_there_is_none() {
    let (_directory, files) = ring();
    assert!(matches!(files.add(&SystemEntropy), Err(KeyRingError::NoRing(_))));
    assert!(!files.path.exists(), "nothing was made");
    files.begin(&SystemEntropy).expect("a ring");
    assert!(matches!(files.begin(&SystemEntropy), Err(KeyRingError::RingExists(_))));
}

#[test]
fn what_root_adds_to_a_directory_of_anothers_is_theirs() {
    let (_directory, files) = ring();
    let first = files.begin(&SystemEntropy).expect("a ring");
    if !geteuid().is_root() {
        return;
    }
    let key = files.path.join(format!("{first}.key"));
    for path in [&files.path, &key] {
        std::os::unix::fs::chown(path, Some(65_532), Some(65_533)).expect("chown");
    }
    let second = files.add(&SystemEntropy).expect("a key");
    files.activate(second).expect("active");
    for name in [format!("{second}.key"), ACTIVE.to_owned()] {
        let file = fs::metadata(files.path.join(name)).expect("the file");
        assert_eq!((file.uid(), file.gid(), file.mode() & 0o777), (65_532, 65_533, 0o600));
    }
}

#[test]
fn a_lone_key_that_no_file_calls_active_stays_active_when_another_is_added() {
    let (_directory, files) = ring();
    let first = files.begin(&SystemEntropy).expect("a first key");
    fs::remove_file(files.path.join(ACTIVE)).expect("it is there");
    files.add(&SystemEntropy).expect("a second key");
    assert_eq!(files.load().expect("it loads").expect("a ring").active().id(), first);
}

#[test]
fn what_a_crash_left_half_made_is_no_key() {
    let (_directory, files) = ring();
    let first = files.begin(&SystemEntropy).expect("a first key");
    for name in ["01234567.key.new", "active.new"] {
        fs::write(files.path.join(name), "012").expect("half a file");
    }
    let loaded = files.load().expect("it loads").expect("a ring");
    assert_eq!(loaded.ids().collect::<Vec<_>>(), [first]);
    files.activate(first).expect("what is left over is in nobody's way");
}

#[test]
fn every_change_of_the_ring_changes_its_fingerprint() {
    let (_directory, files) = ring();
    let mut seen = vec![files.fingerprint()];
    let first = files.begin(&SystemEntropy).expect("a ring");
    seen.push(files.fingerprint());
    let second = files.add(&SystemEntropy).expect("a key");
    seen.push(files.fingerprint());
    files.activate(second).expect("active");
    seen.push(files.fingerprint());
    files.remove(first).expect("removed");
    seen.push(files.fingerprint());
    let path = files.path.join(format!("{second}.key"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("chmod");
    seen.push(files.fingerprint());
    assert_eq!(files.fingerprint(), seen[5]);
    for pair in seen.windows(2) {
        assert_ne!(pair[0], pair[1]);
    }
}
