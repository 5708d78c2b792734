//! The metrics of the process as one text, which is not made more often than a scraper could ask for.

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
};

use axum::body::Bytes;

use crate::metrics::{self, Rate, Registry};

/// Number of texts made a second, and at once: each takes milliseconds of the thread that also
/// answers probes. A request between two of them gets the previous text.
const A_SECOND: NonZeroU32 = NonZeroU32::new(10).expect("10 is not 0");
const AT_ONCE: NonZeroU32 = NonZeroU32::new(20).expect("20 is not 0");

/// The metrics that are served: those of the layers that have started. Cloning shares them.
#[derive(Clone)]
pub struct Exposition(Arc<Exposed>);

struct Exposed {
    registries: Mutex<Vec<Registry>>,
    made: Rate,
    last: Mutex<Bytes>,
}

impl Exposition {
    /// Serves no metrics yet.
    pub fn new() -> Self {
        Self(Arc::new(Exposed {
            registries: Mutex::default(),
            made: Rate::new(A_SECOND, AT_ONCE),
            last: Mutex::default(),
        }))
    }

    /// From now on these are served too.
    pub fn add(&self, registries: impl IntoIterator<Item = Registry>) {
        self.0.registries.lock().unwrap_or_else(PoisonError::into_inner).extend(registries);
    }

    /// All of them; where many ask, as they were at most a tenth of a second ago.
    pub(super) fn text(&self) -> Bytes {
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_empty() || self.0.made.allows() {
            let registries = self.0.registries.lock().unwrap_or_else(PoisonError::into_inner);
            let registries = registries.clone();
            *last = metrics::text(&registries).into();
        }
        last.clone()
    }
}

impl Default for Exposition {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_scrapes_has_few_texts_made_and_a_scraper_always_a_new_one() {
        let (exposition, registry) = (Exposition::new(), Registry::new());
        let gauge = registry.gauge("jeton_made", "Texts.");
        registry.before_reading(move || gauge.inc());
        exposition.add([registry]);
        let made = || {
            let text = exposition.text();
            let text = std::str::from_utf8(&text).expect("UTF-8").to_owned();
            let value = text.lines().last().and_then(|line| line.split(' ').next_back());
            value.and_then(|value| value.parse::<u32>().ok()).expect("a number")
        };
        assert_eq!((made(), made()), (1, 2), "each is new");
        let flooded = (0..1_000_000).map(|_| made()).find(|now| *now > 15);
        assert_eq!(flooded, Some(16), "at once");
        let mut asked = 0;
        let mut before = made();
        // One is made a tenth of a second; a loop asks thousands of times meanwhile.
        while before < 22 {
            before = made();
            asked += 1;
        }
        assert!(asked > 100, "{asked} times asked for 22 texts");
    }
}
