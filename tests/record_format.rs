//! Later releases must read the records of this one: the bytes of each record are pinned.

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use jeton::domain::{
    access_format::{AccessTokenFormat, JwtAttributes},
    attempts::{Attempts, AttemptsId, AttemptsOf, UnderWay},
    attributes::Attributes,
    audience::Audience,
    certificate::CertificateIdentity,
    client::{Client, ClientType, GrantLimit, IntrospectReach, Lifetimes, Permissions},
    client_id::ClientId,
    client_identity::ClientIdentity,
    client_key::ClientKey,
    client_secret::{ClientSecret, SecretHash, StoredSecret},
    confirmation::{BoundTo, Confirmation},
    delegation::{Ancestor, Delegates, Delegation},
    entropy::Entropy,
    epoch::Epoch,
    grant::{Bindings, EndCause, Grant, Origin},
    grant_id::GrantId,
    grant_type::{GrantType, GrantTypes},
    issue::{IssueRequest, issue},
    key_ring::{KeyRing, Salt, ServerKey},
    liveness::{ClientAndUser, Lineage},
    permission::Permission,
    policy::RotationPolicy,
    record::Corrupt,
    refresh::{Refresh, RefreshRequest, refresh},
    request_limit::RequestLimit,
    rotation_mark::RotationMark,
    scopes::Scopes,
    signing_key_id::SigningKeyId,
    subject::{Subject, UserId},
    time::Timestamp,
    used_assertion::{AssertionId, UsedAssertion},
    user::{PasswordHash, User},
    user_identity::UserIdentity,
    user_name::UserName,
    vouched::Vouched,
};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

const ONE: NonZeroU32 = NonZeroU32::MIN;

struct Repeated(u8);

impl Entropy for Repeated {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(self.0);
    }
}

fn client() -> Client {
    Client {
        id: ClientId::parse("orders").expect("a client id"),
        client_type: ClientType::Confidential,
        secrets: vec![ClientSecret {
            stored: StoredSecret::Generated(SecretHash::parse_hex(&"ab".repeat(32)).expect("hex")),
            create_time: NOW,
            expire_time: Some(NOW.after(Duration::from_secs(60))),
            made_by: None,
        }],
        grant_types: [GrantType::Password, GrantType::ClientCredentials, GrantType::RefreshToken]
            .into_iter()
            .collect(),
        default_scopes: Scopes::parse("read write").expect("scopes"),
        allowed_scopes: Scopes::parse("read write audit").expect("scopes"),
        audience: Audience::from_names(["billing"]).expect("an audience"),
        lifetimes: Lifetimes::default(),
        grant_limit: GrantLimit::default(),
        request_limit: Some(RequestLimit { per_second: ONE, burst: ONE }),
        certificates: vec![CertificateIdentity::parse("dns:a.example").expect("an identity")],
        identities: Vec::new(),
        keys: Vec::new(),
        access_token_format: AccessTokenFormat::Opaque,
        jwt_attributes: JwtAttributes::default(),
        may_exchange_to: Audience::default(),
        may_act: Audience::default(),
        bound_to: None,
        introspect: IntrospectReach::Any,
        permissions: Permissions { admin: true, ..Permissions::default() },
        attributes: Attributes::from_entries([("team", "payments")]).expect("attributes"),
        create_time: NOW,
        update_time: NOW,
        epoch: Epoch::generate(&Repeated(3)),
        disabled: false,
        declared: BTreeMap::from([("scopes".into(), [1, 2, 3].as_slice().into())]),
    }
}

fn user() -> User {
    User {
        id: UserId::generate(&Repeated(4)),
        name: UserName::parse("Alice").expect("a name"),
        password: PasswordHash("$argon2id$".into()),
        identities: Vec::new(),
        vouched: None,
        attributes: Attributes::from_entries([("email", "a@example.com")]).expect("attributes"),
        create_time: NOW,
        update_time: NOW,
        epoch: Epoch::generate(&Repeated(5)),
        disabled: true,
        declared: BTreeMap::new(),
    }
}

/// A grant with every optional part: rotated once with narrowed scopes, then ended.
fn grant() -> Grant {
    let (client, keys) = (client(), KeyRing::new(ServerKey::new(&[7; 32]), []));
    let alive = User { disabled: false, ..user() };
    let request = IssueRequest {
        grant_type: GrantType::Password,
        subject: Subject::User { id: alive.id, epoch: alive.epoch },
        scopes: Scopes::default(),
        audience: Audience::default(),
        access_ttl: Some(Duration::from_secs(300)),
        request_id: Some("request-1".into()),
        signed_by: None,
        exchanged: None,
        confirmation: None,
        origin: Origin { peer: Some("10.0.0.1".into()), user_agent: Some("test/1".into()) },
    };
    let id = GrantId::generate(NOW, &Repeated(6));
    let issued = issue(id, &request, &client, keys.active(), &Repeated(8), NOW);
    let token = issued.pair.refresh.expect("a refresh token");
    let scopes = Scopes::parse("read").expect("scopes");
    let salt = Salt::from_bytes([9; 16]);
    let request = RefreshRequest {
        token: &token,
        scopes: &scopes,
        audience: &Audience::default(),
        client: &client,
        certificate: None,
        salt,
        since_rotation: Duration::ZERO,
        signed_by: None,
    };
    let parties =
        ClientAndUser { client: Some(&client), user: Some(&alive), lineage: Lineage::Alive };
    let later = NOW.after(Duration::from_secs(10));
    let policy = RotationPolicy::default();
    let decision = refresh(&issued.grant, request, parties, &keys, &policy, later);
    let Refresh::Rotate { grant, .. } = decision else { panic!("{decision:?}") };
    Grant { last_used: Some(later), ..grant.ended(EndCause::Replayed, later) }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[test]
fn a_grants_bytes_are_those_of_format_1() {
    let bytes = grant().to_bytes();
    assert_eq!(hex(&bytes), include_str!("record_format/grant.hex").trim());
    assert_eq!(Grant::from_bytes(grant().id, &bytes), Ok(grant()));
}

/// Of few grants, so that an older release reads all others.
#[test]
fn a_grant_whose_request_was_repeated_has_format_2_which_is_format_1_and_a_hash() {
    let plain = grant();
    let root = plain
        .previous
        .as_ref()
        .and_then(|root| root.refresh.as_ref())
        .map(|slot| Box::new(slot.hash));
    let repeated = Grant { repeated_root: root, ..plain.clone() };
    let bytes = repeated.to_bytes();
    assert_eq!(bytes[0], 2);
    assert_eq!(bytes[1..plain.to_bytes().len()], plain.to_bytes()[1..]);
    assert_eq!(bytes.len(), plain.to_bytes().len() + 32);
    assert_eq!(Grant::from_bytes(plain.id, &bytes), Ok(repeated));
    for length in 0..bytes.len() {
        assert_eq!(Grant::from_bytes(plain.id, &bytes[..length]), Err(Corrupt), "{length} bytes");
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(Grant::from_bytes(plain.id, &longer), Err(Corrupt));
}

/// Of grants with signed access tokens only, so that an older release reads all others.
#[test]
fn a_grant_whose_access_token_is_signed_has_format_6_which_is_format_1_and_a_key() {
    let plain = grant();
    let root = plain
        .previous
        .as_ref()
        .and_then(|root| root.refresh.as_ref())
        .map(|slot| Box::new(slot.hash));
    let key = SigningKeyId::parse("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs").map(Box::new);
    assert!(key.is_some());
    for (repeated_root, length) in [(None, 1 + 32), (root, 1 + 32 + 32)] {
        let signed = Grant { signed_by: key.clone(), repeated_root, ..plain.clone() };
        let bytes = signed.to_bytes();
        assert_eq!(bytes[0], 6);
        assert_eq!(bytes[1..plain.to_bytes().len()], plain.to_bytes()[1..]);
        assert_eq!(bytes.len(), plain.to_bytes().len() + length);
        assert_eq!(Grant::from_bytes(plain.id, &bytes), Ok(signed));
        for length in 0..bytes.len() {
            assert_eq!(Grant::from_bytes(plain.id, &bytes[..length]), Err(Corrupt), "{length}");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(Grant::from_bytes(plain.id, &longer), Err(Corrupt));
    }
}

/// Of clients with signed access tokens only, so that an older release reads all others.
#[test]
fn a_client_with_signed_access_tokens_has_format_6_which_ends_with_their_form() {
    let plain = client();
    let names = JwtAttributes::from_names(["team"]).expect("names");
    for jwt_attributes in [JwtAttributes::default(), names] {
        let access_token_format = AccessTokenFormat::Jwt;
        let signed = Client { access_token_format, jwt_attributes, ..plain.clone() };
        let bytes = signed.to_bytes();
        assert_eq!(bytes[0], 6);
        assert_eq!(bytes[1..plain.to_bytes().len()], plain.to_bytes()[1..]);
        assert_eq!(Client::from_bytes(plain.id.clone(), &bytes), Ok(signed));
        for length in 0..bytes.len() {
            let cut = Client::from_bytes(plain.id.clone(), &bytes[..length]);
            assert_eq!(cut, Err(Corrupt), "{length} bytes");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(Client::from_bytes(plain.id.clone(), &longer), Err(Corrupt));
    }
}

/// Of grants that came of others or that others came of only, so that an older release reads all others.
#[test]
fn a_grant_of_a_token_exchange_has_format_7_which_is_format_6_and_its_kin() {
    let plain = grant();
    let (shop, orders) = (client().id, ClientId::parse("shop").expect("a client id"));
    let parent = Ancestor { grant_id: GrantId::from_bytes([1; 16]), client_id: shop.clone() };
    let delegation = Delegation { ancestors: [parent].into(), actors: [orders.clone()].into() };
    let audience = Audience::from_names(["billing"]).expect("an audience");
    let delegates = Delegates::default().with(&orders, &audience).expect("few");
    let key = SigningKeyId::parse("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs").map(Box::new);
    let none = Delegates::default();
    let child = "0101010101010101010101010101010101066f7264657273010473686f70";
    let holders = "010473686f70010762696c6c696e67";
    let signer = "3736cbb1787cb8309c77ee8c3705c5e16ffb9e859715901f1e4c59b11182f57b";
    for (delegation, delegates, signed_by, rest) in [
        (Some(delegation.clone()), none, None, format!("000001{child}0000")),
        (None, delegates.clone(), None, format!("000000{holders}")),
        (Some(delegation), delegates, key, format!("0001{signer}01{child}{holders}")),
    ] {
        let (delegation, delegates) = (delegation.map(Box::new), Delegates::kept(delegates));
        let kin = Grant { delegation, delegates, signed_by, ..plain.clone() };
        let bytes = kin.to_bytes();
        assert_eq!(bytes[0], 7);
        assert_eq!(bytes[1..plain.to_bytes().len()], plain.to_bytes()[1..]);
        assert_eq!(hex(&bytes[plain.to_bytes().len()..]), rest);
        assert_eq!(Grant::from_bytes(plain.id, &bytes), Ok(kin));
        for length in 0..bytes.len() {
            assert_eq!(Grant::from_bytes(plain.id, &bytes[..length]), Err(Corrupt), "{length}");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(Grant::from_bytes(plain.id, &longer), Err(Corrupt));
    }
}

/// Of grants with bound tokens only, so that an older release reads all others, and gives none of these away.
#[test]
fn a_grant_of_bound_tokens_has_format_8_which_is_format_7_and_their_holders() {
    let plain = grant();
    let name = CertificateIdentity::parse("uri:urn:a").expect("a name");
    let name = Confirmation::of(name);
    let hash = Confirmation::of(CertificateIdentity::Sha256([7; 32]));
    let digest = "07".repeat(32);
    for (current, previous, rest) in [
        (Some(name.clone()), None, "0000000000010105".to_owned() + "75726e3a6100"),
        (Some(hash.clone()), Some(name), format!("00000000000102{digest}01010575726e3a61")),
        (None, Some(hash), format!("0000000000000102{digest}")),
    ] {
        let bound = Grant { bindings: Bindings::new(current, previous), ..plain.clone() };
        let bytes = bound.to_bytes();
        assert_eq!(bytes[0], 8);
        assert_eq!(bytes[1..plain.to_bytes().len()], plain.to_bytes()[1..]);
        assert_eq!(hex(&bytes[plain.to_bytes().len()..]), rest);
        assert_eq!(Grant::from_bytes(plain.id, &bytes), Ok(bound));
        for length in 0..bytes.len() {
            assert_eq!(Grant::from_bytes(plain.id, &bytes[..length]), Err(Corrupt), "{length}");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(Grant::from_bytes(plain.id, &longer), Err(Corrupt));
    }
}

/// Of clients whose tokens are bound only.
#[test]
fn a_client_of_bound_tokens_has_format_8_which_is_format_7_and_what_they_are_bound_to() {
    let plain = client();
    for bound_to in BoundTo::ALL {
        for may_act in [Audience::default(), Audience::from_names(["orders"]).expect("names")] {
            let client = Client { bound_to: Some(bound_to), may_act, ..plain.clone() };
            let bytes = client.to_bytes();
            assert_eq!(bytes[0], 8);
            assert_eq!(Client::from_bytes(plain.id.clone(), &bytes), Ok(client));
            for length in 0..bytes.len() {
                let cut = Client::from_bytes(plain.id.clone(), &bytes[..length]);
                assert_eq!(cut, Err(Corrupt), "{length} bytes");
            }
            let longer = [bytes.as_slice(), &[0]].concat();
            assert_eq!(Client::from_bytes(plain.id.clone(), &longer), Err(Corrupt));
        }
    }
}

/// Of clients that exchange, or whose tokens some may exchange, only.
#[test]
fn a_client_that_exchanges_has_format_7_which_is_format_6_and_its_rights() {
    let plain = client();
    let grant_types = [GrantType::TokenExchange].into_iter().collect::<GrantTypes>();
    let names = |name| Audience::from_names([name]).expect("an audience");
    let (none, billing, orders) = (Audience::default(), names("billing"), names("orders"));
    for (grant_types, may_exchange_to, may_act) in [
        (grant_types, none.clone(), none.clone()),
        (plain.grant_types, billing.clone(), none.clone()),
        (plain.grant_types, none, orders.clone()),
        (grant_types, billing, orders),
    ] {
        let client = Client { grant_types, may_exchange_to, may_act, ..plain.clone() };
        let bytes = client.to_bytes();
        assert_eq!(bytes[0], 7);
        assert_eq!(Client::from_bytes(plain.id.clone(), &bytes), Ok(client));
        for length in 0..bytes.len() {
            let cut = Client::from_bytes(plain.id.clone(), &bytes[..length]);
            assert_eq!(cut, Err(Corrupt), "{length} bytes");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(Client::from_bytes(plain.id.clone(), &longer), Err(Corrupt));
    }
}

#[test]
fn a_clients_bytes_are_those_of_format_1() {
    let bytes = client().to_bytes();
    assert_eq!(hex(&bytes), include_str!("record_format/client.hex").trim());
    assert_eq!(Client::from_bytes(client().id, &bytes), Ok(client()));
}

/// Of few clients, so that an older release reads all others.
#[test]
fn a_client_whose_secret_was_rotated_repeatably_has_format_2_which_is_format_1_and_marks() {
    let plain = client();
    let mut marked = plain.clone();
    let mark = RotationMark::new("request-1", None, Duration::from_secs(60));
    marked.secrets[0].made_by = Some(mark);
    let bytes = marked.to_bytes();
    assert_eq!(bytes[0], 2);
    assert_eq!(bytes[1..plain.to_bytes().len()], plain.to_bytes()[1..]);
    let marks = "010108dc21d8192c1c7def6f39708d0b10e389c7657406d4c604f9b58ae3dfcd4467";
    assert_eq!(hex(&bytes[plain.to_bytes().len()..]), marks);
    assert_eq!(Client::from_bytes(plain.id.clone(), &bytes), Ok(marked));
    for length in 0..bytes.len() {
        let cut = Client::from_bytes(plain.id.clone(), &bytes[..length]);
        assert_eq!(cut, Err(Corrupt), "{length} bytes");
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(Client::from_bytes(plain.id, &longer), Err(Corrupt));
}

/// Of few clients, so that an older release reads all others.
#[test]
fn a_client_with_a_part_of_administration_has_format_3_which_is_format_2_and_a_byte() {
    let plain = client();
    let parts = [Permission::Backup, Permission::Status, Permission::AuditRead, Permission::Users];
    for (part, byte) in parts.into_iter().zip([1, 2, 4, 8]) {
        let permissions = plain.permissions.with(part);
        let client = Client { permissions, ..plain.clone() };
        let bytes = client.to_bytes();
        assert_eq!(bytes[0], 3);
        assert_eq!(bytes[1..plain.to_bytes().len()], plain.to_bytes()[1..]);
        assert_eq!(bytes[plain.to_bytes().len()..], [1, 0, byte], "no mark of the one secret");
        assert_eq!(Client::from_bytes(plain.id.clone(), &bytes), Ok(client));
        for length in 0..bytes.len() {
            let cut = Client::from_bytes(plain.id.clone(), &bytes[..length]);
            assert_eq!(cut, Err(Corrupt), "{length} bytes");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(Client::from_bytes(plain.id.clone(), &longer), Err(Corrupt));
    }
}

/// Of few clients, so that an older release reads all others.
#[test]
fn a_client_with_identities_or_keys_has_format_4_which_is_format_3_and_these() {
    let plain = client();
    let subject = "system:serviceaccount:shop:orders";
    let identity = ClientIdentity::new("prod", subject, "1").expect("an identity");
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a","alg":"EdDSA"}"#;
    let key = ClientKey::parse_all(jwk).expect("a key").remove(0);
    let key = ClientKey { expire_time: Some(NOW), ..key };
    let identified = Client { identities: vec![identity], ..plain.clone() };
    let both = Client { keys: vec![key], ..identified.clone() };
    let delegated = plain.permissions.with(Permission::Backup);
    let keyed = Client { identities: Vec::new(), permissions: delegated, ..both.clone() };
    let prod =
        "010470726f642173797374656d3a736572766963656163636f756e743a73686f703a6f7264657273010131";
    let ed = "0101d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a010161010545644453410180a0f1c2b134";
    for (client, rest) in [
        (identified, format!("010000{prod}00")),
        (both, format!("010000{prod}{ed}")),
        (keyed, format!("01000100{ed}")),
    ] {
        let bytes = client.to_bytes();
        assert_eq!(bytes[0], 4);
        assert_eq!(bytes[1..plain.to_bytes().len()], plain.to_bytes()[1..]);
        assert_eq!(hex(&bytes[plain.to_bytes().len()..]), rest);
        assert_eq!(Client::from_bytes(plain.id.clone(), &bytes), Ok(client));
        for length in 0..bytes.len() {
            let cut = Client::from_bytes(plain.id.clone(), &bytes[..length]);
            assert_eq!(cut, Err(Corrupt), "{length} bytes");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(Client::from_bytes(plain.id.clone(), &longer), Err(Corrupt));
    }
}

/// Of few clients, so that an older release reads all others.
#[test]
fn a_client_with_the_grant_type_of_id_tokens_has_format_5_which_is_format_4_and_a_byte() {
    let plain = client();
    let grant_types = GrantType::ALL.into_iter().collect::<GrantTypes>();
    let grant_types = grant_types.without(GrantType::TokenExchange);
    let identity = ClientIdentity::new("prod", "orders", "").expect("an identity");
    for identities in [vec![], vec![identity]] {
        let client = Client { grant_types, identities, ..plain.clone() };
        let bytes = client.to_bytes();
        assert_eq!((bytes[0], bytes.last()), (5, Some(&1)));
        assert_eq!(bytes[1..plain.to_bytes().len()], plain.to_bytes()[1..]);
        if client.identities.is_empty() {
            assert_eq!(bytes[plain.to_bytes().len()..], [1, 0, 0, 0, 0, 1]);
        }
        assert_eq!(Client::from_bytes(plain.id.clone(), &bytes), Ok(client));
        for length in 0..bytes.len() {
            let cut = Client::from_bytes(plain.id.clone(), &bytes[..length]);
            assert_eq!(cut, Err(Corrupt), "{length} bytes");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(Client::from_bytes(plain.id.clone(), &longer), Err(Corrupt));
    }
}

/// Of those users alone who log in with ID tokens, so that an older release reads all others.
#[test]
fn a_user_with_identities_or_vouched_permissions_has_format_5_which_is_format_1_and_these() {
    let plain = user();
    let identity = UserIdentity::new("corp", "8f2c").expect("an identity");
    let permissions = [Permission::Admin, Permission::Users].into_iter().collect();
    let vouched = Vouched::new(identity.issuer.clone(), permissions, NOW);
    let linked = User { identities: vec![identity], ..plain.clone() };
    let admin = User { vouched, ..linked.clone() };
    for (user, rest) in [
        (linked, "0104636f7270043866326300"),
        (admin, "0104636f727004386632630104636f7270010880a0f1c2b134"),
    ] {
        let bytes = user.to_bytes();
        assert_eq!(bytes[0], 5);
        assert_eq!(bytes[1..plain.to_bytes().len()], plain.to_bytes()[1..]);
        assert_eq!(hex(&bytes[plain.to_bytes().len()..]), rest);
        assert_eq!(User::from_bytes(plain.id, &bytes), Ok(user));
        for length in 0..bytes.len() {
            assert_eq!(
                User::from_bytes(plain.id, &bytes[..length]),
                Err(Corrupt),
                "{length} bytes"
            );
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(User::from_bytes(plain.id, &longer), Err(Corrupt));
    }
}

#[test]
fn the_bytes_of_a_used_assertion_are_those_of_format_1() {
    let client = ClientId::parse("orders").expect("a client id");
    let used = UsedAssertion { id: AssertionId::of(&client, "1"), expire_time: NOW };
    let bytes = used.to_bytes();
    assert_eq!(hex(used.id.as_bytes()), "04b86d8989422adb8ad1f2346329c926");
    assert_eq!(hex(&bytes), "0180a0f1c2b134");
    assert_eq!(UsedAssertion::from_bytes(used.id, &bytes), Ok(used));
}

#[test]
fn a_users_bytes_are_those_of_format_1() {
    let bytes = user().to_bytes();
    assert_eq!(hex(&bytes), include_str!("record_format/user.hex").trim());
    assert_eq!(User::from_bytes(user().id, &bytes), Ok(user()));
}

#[test]
fn the_bytes_of_attempts_are_those_of_format_1() {
    let client_id = ClientId::parse("orders").expect("a client id");
    let id = AttemptsId::of(&client_id, &UserName::parse("Alice").expect("a name"));
    let under_way = UnderWay::default();
    let attempts = Attempts { id, failures: 5, last_failure: NOW, under_way, of: None };
    let bytes = attempts.to_bytes();
    assert_eq!(
        hex(&[id.as_bytes().as_slice(), &bytes].concat()),
        include_str!("record_format/attempts.hex").trim()
    );
    assert_eq!(Attempts::from_bytes(id, &bytes), Ok(attempts));
}

#[test]
fn attempts_that_say_where_and_as_whom_have_format_2_which_is_format_1_and_more() {
    let client = ClientId::parse("orders").expect("a client id");
    let id = AttemptsId::of(&client, &UserName::parse("Alice").expect("a name"));
    let under_way = UnderWay::default();
    let plain = Attempts { id, failures: 5, last_failure: NOW, under_way, of: None };
    let checked = Attempts { under_way: UnderWay { count: 1, last_begin: NOW }, ..plain.clone() };
    let of = Some(AttemptsOf { client, user: Some(UserId::from_bytes([7; 16])) });
    let whole = Attempts { of, ..checked.clone() };
    let [plain, start, bytes] = [&plain, &checked, &whole].map(Attempts::to_bytes);
    assert_eq!((start[0], &start[1..plain.len()]), (2, &plain[1..]));
    assert_eq!(bytes[..start.len()], start);
    assert_eq!(hex(&bytes[start.len()..]), format!("066f726465727301{}", "07".repeat(16)));
    assert_eq!(Attempts::from_bytes(id, &start), Ok(checked));
    assert_eq!(Attempts::from_bytes(id, &bytes), Ok(whole));
    for length in start.len() + 1..bytes.len() {
        assert_eq!(Attempts::from_bytes(id, &bytes[..length]), Err(Corrupt), "{length} bytes");
    }
}

#[test]
fn damaged_and_newer_records_are_corrupt_and_no_panic() {
    let bytes = grant().to_bytes();
    let id = grant().id;
    for length in 0..bytes.len() {
        assert_eq!(Grant::from_bytes(id, &bytes[..length]), Err(Corrupt), "{length} bytes");
    }
    let newer = [&[3], &bytes[1..]].concat();
    assert_eq!(Grant::from_bytes(id, &newer), Err(Corrupt));
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(Grant::from_bytes(id, &longer), Err(Corrupt));
}
