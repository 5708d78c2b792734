//! `[issuer.users]`: people who log in with ID tokens of an issuer.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    choice,
    duration::{self, DAY},
    fields::{Fields, Placed},
};
use crate::domain::{
    attributes::Attributes,
    client_id::ClientId,
    invalid::Invalid,
    permission::{Permission, Permissions},
    person::{PermissionRule, PersonAudience, PersonRules},
};

/// Longest name or value of a claim, and longest audience, in bytes.
const MAX_BYTES: usize = 255;
const NAME_CLAIM: &str = "preferred_username";
/// A working day.
const PERMISSION_TTL: Duration = Duration::from_secs(12 * 60 * 60);

/// Reads the table, if it is there. `here` is this server's own issuer, which client assertions are for.
pub(super) fn read(fields: &mut Fields<'_, '_>, here: Option<&str>) -> Option<PersonRules> {
    fields.place("users")?;
    fields.section("users", |fields| rules(fields, here))
}

fn rules(fields: &mut Fields<'_, '_>, here: Option<&str>) -> Option<PersonRules> {
    let is_given = fields.place("audiences").is_some();
    let audiences = fields.records("audiences", |fields| audience(fields, here));
    if !is_given {
        fields.fault_of_all("needs audiences: the applications whose ID tokens log people in");
    }
    let create = fields.flag("create").unwrap_or(false);
    let name_claim = fields.text("name_claim", "a string", text);
    if let Some(name_claim) = name_claim.as_ref().filter(|_| !create) {
        fields.fault(name_claim.at, "name_claim", "is for create = true: it names new users");
    }
    let attributes = fields.entries("attributes", mapping);
    let rules = fields.records("permissions", permission_rule);
    let ttl = fields.text("permission_ttl", duration::FORM, permission_ttl);
    let may_be_empty = fields.place("permissions").is_some();
    if let Some(ttl) = ttl.as_ref().filter(|_| !may_be_empty) {
        fields.fault(ttl.at, "permission_ttl", "is for permissions");
    }
    (!audiences.is_empty()).then(|| PersonRules {
        audiences,
        create,
        name_claim: name_claim.map_or_else(|| NAME_CLAIM.into(), Placed::value),
        attributes: attributes.map(Placed::value).unwrap_or_default(),
        permissions: rules,
        permission_ttl: ttl.map_or(PERMISSION_TTL, Placed::value),
    })
}

fn audience(fields: &mut Fields<'_, '_>, here: Option<&str>) -> Option<PersonAudience> {
    let id = fields.required("id", "a string", |id| {
        // A workload's token for this server must never be a person's.
        if here == Some(id) {
            return Err(Invalid("must not be http.issuer, which is for client assertions"));
        }
        text(id)
    });
    let is_given = fields.place("clients").is_some();
    let clients = fields.texts("clients", |ids| {
        let ids = ids.iter().map(|id| ClientId::parse(id));
        let ids: BTreeSet<_> = ids.collect::<Result<_, _>>()?;
        if ids.is_empty() { Err(Invalid("must name a client or more")) } else { Ok(ids) }
    });
    if !is_given {
        fields.fault_of_all("needs clients, which are this application");
    }
    Some(PersonAudience { id: id?.value, clients: clients?.value })
}

fn permission_rule(fields: &mut Fields<'_, '_>) -> Option<PermissionRule> {
    let claim = fields.required("claim", "a string", text);
    let value = fields.required("value", "a string", text);
    let is_given = fields.place("allow").is_some();
    let allow = fields.texts("allow", allowed);
    if !is_given {
        fields.fault_of_all("needs allow, the permissions");
    }
    Some(PermissionRule { claim: claim?.value, value: value?.value, allow: allow?.value })
}

fn allowed(names: &[&str]) -> Result<Permissions, Invalid> {
    let allowed = choice::permissions(names)?;
    if allowed == Permissions::default() || allowed.holds(Permission::InactiveReason) {
        return Err(Invalid(
            r#"each must be "admin", "backup", "status", "audit.read" or "users""#,
        ));
    }
    Ok(allowed)
}

fn mapping(entries: &[(&str, &str)]) -> Result<BTreeMap<Box<str>, Box<str>>, Invalid> {
    // Names have the limits of attributes.
    Attributes::from_entries(entries.iter().map(|(name, _)| (*name, "")))?;
    entries.iter().map(|(name, claim)| Ok(((*name).into(), text(claim)?))).collect()
}

fn text(text: &str) -> Result<Box<str>, Invalid> {
    if text.is_empty() || text.len() > MAX_BYTES || text.contains(char::is_control) {
        return Err(Invalid("must be 1 to 255 bytes of text"));
    }
    Ok(text.into())
}

fn permission_ttl(text: &str) -> Result<Duration, Invalid> {
    let duration = duration::lifetime(text)?;
    if duration > 7 * DAY { Err(Invalid("must be at most 7d")) } else { Ok(duration) }
}
