//! Variables and files that exist only in a test.

use std::{
    collections::HashMap,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

use jeton::config::{Environment, Faults, Loaded, Overrides, Settings, TextFile};
use zeroize::Zeroizing;

pub(crate) const FILE: &str = "jeton.toml";
pub(crate) const PHC: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/// Variables and files that exist only in a test.
#[derive(Default)]
pub(crate) struct Fake {
    variables: HashMap<&'static str, OsString>,
    files: HashMap<PathBuf, (Vec<u8>, bool)>,
}

impl Fake {
    pub(crate) fn with_settings(text: &str) -> Self {
        Self::default().file(FILE, text, false)
    }

    pub(crate) fn file(mut self, path: &str, bytes: impl AsRef<[u8]>, exposed: bool) -> Self {
        self.files.insert(path.into(), (bytes.as_ref().to_owned(), exposed));
        self
    }

    pub(crate) fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.insert(name, value.into());
        self
    }

    pub(crate) fn load(&self, overrides: &Overrides) -> Result<Loaded, Faults> {
        Settings::load(Some(Path::new(FILE)), overrides, self)
    }

    pub(crate) fn settings(&self) -> Settings {
        self.load(&Overrides::default()).expect("good settings").settings
    }

    pub(crate) fn faults(&self) -> String {
        self.load(&Overrides::default()).expect_err("faulty settings").to_string()
    }
}

impl Environment for Fake {
    fn variable(&self, name: &str) -> Option<OsString> {
        self.variables.get(name).filter(|value| !value.is_empty()).cloned()
    }

    fn read(&self, path: &Path) -> io::Result<TextFile> {
        let (bytes, exposed) = self.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(TextFile { bytes: Zeroizing::new(bytes.clone()), exposed: *exposed })
    }
}
