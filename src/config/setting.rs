//! One setting, declared once: key, flag, variable, default, allowed values, text and check.

use std::{ffi::OsStr, sync::Arc};

use super::value::{Form, Parse, Value};

/// A flag that sets a setting; its variable is derived from its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flag {
    /// Name without the dashes in front: `drain-timeout`.
    pub name: &'static str,
    /// Name of its value in the help: `DURATION`.
    pub value_name: &'static str,
    /// Beginning of its variable's name: `JETON_`.
    prefix: &'static str,
}

impl Flag {
    /// Returns a flag of several commands, or of a server.
    pub(super) const fn new(name: &'static str, value_name: &'static str) -> Self {
        Self { name, value_name, prefix: "JETON_" }
    }

    /// Returns a flag of an agent alone. A server's flag of the same name is another one.
    const fn of_agent(name: &'static str, value_name: &'static str) -> Self {
        Self { name, value_name, prefix: "JETON_AGENT_" }
    }

    /// Returns the environment variable of the same meaning: `JETON_DRAIN_TIMEOUT`.
    pub fn variable(self) -> String {
        format!("{}{}", self.prefix, self.name.replace('-', "_").to_uppercase())
    }
}

/// The declaration of a setting, without the type of its value.
#[derive(Clone)]
pub struct Declaration {
    /// Its section: `serve`.
    pub section: &'static str,
    /// Its key in the section: `drain_timeout`.
    pub key: &'static str,
    /// Its description: sentences in paragraphs, of which the first is the help of the flag.
    pub text: &'static str,
    /// Kind of the value in the file.
    pub form: Form,
    /// Allowed values, in words.
    pub allowed: String,
    /// Default as text. `None` if there is none.
    pub default: Option<String>,
    /// Effect of an unset setting without a default, in words.
    pub otherwise: Option<&'static str>,
    /// A value to show if there is no default.
    pub example: Option<&'static str>,
    /// The flag, if there is one.
    pub flag: Option<Flag>,
    check: Parse<()>,
}

impl Declaration {
    /// Returns the first paragraph of the description, without the full stop at its end.
    pub fn help(&self) -> String {
        let first = self.text.split("\n\n").next().unwrap_or_default();
        let words = first.split_whitespace().collect::<Vec<_>>().join(" ");
        words.trim_end_matches('.').to_owned()
    }

    /// Returns the allowed values, unless the form implies them.
    pub fn limits(&self) -> Option<&str> {
        let allowed = self.allowed.as_str();
        match self.form {
            Form::Text(form) | Form::Amount(form) => (allowed != form).then_some(allowed),
            Form::Number => Some(allowed),
            Form::Secret(_) | Form::Path | Form::Switch | Form::Texts => None,
        }
    }

    /// Checks the text of a flag.
    ///
    /// # Errors
    /// Returns the problem, which follows the flag's name.
    pub fn check(&self, text: &str) -> Result<(), String> {
        (self.check)(&[OsStr::new(text)])
    }
}

/// A setting whose value has the type `T`.
#[derive(Clone)]
pub struct Setting<T> {
    /// The declaration.
    pub declaration: Declaration,
    /// The default, `None` for a setting without one.
    pub(super) default: T,
    pub(super) parse: Parse<T>,
}

impl<T: 'static> Value<T> {
    /// Returns a setting with a default.
    pub(super) fn or(self, default: T) -> Setting<T> {
        let shown = (self.show)(&default);
        Setting::new(self, default, Some(shown))
    }

    /// Returns a setting without a default, which need not be set.
    pub(super) fn optional(self) -> Setting<Option<T>> {
        let Self { form, allowed, parse, .. } = self;
        let parse: Parse<_> = Arc::new(move |texts: &[&OsStr]| parse(texts).map(Some));
        let value = Value { form, allowed, parse, show: Box::new(|_| String::new()) };
        Setting::new(value, None, None)
    }
}

impl<T: 'static> Setting<T> {
    /// Creates a setting that still needs its name, see [`Self::named`].
    fn new(value: Value<T>, default: T, shown: Option<String>) -> Self {
        let Value { form, allowed, parse, .. } = value;
        let check = Arc::clone(&parse);
        let declaration = Declaration {
            section: "",
            key: "",
            text: "",
            form,
            allowed,
            default: shown,
            otherwise: None,
            example: None,
            flag: None,
            check: Arc::new(move |texts| check(texts).map(drop)),
        };
        Self { declaration, default, parse }
    }

    /// Sets the section, the key and the description.
    pub(super) fn named(
        mut self,
        section: &'static str,
        key: &'static str,
        text: &'static str,
    ) -> Self {
        (self.declaration.section, self.declaration.key) = (section, key);
        self.declaration.text = text;
        self
    }

    /// Adds a flag and its variable.
    pub(super) fn flag(mut self, name: &'static str, value_name: &'static str) -> Self {
        self.declaration.flag = Some(Flag::new(name, value_name));
        self
    }

    /// Adds a flag of an agent and its variable.
    pub(super) fn agent_flag(mut self, name: &'static str, value_name: &'static str) -> Self {
        self.declaration.flag = Some(Flag::of_agent(name, value_name));
        self
    }

    /// Sets the value that pages show for a setting without a default.
    pub(super) fn example(mut self, value: &'static str) -> Self {
        self.declaration.example = Some(value);
        self
    }

    /// Describes the effect of an unset setting that has no default.
    pub(super) fn otherwise(mut self, effect: &'static str) -> Self {
        self.declaration.otherwise = Some(effect);
        self
    }
}
