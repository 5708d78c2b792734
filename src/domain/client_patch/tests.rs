//! Tests of changes to a client.

use std::num::NonZeroU32;

use sha2::{Digest as _, Sha256};

use super::*;
use crate::domain::{
    client_secret::{ClientSecret, SecretHash, StoredSecret},
    secret::Secret,
};

struct Fixed(u8);

impl Entropy for Fixed {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(self.0);
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn client(client_type: ClientType) -> Client {
    let id = ClientId::parse("orders").expect("a client id");
    Client::new(id, client_type, &Fixed(1), Timestamp::from_millis(1))
}

fn edited(client: &Client, patch: &ClientPatch) -> Result<Client, Error> {
    client.edited(patch, JwtLife::default(), &Fixed(2), Timestamp::from_millis(2))
}

fn patch() -> ClientPatch {
    ClientPatch::default()
}

fn reach(reach: IntrospectReach) -> ClientPatch {
    ClientPatch { introspect: Some(reach), ..patch() }
}

fn refused_field(client: &Client, patch: &ClientPatch) -> &'static str {
    match edited(client, patch) {
        Err(Error::InvalidRequest { field, .. }) => field,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_not_named_stays() {
    let before = client(ClientType::Confidential);
    let audience = Audience::from_names(["billing"]).expect("an audience");
    let patch = ClientPatch { audience: Some(audience.clone()), ..patch() };
    let after = edited(&before, &patch).expect("edited");
    let update_time = Timestamp::from_millis(2);
    assert_eq!(after, Client { audience, update_time, ..before });
}

#[test]
fn no_difference_is_no_change() {
    let before = client(ClientType::Public);
    let access_token_ttl = Some(before.lifetimes.access);
    let same = ClientPatch { access_token_ttl, ..ClientPatch::disabled(false) };
    assert_eq!(edited(&before, &same), Ok(before));
}

#[test]
fn disabling_moves_the_epoch_and_enabling_does_not_bring_the_old_one_back() {
    let before = client(ClientType::Confidential);
    let disabled = edited(&before, &ClientPatch::disabled(true)).expect("edited");
    assert_ne!(disabled.epoch, before.epoch);
    let again = disabled.edited(
        &ClientPatch::disabled(true),
        JwtLife::default(),
        &Fixed(3),
        before.create_time,
    );
    assert_eq!(again, Ok(disabled.clone()));
    let enabled = disabled
        .edited(&ClientPatch::disabled(false), JwtLife::default(), &Fixed(1), before.create_time)
        .expect("edited");
    assert_eq!(enabled.epoch, disabled.epoch);
}

#[test]
fn fields_that_do_not_fit_together_are_refused() {
    let before = client(ClientType::Confidential);
    let scopes = Scopes::parse("read").expect("scopes");
    let ttls = |access_token_ttl, refresh_token_ttl, grant_ttl| ClientPatch {
        access_token_ttl,
        refresh_token_ttl,
        grant_ttl,
        ..patch()
    };
    let short = Some(Duration::from_millis(999));
    for (patch, field) in [
        (ClientPatch { default_scopes: Some(scopes), ..patch() }, "client.scopes"),
        (ttls(Some(91 * DAY), None, None), "client.access_token_ttl"),
        (ttls(None, None, Some(Duration::from_secs(60))), "client.access_token_ttl"),
        (ttls(None, short, None), "client.refresh_token_ttl"),
        (ttls(None, None, Some(Duration::ZERO)), "client.grant_ttl"),
    ] {
        assert_eq!(refused_field(&before, &patch), field);
    }
    let together = ttls(Some(91 * DAY), None, Some(92 * DAY));
    assert!(edited(&before, &together).is_ok(), "judged as a whole");
}

#[test]
fn a_public_client_gets_nothing_that_needs_a_secret() {
    let own: GrantTypes = [GrantType::ClientCredentials].into_iter().collect();
    let certificate = CertificateIdentity::parse("dns:a.example").expect("an identity");
    let admin = Permissions { admin: true, ..Permissions::default() };
    let jeton = Audience::from_names(["billing", "jeton"]).expect("an audience");
    for (patch, field) in [
        (ClientPatch { grant_types: Some(own), ..patch() }, "client.grant_types"),
        (ClientPatch { certificates: Some(vec![certificate]), ..patch() }, "client.certificates"),
        (ClientPatch { permissions: Some(admin), ..patch() }, "client.permissions"),
        (reach(IntrospectReach::Audience), "client.introspect"),
        (reach(IntrospectReach::Any), "client.introspect"),
        (ClientPatch { audience: Some(jeton), ..patch() }, "client.audience"),
    ] {
        assert_eq!(refused_field(&client(ClientType::Public), &patch), field);
        assert!(edited(&client(ClientType::Confidential), &patch).is_ok());
    }
}

#[test]
fn secrets_are_taken_away_where_there_is_another_way() {
    let mut before = client(ClientType::Confidential);
    let stored = StoredSecret::Generated(SecretHash::of(&Secret::new("jcs_any")));
    let (create_time, expire_time) = (before.create_time, None);
    before.secrets.push(ClientSecret { stored, create_time, expire_time, made_by: None });
    let removal = ClientPatch { removes_secrets: true, ..patch() };
    assert_eq!(refused_field(&before, &removal), "client");
    let certificate = CertificateIdentity::parse("dns:a.example").expect("an identity");
    before.certificates.push(certificate);
    let after = edited(&before, &removal).expect("edited");
    assert!(after.secrets.is_empty() && after.epoch == before.epoch, "its grants live on");
}

#[test]
fn a_client_that_breaks_a_rule_can_be_disabled_and_not_enabled_again() {
    let mut broken = client(ClientType::Confidential);
    broken.lifetimes.grant = Duration::from_secs(60);
    let disable = ClientPatch::disabled(true);
    let disabled = edited(&broken, &disable).expect("disabled");
    assert!(disabled.disabled && disabled.epoch != broken.epoch);
    let access_token_ttl = Some(broken.lifetimes.access);
    let all = ClientPatch { access_token_ttl, ..ClientPatch::disabled(true) };
    assert_eq!(edited(&broken, &all), Ok(disabled.clone()), "all fields written back");
    let enable = ClientPatch::disabled(false);
    assert_eq!(refused_field(&disabled, &enable), "client.access_token_ttl");
    let grant_ttl = Some(Duration::ZERO);
    let worse = ClientPatch { grant_ttl, ..ClientPatch::disabled(true) };
    assert_eq!(refused_field(&broken, &worse), "client.grant_ttl");
}

#[test]
fn a_public_client_that_was_once_let_have_them_can_be_disabled_and_gets_no_more() {
    let audience = Audience::from_names(["jeton"]).expect("an audience");
    let introspect = IntrospectReach::Audience;
    let before = Client { audience, introspect, ..client(ClientType::Public) };
    let disabled = edited(&before, &ClientPatch::disabled(true)).expect("disabled");
    assert!(disabled.disabled && !disabled.may_call_by_token());
    let wider = reach(IntrospectReach::Any);
    assert_eq!(refused_field(&before, &wider), "client.introspect");
}

/// The bytes stay: with others a restart would undo what an administrator changed.
#[test]
fn what_was_declared_is_kept_under_the_keys_of_the_file_and_applied_once() {
    let one = NonZeroU32::MIN;
    let limit = RequestLimit { per_second: one, burst: one };
    let declared = ClientPatch {
        max_grants: Some(3),
        when_full: Some(WhenFull::Refuse),
        request_limit: Some(Some(limit)),
        ..ClientPatch::disabled(true)
    };
    let mut after = client(ClientType::Confidential);
    after.apply_declared(declared.clone());
    assert!(after.disabled && after.request_limit == Some(limit));
    let kept = |field: &str, bytes: &[u8]| *after.declared[field] == *Sha256::digest(bytes);
    assert!(kept("max_grants", &[3]) && kept("when_full", &[1]) && kept("disabled", &[1]));
    assert!(kept("request_limit", &[1, 1]) && after.declared.len() == 4);

    let changed = edited(&after, &ClientPatch::disabled(false)).expect("edited");
    let mut again = changed.clone();
    again.apply_declared(declared);
    assert_eq!(again, changed);
}
