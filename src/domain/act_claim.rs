//! The `act` claim (RFC 8693 §4.1): who acts for the subject of a token, as JSON shows it.

use serde::Serialize;

/// An actor, and the one that acted before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ActClaim {
    /// The client that acts.
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<Box<ActClaim>>,
}

impl ActClaim {
    /// The claim for `actors`, the present one first; `None` without any.
    pub fn of<'a>(actors: impl DoubleEndedIterator<Item = &'a str>) -> Option<Self> {
        actors
            .rev()
            .fold(None, |act, actor| Some(Self { sub: actor.to_owned(), act: act.map(Box::new) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_present_actor_holds_those_before_it() {
        let claim = ActClaim::of(["billing", "orders"].into_iter());
        let text = serde_json::to_string(&claim).expect("a text");
        assert_eq!(text, r#"{"sub":"billing","act":{"sub":"orders"}}"#);
        assert_eq!(ActClaim::of([].into_iter()), None);
    }
}
