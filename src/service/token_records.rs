//! The records that a token is judged by: its grant, the grants that this one came of, their clients, the user.

use crate::{
    domain::{
        client::Client,
        delegation::Ancestor,
        grant::Grant,
        liveness::{AncestorRecords, ClientAndUser, Lineage},
        time::Timestamp,
        user::User,
    },
    store::{Premise, Stored},
};

/// The records that a token is judged by, as they are now.
#[derive(Clone, Debug)]
pub(super) struct TokenRecords {
    pub(super) grant: Stored<Grant>,
    pub(super) client: Option<Stored<Client>>,
    pub(super) user: Option<Stored<User>>,
    /// Those of the grants that it came of, in their order.
    pub(super) ancestors: Vec<StoredAncestor>,
}

/// A grant that another one came of, and its client.
#[derive(Clone, Debug)]
pub(super) struct StoredAncestor {
    pub(super) grant: Option<Stored<Grant>>,
    pub(super) client: Option<Stored<Client>>,
}

impl TokenRecords {
    /// Returns the parties of the grant, and the judgement of the grants that it came of.
    pub(super) fn parties(&self, now: Timestamp) -> ClientAndUser<'_> {
        let (client, user) = (self.client.as_deref(), self.user.as_deref());
        let ancestors = self.ancestors.iter().map(|ancestor| AncestorRecords {
            grant: ancestor.grant.as_deref(),
            client: ancestor.client.as_deref(),
        });
        ClientAndUser { client, user, lineage: Lineage::judge(&self.grant, ancestors, user, now) }
    }

    /// Returns the records beside the grant, for the write that proves a decision on them.
    pub(super) fn premises(&self) -> Vec<Premise> {
        let client = self.client.iter().map(Premise::from);
        let user = self.user.iter().map(Premise::from);
        let ancestors = self.ancestors.iter().flat_map(|ancestor| {
            let grant = ancestor.grant.iter().map(Premise::from);
            grant.chain(ancestor.client.iter().map(Premise::from))
        });
        client.chain(user).chain(ancestors).collect()
    }
}

/// Returns the grants that `grant` came of.
pub(super) fn ancestors(grant: &Grant) -> &[Ancestor] {
    grant.delegation.as_ref().map_or(&[], |delegation| &delegation.ancestors)
}
