//! The written form of a setting's value: its check, the allowed values in words, and the text of a
//! default.

use std::{
    ffi::{OsStr, OsString},
    fmt::Display,
    ops::RangeInclusive,
    path::PathBuf,
    sync::Arc,
};

use super::path;
use crate::domain::invalid::Invalid;

/// Kind of a value in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A string, with its description for a message about another kind.
    Text(&'static str),
    /// A string with a number and its unit.
    Amount(&'static str),
    /// A string that can hold a secret: no message shows it, and no flag checks it.
    Secret(&'static str),
    /// A string that is a path.
    Path,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Switch,
    /// A list of strings.
    Texts,
}

impl Form {
    /// Returns the description for a message about another kind.
    pub(super) const fn description(self) -> &'static str {
        match self {
            Self::Text(description) | Self::Amount(description) | Self::Secret(description) => {
                description
            }
            Self::Path => "a path",
            Self::Number => "a whole number",
            Self::Switch => "true or false",
            Self::Texts => "a list of strings",
        }
    }
}

/// Parses the texts of a value: one, or those of a list. The error follows the setting's name.
pub(super) type Parse<T> = Arc<dyn Fn(&[&OsStr]) -> Result<T, String> + Send + Sync>;

/// The written form of values of type `T`.
pub(super) struct Value<T> {
    pub(super) form: Form,
    /// Allowed values, as in "must be …".
    pub(super) allowed: String,
    pub(super) parse: Parse<T>,
    /// Returns a value as text; for a list, as the elements of one in TOML.
    pub(super) show: Box<dyn Fn(&T) -> String>,
}

impl<T: 'static> Value<T> {
    fn new(
        form: Form,
        allowed: impl Into<String>,
        parse: impl Fn(&str) -> Result<T, String> + Send + Sync + 'static,
        show: impl Fn(&T) -> String + 'static,
    ) -> Self {
        let parse = move |texts: &[&OsStr]| {
            let text = texts.first().and_then(|text| text.to_str());
            parse(text.ok_or("must be UTF-8")?)
        };
        Self { form, allowed: allowed.into(), parse: Arc::new(parse), show: Box::new(show) }
    }
}

/// Text of the form that `description` names. `show` returns the text of the default.
pub(super) fn text<T: 'static>(
    description: &'static str,
    parse: fn(&str) -> Result<T, Invalid>,
    show: fn(&T) -> String,
) -> Value<T> {
    let parse = move |text: &str| parse(text).map_err(|invalid| invalid.to_string());
    Value::new(Form::Text(description), description, parse, show)
}

/// Text that can hold a secret.
pub(super) fn secret<T: 'static>(
    description: &'static str,
    parse: fn(&str) -> Result<T, Invalid>,
) -> Value<T> {
    Value { form: Form::Secret(description), ..text(description, parse, |_| String::new()) }
}

/// A list of texts. `show` returns the texts of the default.
pub(super) fn texts<T: 'static>(
    description: &'static str,
    parse: fn(&[&str]) -> Result<T, Invalid>,
    show: fn(&T) -> &[String],
) -> Value<T> {
    let parse = move |texts: &[&OsStr]| {
        let texts: Option<Vec<&str>> = texts.iter().map(|text| text.to_str()).collect();
        parse(&texts.ok_or("must be UTF-8")?).map_err(|invalid| invalid.to_string())
    };
    let show = move |value: &T| {
        show(value).iter().map(|text| format!("{text:?}")).collect::<Vec<_>>().join(", ")
    };
    let (form, allowed) = (Form::Texts, description.to_owned());
    Value { form, allowed, parse: Arc::new(parse), show: Box::new(show) }
}

/// A path. A flag's path need not be UTF-8.
pub(super) fn path() -> Value<PathBuf> {
    let parse = |texts: &[&OsStr]| {
        let given = texts.first().copied().unwrap_or_default();
        match given.to_str() {
            Some(text) => path::path(text).map_err(|invalid| invalid.to_string()),
            None => Ok(OsString::from(given).into()),
        }
    };
    let (parse, show) = (Arc::new(parse), |path: &PathBuf| path.display().to_string());
    Value { form: Form::Path, allowed: "a path".to_owned(), parse, show: Box::new(show) }
}

/// One of a few words, each with its meaning.
pub(super) fn choice<T>(words: &'static [(&'static str, T)]) -> Value<T>
where
    T: Copy + PartialEq + Send + Sync + 'static,
{
    let quoted: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
    let allowed = match &*quoted {
        [all @ .., last] if !all.is_empty() => format!("{} or {last}", all.join(", ")),
        _ => quoted.concat(),
    };
    let problem = format!("must be {allowed}");
    let meaning = move |text: &str| {
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| *value).ok_or_else(|| problem.clone())
    };
    let word = move |value: &T| {
        let found = words.iter().find(|(_, meaning)| meaning == value);
        found.map_or("", |(word, _)| word).to_owned()
    };
    Value::new(Form::Text("a string"), allowed, meaning, word)
}

/// `true` or `false`.
pub(super) fn switch() -> Value<bool> {
    let allowed = "true or false";
    let parse = move |text: &str| text.parse().map_err(|_| format!("must be {allowed}"));
    Value::new(Form::Switch, allowed, parse, bool::to_string)
}

/// A whole number in a range.
pub(super) fn count(range: RangeInclusive<u32>) -> Value<u32> {
    let allowed = format!("{} to {}", range.start(), range.end());
    let problem = format!("must be {allowed}");
    let parse = move |text: &str| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| problem.clone())
    };
    Value::new(Form::Number, allowed, parse, u32::to_string)
}

/// A quantity that is written with its unit, such as a duration.
pub(super) trait Amount: Copy + Default + PartialOrd + Send + Sync + 'static {
    /// Description of the form.
    const FORM: &'static str;

    /// Parses any amount.
    fn parse(text: &str) -> Result<Self, Invalid>;

    /// Returns the amount as it is written, in the largest unit of which it is a multiple.
    fn shown(&self) -> String;
}

/// An amount in a range.
pub(super) fn within<T: Amount>(range: RangeInclusive<T>) -> Value<T> {
    let allowed = format!("{} to {}", range.start().shown(), range.end().shown());
    amount(allowed, move |amount| range.contains(amount))
}

/// An amount in a range, or zero.
pub(super) fn zero_or_within<T: Amount>(range: RangeInclusive<T>) -> Value<T> {
    let [least, most, zero] = [*range.start(), *range.end(), T::default()].map(|n| n.shown());
    amount(format!("{least} to {most}, or {zero}"), move |amount| {
        *amount == T::default() || range.contains(amount)
    })
}

/// An amount up to `most`, or zero.
pub(super) fn at_most<T: Amount>(most: T) -> Value<T> {
    amount(format!("at most {}", most.shown()), move |amount| *amount <= most)
}

/// An amount of any size.
pub(super) fn any<T: Amount>() -> Value<T> {
    amount(T::FORM.to_owned(), |_| true)
}

fn amount<T: Amount>(
    allowed: String,
    fits: impl Fn(&T) -> bool + Send + Sync + 'static,
) -> Value<T> {
    let problem = format!("must be {allowed}");
    let parse = move |text: &str| match T::parse(text) {
        Ok(amount) if fits(&amount) => Ok(amount),
        Ok(_) => Err(problem.clone()),
        Err(invalid) => Err(invalid.to_string()),
    };
    Value::new(Form::Amount(T::FORM), allowed, parse, T::shown)
}

/// Returns `number` in the largest of `units`, which begin with the largest.
pub(super) fn in_units(number: impl Into<u128> + Copy, units: &[(u128, impl Display)]) -> String {
    let number = number.into();
    let unit = units.iter().find(|(size, _)| number >= *size && number.is_multiple_of(*size));
    unit.map_or_else(|| number.to_string(), |(size, name)| format!("{}{name}", number / size))
}
