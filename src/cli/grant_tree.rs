//! `jeton grant tree`: whose grants there are, with which client, and how far each has been refreshed.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    CliError,
    output::{Fields, Format, print_value},
    table, time,
    tree::Node,
    words::Word as _,
};
use crate::proto::v1;

/// The branch that grants hang below first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trunk {
    /// The user, or the client of its own tokens.
    Subject,
    /// The client.
    Client,
}

type Branches = BTreeMap<String, BTreeMap<String, Vec<v1::Grant>>>;

/// Prints grants as a tree: below the trunk the other party, below that its grants, and below each of these
/// the generation of its refresh token.
pub(super) fn print(
    grants: Vec<v1::Grant>,
    trunk: Trunk,
    format: Format,
    fields: fn(v1::Grant) -> Fields,
) -> Result<(), CliError> {
    let mut branches = Branches::new();
    for grant in grants {
        let (subject, client) = (grant.subject.clone(), grant.client_id.clone());
        let (first, second) = match trunk {
            Trunk::Subject => (subject, client),
            Trunk::Client => (client, subject),
        };
        branches.entry(first).or_default().entry(second).or_default().push(grant);
    }
    let value = json!({ trunk.plural(): values(&branches, trunk, fields) });
    print_value(value, format, || {
        let trees = branches.iter().map(|(first, others)| tree(trunk, first, others).lines());
        let trees: String = trees.collect();
        if trees.is_empty() { "no grants\n".to_owned() } else { trees }
    })
}

impl Trunk {
    const fn other(self) -> Self {
        match self {
            Self::Subject => Self::Client,
            Self::Client => Self::Subject,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Client => "client_id",
        }
    }

    const fn plural(self) -> &'static str {
        match self {
            Self::Subject => "subjects",
            Self::Client => "clients",
        }
    }
}

fn tree(trunk: Trunk, first: &str, others: &BTreeMap<String, Vec<v1::Grant>>) -> Node {
    let below = others.iter().map(|(second, grants)| {
        let count = grants.len();
        let grants_ = if count == 1 { "grant" } else { "grants" };
        let text = format!("{} {second}, {count} {grants_}", trunk.other().name());
        Node { text, below: grants.iter().map(grant_node).collect() }
    });
    Node { text: format!("{} {first}", trunk.name()), below: below.collect() }
}

fn grant_node(grant: &v1::Grant) -> Node {
    let mut text = grant.grant_id.clone();
    text += if grant.active { " active" } else { " inactive" };
    if let Some(reason) = v1::InactiveReason::word(grant.inactive_reason) {
        text = format!("{text} ({reason})");
    }
    if let Some(issued) = aged(grant.issue_time) {
        text = format!("{text}, issued {issued}");
    }
    if let Some(expires) = aged(grant.expire_time) {
        text = format!("{text}, expires {expires}");
    }
    // What a grant gives rise to hangs below it.
    let mut generation = format!("generation {}", grant.generation);
    if let Some(refreshed) = aged(grant.refresh_time) {
        generation = format!("{generation}, refreshed {refreshed}");
    }
    if let Some(used) = aged(grant.last_used_time) {
        generation = format!("{generation}, used {used}");
    }
    Node { text, below: vec![Node::leaf(generation)] }
}

fn aged(moment: Option<prost_types::Timestamp>) -> Option<String> {
    table::age_in_words(&time::moment(moment)?)
}

/// For programs.
fn values(branches: &Branches, trunk: Trunk, fields: fn(v1::Grant) -> Fields) -> Value {
    let branches = branches.iter().map(|(first, others)| {
        let others = others.iter().map(|(second, grants)| {
            let grants = grants.iter().cloned().map(|one| Value::from(fields(one)));
            named(trunk.other(), second, "grants", grants.collect())
        });
        named(trunk, first, trunk.other().plural(), others.collect())
    });
    branches.collect()
}

fn named(party: Trunk, name: &str, below: &str, values: Value) -> Value {
    let entries = [(party.name().to_owned(), json!(name)), (below.to_owned(), values)];
    Value::Object(entries.into_iter().collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(subject: &str, client_id: &str, generation: u32, active: bool) -> v1::Grant {
        v1::Grant {
            grant_id: format!("{subject}-{client_id}-{generation}"),
            subject: subject.to_owned(),
            client_id: client_id.to_owned(),
            generation,
            active,
            ..v1::Grant::default()
        }
    }

    #[test]
    fn grants_hang_below_their_parties_with_their_generations_below_them() {
        let others = BTreeMap::from([
            ("app".to_owned(), vec![grant("u", "app", 3, true), grant("u", "app", 0, false)]),
            ("web".to_owned(), vec![grant("u", "web", 1, true)]),
        ]);
        let expected = "subject u\n\
                        ├─ client_id app, 2 grants\n\
                        │  ├─ u-app-3 active\n\
                        │  │  └─ generation 3\n\
                        │  └─ u-app-0 inactive\n\
                        │     └─ generation 0\n\
                        └─ client_id web, 1 grant\n\
                        \u{20}  └─ u-web-1 active\n\
                        \u{20}     └─ generation 1\n";
        assert_eq!(tree(Trunk::Subject, "u", &others).lines(), expected);
        let branches = BTreeMap::from([("u".to_owned(), others)]);
        let fields = |grant: v1::Grant| {
            let mut fields = Fields::default();
            fields.add("generation", grant.generation);
            fields
        };
        let value = values(&branches, Trunk::Subject, fields);
        assert_eq!(value[0]["clients"][1]["grants"][0]["generation"], json!(1));
    }
}
