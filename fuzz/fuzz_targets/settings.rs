//! Settings files: every file is loaded, or all its faults are reported, with a place in it.

#![no_main]

use std::{ffi::OsString, io, path::Path};

use jeton::config::{Environment, Overrides, Settings, TextFile};
use libfuzzer_sys::fuzz_target;

/// The settings file; every other file and every variable holds a secret.
struct File<'a>(&'a [u8]);

impl Environment for File<'_> {
    fn variable(&self, _: &str) -> Option<OsString> {
        Some("a-secret-of-the-environment".into())
    }

    fn read(&self, path: &Path) -> io::Result<TextFile> {
        let settings = path == Path::new("jeton.toml");
        let bytes = if settings { self.0 } else { b"a-secret-of-a-file" };
        Ok(TextFile { bytes: bytes.to_vec().into(), exposed: false })
    }
}

fuzz_target!(|bytes: &[u8]| {
    let file = Some(Path::new("jeton.toml"));
    match Settings::load(file, &Overrides::default(), &File(bytes)) {
        Ok(loaded) => drop(format!("{:?}", loaded.settings)),
        Err(faults) => {
            let told = faults.to_string();
            assert!(!told.is_empty(), "refused without a word");
            let own = String::from_utf8_lossy(bytes);
            for secret in ["a-secret-of-the-environment", "a-secret-of-a-file"] {
                assert!(own.contains(secret) || !told.contains(secret), "{told}");
            }
        }
    }
});
