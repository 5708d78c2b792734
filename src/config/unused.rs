//! Finds what clients have to authenticate by that is of no use with the other settings.

use std::collections::BTreeSet;

use super::{client::DeclaredClient, issuer::IssuerSettings, report::Report, warning::Warning};

/// Warns of what clients have to authenticate by that is of no use with these settings. `is_named` is
/// whether this server has an issuer of its own.
pub(super) fn warn_of_unused(
    report: &mut Report<'_>,
    clients: &[DeclaredClient],
    issuers: &[IssuerSettings],
    is_named: bool,
) {
    for DeclaredClient { id, patch, .. } in clients {
        let identities = patch.identities.iter().flatten();
        let listed: BTreeSet<_> = identities.map(|identity| &identity.issuer).collect();
        for name in listed {
            if !issuers.iter().any(|issuer| issuer.rules.name == *name) {
                report.warn(Warning::Issuer { id: id.clone(), issuer: name.clone() });
            }
        }
        if patch.keys.is_some() && !is_named {
            report.warn(Warning::NoAudience { id: id.clone() });
        }
    }
}
