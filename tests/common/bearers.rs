//! Requests that every wire must decide as the one table does.

use jeton::bearer::Requirement;

/// What a place requires, and the values of `Authorization` that it is shown.
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
    for audience in ["billing", "payroll", "a\"b"] {
        for scopes in [&[][..], &["read"], &["read", "erase"]] {
            for optional in [false, true] {
                let requirement = Requirement::new(Some(audience.to_owned()));
                let requirement = requirement.with_scopes(scopes.iter().copied());
                let requirement = requirement.optional(optional);
                cases.extend(shown.iter().map(|authorizations| Case {
                    requirement: requirement.clone(),
                    authorizations: authorizations.clone(),
                }));
            }
        }
    }
    cases
}
