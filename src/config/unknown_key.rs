//! The fault of a key that a table does not have: it names the one that may be meant.

/// Returns the fault of `key` in a table that has the keys `known`.
pub(super) fn unknown_key(key: &str, known: &[&'static str]) -> String {
    let hint = match nearest(key, known) {
        Some(known) => format!("did you mean {known:?}?"),
        None => format!("here may be {}", known.join(", ")),
    };
    format!("unknown key {}: {hint}", shown(key))
}

/// Returns the most similar known key, if it is similar enough.
fn nearest(key: &str, known: &[&'static str]) -> Option<&'static str> {
    let distance = |known: &str| strsim::damerau_levenshtein(key, known);
    let near = known.iter().copied().min_by_key(|known| distance(known))?;
    // Up to a third of the letters can be wrong: `scope` is `scopes`, `port` is not `path`.
    (distance(near) * 3 <= key.chars().count().max(near.len())).then_some(near)
}

/// Quotes a key, shortened and without control characters.
fn shown(key: &str) -> String {
    const LONGEST: usize = 64;
    if key.chars().count() <= LONGEST {
        return format!("{key:?}");
    }
    let start: String = key.chars().take(LONGEST).collect();
    format!("{start:?}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_near_enough_is_suggested() {
        let known = ["access_token_ttl", "refresh_token_ttl", "scopes", "id"];
        for (key, meant) in [
            ("acess_token_ttl", Some("access_token_ttl")),
            ("accessTokenTtl", Some("access_token_ttl")),
            ("scope", Some("scopes")),
            ("Id", None),
            ("colour", None),
        ] {
            assert_eq!(nearest(key, &known), meant, "{key}");
        }
        assert_eq!(nearest("anything", &[]), None);
    }

    #[test]
    fn a_key_is_shown_on_one_line_and_cut() {
        assert_eq!(shown("a\nb"), r#""a\nb""#);
        assert_eq!(shown(&"é".repeat(65)), format!("\"{}\"…", "é".repeat(64)));
    }
}
