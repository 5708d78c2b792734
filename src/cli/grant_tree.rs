//! `jeton grant tree`: whose grants there are, with which client, and how far each has been refreshed.

use std::collections::{BTreeMap, BTreeSet};

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

/// Grants that came of others by token exchange, by the id of their parent.
type Children = BTreeMap<String, Vec<v1::Grant>>;

type Branches = BTreeMap<String, BTreeMap<String, Vec<v1::Grant>>>;

/// Prints grants as a tree: below the trunk the other party, below that its grants, and below each of these
/// the generation of its refresh token and the grants that came of it by token exchange.
pub(super) fn print(
    grants: Vec<v1::Grant>,
    trunk: Trunk,
    format: Format,
    fields: fn(v1::Grant) -> Fields,
) -> Result<(), CliError> {
    let ids: BTreeSet<String> = grants.iter().map(|grant| grant.grant_id.clone()).collect();
    let (mut branches, mut children) = (Branches::new(), Children::new());
    for grant in grants {
        // One whose parent is not listed, another client's, hangs where that would.
        let parent = grant.ancestors.first().map(|parent| &parent.grant_id);
        if let Some(parent) = parent.filter(|parent| ids.contains(*parent)).cloned() {
            children.entry(parent).or_default().push(grant);
            continue;
        }
        let (subject, client) = (grant.subject.clone(), grant.client_id.clone());
        let (first, second) = match trunk {
            Trunk::Subject => (subject, client),
            Trunk::Client => (client, subject),
        };
        branches.entry(first).or_default().entry(second).or_default().push(grant);
    }
    let value = json!({ trunk.plural(): values(&branches, &children, trunk, fields) });
    print_value(value, format, || {
        let trees = branches.iter().map(|(first, others)| tree(trunk, first, others, &children));
        let trees: String = trees.map(|tree| tree.lines()).collect();
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

fn tree(
    trunk: Trunk,
    first: &str,
    others: &BTreeMap<String, Vec<v1::Grant>>,
    children: &Children,
) -> Node {
    let below = others.iter().map(|(second, grants)| {
        let count = grants.len();
        let grants_ = if count == 1 { "grant" } else { "grants" };
        let text = format!("{} {second}, {count} {grants_}", trunk.other().name());
        let below = grants.iter().map(|grant| grant_node(grant, children));
        Node { text, below: below.collect() }
    });
    Node { text: format!("{} {first}", trunk.name()), below: below.collect() }
}

fn grant_node(grant: &v1::Grant, children: &Children) -> Node {
    let mut text = grant.grant_id.clone();
    if let Some(actor) = grant.actors.first() {
        text = format!("{text} exchanged by {actor}");
    }
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
    // The grants that come of a grant hang below it.
    let mut generation = format!("generation {}", grant.generation);
    if let Some(refreshed) = aged(grant.refresh_time) {
        generation = format!("{generation}, refreshed {refreshed}");
    }
    if let Some(used) = aged(grant.last_used_time) {
        generation = format!("{generation}, used {used}");
    }
    let exchanged = children.get(&grant.grant_id).into_iter().flatten();
    let exchanged = exchanged.map(|child| grant_node(child, children));
    Node { text, below: [Node::leaf(generation)].into_iter().chain(exchanged).collect() }
}

fn aged(moment: Option<prost_types::Timestamp>) -> Option<String> {
    table::age_in_words(&time::moment(moment)?)
}

/// For programs.
fn values(
    branches: &Branches,
    children: &Children,
    trunk: Trunk,
    fields: fn(v1::Grant) -> Fields,
) -> Value {
    let branches = branches.iter().map(|(first, others)| {
        let others = others.iter().map(|(second, grants)| {
            let grants = grants.iter().map(|grant| value(grant, children, fields));
            named(trunk.other(), second, "grants", grants.collect())
        });
        named(trunk, first, trunk.other().plural(), others.collect())
    });
    branches.collect()
}

fn value(grant: &v1::Grant, children: &Children, fields: fn(v1::Grant) -> Fields) -> Value {
    let mut shown = Value::from(fields(grant.clone()));
    if let Some(exchanged) = children.get(&grant.grant_id) {
        let exchanged = exchanged.iter().map(|child| value(child, children, fields));
        shown["exchanged"] = exchanged.collect();
    }
    shown
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
                        \u{20}     ├─ generation 1\n\
                        \u{20}     └─ u-orders-0 exchanged by orders active\n\
                        \u{20}        └─ generation 0\n";
        let mut child = grant("u", "orders", 0, true);
        child.actors = vec!["orders".to_owned()];
        let children = Children::from([("u-web-1".to_owned(), vec![child])]);
        assert_eq!(tree(Trunk::Subject, "u", &others, &children).lines(), expected);
        let branches = BTreeMap::from([("u".to_owned(), others)]);
        let fields = |grant: v1::Grant| {
            let mut fields = Fields::default();
            fields.add("generation", grant.generation);
            fields
        };
        let value = values(&branches, &children, Trunk::Subject, fields);
        assert_eq!(value[0]["clients"][1]["grants"][0]["generation"], json!(1));
        let web = &value[0]["clients"][1]["grants"][0];
        assert_eq!(web["exchanged"][0]["generation"], json!(0));
    }
}
