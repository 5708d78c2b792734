//! Values of flags and `JETON_…` variables, which beat the settings file.

use std::{collections::BTreeMap, ffi::OsStr, fmt, path::PathBuf};

use super::setting::{Flag, Setting};
use crate::domain::secret::Secret;

/// Values of flags and `JETON_…` variables. A flag beats its variable. A setting without a value here comes
/// from the file, or else from its default.
#[derive(Clone, Default)]
pub struct Overrides(BTreeMap<Flag, Override>);

/// Values of the flags and variables of an agent.
#[derive(Clone, Debug, Default)]
pub struct AgentOverrides(pub Overrides);

/// The value of one flag.
#[derive(Clone)]
pub enum Override {
    /// Text, which is wiped.
    Text(Secret),
    /// A path, which need not be UTF-8.
    Path(PathBuf),
}

impl From<Secret> for Override {
    fn from(text: Secret) -> Self {
        Self::Text(text)
    }
}

impl From<PathBuf> for Override {
    fn from(path: PathBuf) -> Self {
        Self::Path(path)
    }
}

impl Overrides {
    /// Sets the value of a setting that has a flag. `None` changes nothing.
    #[must_use]
    pub fn with<T>(mut self, setting: &Setting<T>, value: Option<impl Into<Override>>) -> Self {
        if let (Some(flag), Some(value)) = (setting.declaration.flag, value) {
            self.set(flag, value.into());
        }
        self
    }

    /// Sets the value of a flag.
    pub(super) fn set(&mut self, flag: Flag, value: Override) {
        self.0.insert(flag, value);
    }

    /// Returns the value of a flag.
    pub(super) fn get(&self, flag: Flag) -> Option<&OsStr> {
        self.0.get(&flag).map(|value| match value {
            Override::Text(text) => OsStr::new(text.expose()),
            Override::Path(path) => path.as_os_str(),
        })
    }
}

/// Names of the flags alone: a value can be a secret.
impl fmt::Debug for Overrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys().map(|flag| flag.name)).finish()
    }
}
