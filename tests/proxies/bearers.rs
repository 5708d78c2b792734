//! Requests that every wire must decide as the one table does.

use std::{collections::HashMap, sync::Arc};

use jeton::bearer::{Bearer, Claims, Denial, Introspector, NotGood, Requirement, check};

/// Requirements of a place, and the values of `Authorization` that it is shown.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) requirement: Requirement,
    pub(crate) authorizations: Vec<String>,
}

/// Every requirement with every way to show the tokens: `good` has the audience `billing` and the scope
/// `read`, `bad` is none.
pub(crate) fn cases(good: &str, bad: &str) -> Vec<Case> {
    let shown = [
        vec![],
        vec![String::new()],
        vec!["Basic YTpi".to_owned()],
        vec!["Bearer".to_owned()],
        vec!["Bearer ".to_owned()],
        vec![format!("Bearer {good}")],
        vec![format!("bEARER   {good}  ")],
        vec![format!("Bearer{good}")],
        vec![format!("Bearer {bad}")],
        vec!["Bearer jat_garbage".to_owned()],
        vec!["Bearer eyJhbGciOiJub25lIn0.e30.".to_owned()],
        vec![format!("Bearer {good}x")],
        vec![format!("Bearer {good} {bad}")],
        vec![format!("Bearer {good},{bad}")],
        vec![format!("Bearer {bad},Bearer {good}")],
        vec![format!("Basic YTpi,Bearer {good}")],
        vec![format!("Bearer {good}"), format!("Bearer {good}")],
        vec!["Basic YTpi".to_owned(), format!("Bearer {good}")],
    ];
    let mut cases = Vec::new();
    for (audience, scopes) in [
        ("billing", &[][..]),
        ("billing", &["read"]),
        ("billing", &["read", "erase"]),
        ("payroll", &["erase"]),
        ("a\"b", &[]),
    ] {
        for optional in [false, true] {
            let requirement = Requirement::new(Some(audience.to_owned()));
            let requirement = requirement.with_scopes(scopes.iter().copied()).optional(optional);
            cases.extend(shown.iter().map(|authorizations| Case {
                requirement: requirement.clone(),
                authorizations: authorizations.clone(),
            }));
        }
    }
    cases
}

/// The table itself, without a wire: it knows one token, of the client `shop` for itself.
pub(crate) struct Table {
    pub(crate) good: String,
    pub(crate) scope: &'static str,
}

impl Table {
    /// Returns the decision.
    pub(crate) async fn decide(
        &self,
        requirement: &Requirement,
        authorizations: &[String],
    ) -> Result<Bearer, Denial> {
        check(self, requirement, authorizations.iter().map(String::as_bytes), || None).await
    }
}

impl Introspector for Table {
    async fn claims(&self, token: &str) -> Result<Arc<Claims>, NotGood> {
        let claims = Claims {
            client_id: "shop".to_owned(),
            subject: "shop".to_owned(),
            username: None,
            scopes: vec![self.scope.to_owned()],
            audience: vec!["billing".to_owned()],
            issue_time: None,
            expire_time: None,
            grant_id: "grant".to_owned(),
            attributes: HashMap::new(),
            actors: Vec::new(),
            ancestors: Vec::new(),
            confirmation: None,
        };
        if token == self.good { Ok(Arc::new(claims)) } else { Err(NotGood::Inactive) }
    }
}
