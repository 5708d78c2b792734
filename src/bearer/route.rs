//! Reads a route's requirements from the settings in a proxy's configuration.

use thiserror::Error;

use super::Requirement;

/// The fault of a route's settings. The route then rejects every request, so that a typo opens no
/// access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RouteFault {
    /// A key is unknown.
    #[error("it has an unknown key: there are audience, scopes (or scope) and optional")]
    UnknownKey,
    /// A key appears more than once.
    #[error("a key stands there twice")]
    Twice,
    /// The audience is missing or empty.
    #[error("it names no audience")]
    NoAudience,
    /// The list of scopes is empty.
    #[error("its scopes are empty")]
    NoScope,
    /// The value of `optional` is neither `true` nor `false`.
    #[error("optional is neither true nor false")]
    NotOptional,
    /// The proxy's client may not introspect tokens for that audience.
    #[error("the client that asks may not introspect tokens for its audience")]
    ForeignAudience,
}

/// The requirement that a route's settings state, or their fault.
pub type Route = Result<Requirement, RouteFault>;

impl Requirement {
    /// Reads `audience`, which is required, `scopes` or `scope`, separated by spaces, and
    /// `optional`.
    ///
    /// # Errors
    /// Returns a [`RouteFault`] for anything else.
    pub fn of_route<K: AsRef<str>, V: AsRef<str>>(
        settings: impl IntoIterator<Item = (K, V)>,
    ) -> Route {
        let (mut audience, mut scopes, mut optional) = (None, None, None);
        for (key, value) in settings {
            let known = match key.as_ref() {
                "audience" => &mut audience,
                "scopes" | "scope" => &mut scopes,
                "optional" => &mut optional,
                _ => return Err(RouteFault::UnknownKey),
            };
            if known.replace(value).is_some() {
                return Err(RouteFault::Twice);
            }
        }
        let audience = audience.as_ref().map(AsRef::as_ref).filter(|name| !name.is_empty());
        let requirement = Self::new(Some(audience.ok_or(RouteFault::NoAudience)?.to_owned()));
        let optional = match optional.as_ref().map(AsRef::as_ref) {
            Some("true") => true,
            Some("false") | None => false,
            Some(_) => return Err(RouteFault::NotOptional),
        };
        let scopes = match &scopes {
            None => Vec::new(),
            Some(scopes) => {
                let scopes: Vec<&str> = scopes.as_ref().split_ascii_whitespace().collect();
                if scopes.is_empty() {
                    return Err(RouteFault::NoScope);
                }
                scopes
            }
        };
        Ok(requirement.with_scopes(scopes).optional(optional))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<Requirement, RouteFault> {
        Requirement::of_route(settings.iter().copied())
    }

    #[test]
    fn a_route_names_its_audience_and_may_name_scopes_and_let_visitors_pass_without_a_token() {
        let billing = Requirement::new(Some("billing".to_owned()));
        let reading = billing.clone().with_scopes(["read", "list"]);
        for (settings, expected) in [
            (&[("audience", "billing")][..], billing.clone()),
            (&[("audience", "billing"), ("scopes", " read  list ")], reading.clone()),
            (&[("scope", "read list"), ("audience", "billing")], reading),
            (&[("audience", "billing"), ("optional", "true")], billing.clone().optional(true)),
            (&[("audience", "billing"), ("optional", "false")], billing),
        ] {
            assert_eq!(read(settings), Ok(expected), "{settings:?}");
        }
    }

    #[test]
    fn what_a_route_may_have_meant_lets_nobody_pass() {
        let good = ("audience", "billing");
        for (settings, fault) in [
            (&[][..], RouteFault::NoAudience),
            (&[("audience", "")], RouteFault::NoAudience),
            (&[("scopes", "read")], RouteFault::NoAudience),
            (&[good, ("Scopes", "read")], RouteFault::UnknownKey),
            (&[good, ("scopse", "read")], RouteFault::UnknownKey),
            (&[good, ("", "")], RouteFault::UnknownKey),
            (&[good, ("audience", "payroll")], RouteFault::Twice),
            (&[good, ("scope", "read"), ("scopes", "read")], RouteFault::Twice),
            (&[good, ("scopes", "")], RouteFault::NoScope),
            (&[good, ("scopes", " ")], RouteFault::NoScope),
            (&[good, ("optional", "yes")], RouteFault::NotOptional),
            (&[good, ("optional", "")], RouteFault::NotOptional),
        ] {
            assert_eq!(read(settings), Err(fault), "{settings:?}");
        }
    }
}
