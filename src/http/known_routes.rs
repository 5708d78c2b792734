//! Routes of proxies by the query that states each: a proxy states the same with every request.

use std::{borrow::Cow, sync::OnceLock};

use crate::bearer::{Requirement, Route};

/// Number of routes that are kept.
const KEPT: usize = 32;

/// The first routes that were stated, read once; all others are read each time.
#[derive(Default)]
pub(super) struct KnownRoutes([OnceLock<Known>; KEPT]);

struct Known {
    query: Box<str>,
    route: Route,
}

impl KnownRoutes {
    /// Returns the route that a query states: see [`Requirement::of_route`].
    pub(super) fn stated_by(&self, query: &str) -> Cow<'_, Route> {
        for place in &self.0 {
            let known = place.get_or_init(|| Known { query: query.into(), route: read(query) });
            if *known.query == *query {
                return Cow::Borrowed(&known.route);
            }
        }
        Cow::Owned(read(query))
    }
}

fn read(query: &str) -> Route {
    Requirement::of_route(form_urlencoded::parse(query.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_query_states_its_own_route_whether_it_is_kept_or_not() {
        let routes = KnownRoutes::default();
        for _ in 0..2 {
            for number in 0..2 * KEPT {
                let route = routes.stated_by(&format!("audience=service-{number}"));
                assert_eq!(matches!(route, Cow::Borrowed(_)), number < KEPT, "{number}");
                let audience = format!("service-{number}");
                assert_eq!(
                    route.as_ref().as_ref().ok().and_then(Requirement::audience),
                    Some(&*audience)
                );
            }
        }
    }
}
