//! `[[issuer]]`: good ones, their defaults, and each fault with its place.

use std::{path::Path, time::Duration};

use jeton::{
    config::{DeclaredPassword, HttpSettings, KeyPlace, KeyUrl, Loaded, Overrides},
    domain::{algorithm::Algorithm, secret::Secret},
};

use super::fake::Fake;

const HTTP: &str = "[http]\nissuer = 'https://tokens.example'\n";

fn faults(issuer: &str) -> String {
    Fake::with_settings(&format!("{HTTP}[[issuer]]\n{issuer}")).faults()
}

#[test]
fn an_issuer_needs_a_name_an_iss_and_the_place_of_its_keys() {
    let text = format!("{HTTP}[[issuer]]\nname = 'prod'\nissuer = 'x'\njwks_file = 'keys.json'\n");
    let settings = Fake::with_settings(&text).settings();
    let [issuer] = &*settings.issuers else { panic!("one issuer") };
    assert_eq!(issuer.rules.name.as_str(), "prod");
    assert_eq!(issuer.rules.issuer.as_deref(), Some("x"));
    assert!(!issuer.rules.allow_missing_issuer);
    assert_eq!(issuer.rules.algorithms, Algorithm::ALL);
    assert_eq!(issuer.rules.validity.clock_skew, Duration::from_secs(30));
    assert_eq!(issuer.rules.validity.max_lifetime, Duration::from_secs(24 * 3_600));
    assert_eq!(issuer.rules.max_key_age, Duration::from_secs(24 * 3_600));
    assert_eq!(issuer.refresh_interval, Duration::from_secs(300));
    assert_eq!(issuer.keys, KeyPlace::File("keys.json".into()));
}

#[test]
fn everything_of_an_issuer_can_be_set() {
    let text = format!(
        "{HTTP}[[issuer]]\nname = 'spire'\nallow_missing_issuer = true\njwks_url = \
         'https://spire.example/keys'\nca_file = 'ca.pem'\nbearer_file = 'token'\nalgorithms = \
         ['ES256', 'RS256']\nclock_skew = '5s'\nmax_lifetime = '1h'\nrefresh_interval = \
         '1m'\nmax_key_age = '2h'\ntoken_review_url = 'https://spire.example/reviews'\n"
    );
    let settings = Fake::with_settings(&text).settings();
    let [issuer] = &*settings.issuers else { panic!("one issuer") };
    assert!(issuer.rules.issuer.is_none() && issuer.rules.allow_missing_issuer);
    assert_eq!(issuer.rules.algorithms, [Algorithm::Es256, Algorithm::Rs256]);
    assert_eq!(issuer.rules.validity.clock_skew, Duration::from_secs(5));
    assert_eq!(issuer.rules.validity.max_lifetime, Duration::from_secs(3_600));
    assert_eq!(issuer.rules.max_key_age, Duration::from_secs(7_200));
    assert_eq!(issuer.refresh_interval, Duration::from_secs(60));
    let KeyPlace::Url(KeyUrl { uri, ca, bearer }) = &issuer.keys else { panic!("a URL") };
    assert_eq!(uri, "https://spire.example/keys");
    assert_eq!(ca.as_deref(), Some(Path::new("ca.pem")));
    assert_eq!(bearer.as_deref(), Some(Path::new("token")));
    let review = issuer.token_review.as_ref().expect("a URL");
    assert_eq!(review.uri, "https://spire.example/reviews");
    assert_eq!((&review.ca, &review.bearer), (ca, bearer));
}

#[test]
fn token_reviews_have_a_ca_and_a_bearer_also_beside_a_file_of_keys() {
    let review =
        "token_review_url = 'https://k8s/reviews'\nca_file = 'ca.pem'\nbearer_file = 'token'\n";
    let text = format!("{HTTP}[[issuer]]\nname = 'prod'\nissuer = 'x'\njwks_file = 'k'\n{review}");
    let settings = Fake::with_settings(&text).settings();
    let [issuer] = &*settings.issuers else { panic!("one issuer") };
    assert_eq!(issuer.keys, KeyPlace::File("k".into()));
    let KeyUrl { uri, ca, bearer } = issuer.token_review.as_ref().expect("a URL");
    assert_eq!(uri, "https://k8s/reviews");
    assert_eq!(ca.as_deref(), Some(Path::new("ca.pem")));
    assert_eq!(bearer.as_deref(), Some(Path::new("token")));
}

#[test]
fn each_fault_of_an_issuer_has_its_line_and_column() {
    let good = "name = 'prod'\nissuer = 'x'\njwks_file = 'k'\n";
    for (added, fault) in [
        ("clock_skew = '6m'", "7:1: issuer.clock_skew: must be at most 5m"),
        ("max_lifetime = '8d'", "7:1: issuer.max_lifetime: must be at most 7d"),
        ("max_key_age = '1s'", "7:1: issuer.max_key_age: must be 1m to 30d"),
        ("refresh_interval = '1m'", "7:1: issuer.refresh_interval: is for jwks_url"),
        ("ca_file = 'x'", "7:1: issuer.ca_file: is for jwks_url"),
        ("bearer_file = 'x'", "7:1: issuer.bearer_file: is for jwks_url"),
        (
            "token_review_url = 'http://a/r'",
            "7:1: issuer.token_review_url: must be an https:// URL",
        ),
        ("token_review_url = 7", "7:1: issuer.token_review_url: must be a URL"),
        (
            "token_review_uri = 'https://a/'",
            "7:1: unknown key \"token_review_uri\": did you mean \"token_review_url\"?",
        ),
        (
            "token_review_url = 'https://a/'\n[issuer.users]\naudiences = [{ id = 'a', clients = ['w'] }]",
            "3:1: issuer: must not have both users and token_review_url",
        ),
        ("algorithms = ['none']", "7:1: issuer.algorithms: must name one or more of RS256"),
        ("algorithms = ['HS256']", "7:1: issuer.algorithms: must name one or more of RS256"),
        ("algorithms = []", "7:1: issuer.algorithms: must name one or more of RS256"),
        ("jwks_uri = 'https://a/'", "7:1: unknown key \"jwks_uri\": did you mean \"jwks_url\"?"),
        ("jwks_url = 'https://a/'", "3:1: issuer: needs one of jwks_file and jwks_url"),
        ("[[issuer]]\nname = 'prod'\nissuer = 'y'\njwks_file = 'l'", "already declared on line 4"),
    ] {
        let faults = faults(&format!("{good}{added}\n"));
        assert!(faults.contains(fault), "{added}: {faults}");
    }
    for (text, fault) in [
        ("issuer = 'x'\njwks_file = 'k'", "3:1: issuer: needs name"),
        ("name = 'a b'\nissuer = 'x'\njwks_file = 'k'", "4:1: issuer.name: must be 1 to 64"),
        ("name = 'a'\njwks_file = 'k'", "3:1: issuer: needs issuer, the iss of its tokens"),
        ("name = 'a'\nissuer = ''\njwks_file = 'k'", "5:1: issuer.issuer: must be the iss"),
        (
            "name = 'a'\nissuer = 'x'\njwks_url = 'https://a/k'\nmax_key_age = '2m'",
            "7:1: issuer.max_key_age: must be at least refresh_interval",
        ),
        ("name = 'a'\nissuer = 'x'", "3:1: issuer: needs one of jwks_file and jwks_url"),
        (
            "name = 'a'\nissuer = 'x'\njwks_url = 'http://a/k'",
            "6:1: issuer.jwks_url: must be an https:// URL",
        ),
    ] {
        let faults = faults(text);
        assert!(faults.contains(fault), "{text}: {faults}");
    }
}

#[test]
fn assertions_must_be_meant_for_this_server_so_it_needs_an_issuer_of_its_own() {
    let text = "[[issuer]]\nname = 'prod'\nissuer = 'x'\njwks_file = 'keys.json'\n";
    let fake = Fake::with_settings(text);
    let faults = fake.faults();
    assert!(faults.contains("1:1: issuer: needs http.issuer"), "{faults}");
    let given =
        Overrides::default().with(&HttpSettings::issuer(), Some(Secret::new("https://a.example")));
    assert!(fake.load(&given).is_ok());
}

#[test]
fn a_fault_shows_no_password_of_a_url() {
    let faults = faults("name = 'a'\nissuer = 'x'\njwks_url = 'https://u:S3CRET@a/k'");
    assert!(faults.contains("issuer.jwks_url") && !faults.contains("S3CRET"), "{faults}");
    let review = "token_review_url = 'https://u:S3CRET@a/r'";
    let faults = self::faults(&format!("name = 'a'\nissuer = 'x'\njwks_file = 'k'\n{review}"));
    assert!(faults.contains("issuer.token_review_url") && !faults.contains("S3CRET"), "{faults}");
}

#[test]
fn an_issuer_is_enabled_for_users_by_a_table_of_its_own() {
    let users = "[issuer.users]\ncreate = true\nname_claim = 'email'\npermission_ttl = '1h'\n\
                 attributes = { team = 'org.team' }\n\
                 audiences = [{ id = 'web-app', clients = ['web', 'mobile'] }]\n\
                 permissions = [{ claim = 'groups', value = 'a', allow = ['backup', 'users'] }]\n";
    let text = format!("{HTTP}[[issuer]]\nname = 'corp'\nissuer = 'x'\njwks_file = 'k'\n{users}");
    let Loaded { settings, .. } =
        Fake::with_settings(&text).load(&Overrides::default()).expect("good");
    let people = settings.issuers[0].rules.people.as_ref().expect("people");
    assert!(people.create && &*people.name_claim == "email");
    assert_eq!(people.permission_ttl, Duration::from_secs(3_600));
    assert_eq!(people.audiences[0].clients.len(), 2);
    assert_eq!(people.attributes.get("team").map(|claim| &**claim), Some("org.team"));
    assert_eq!(people.may_allow().iter().count(), 2);

    let least = "[issuer.users]\naudiences = [{ id = 'web-app', clients = ['web'] }]\n";
    let text = format!("{HTTP}[[issuer]]\nname = 'corp'\nissuer = 'x'\njwks_file = 'k'\n{least}");
    let Loaded { settings, .. } =
        Fake::with_settings(&text).load(&Overrides::default()).expect("good");
    let people = settings.issuers[0].rules.people.as_ref().expect("people");
    assert!(!people.create && people.permissions.is_empty() && people.attributes.is_empty());
}

#[test]
fn each_fault_of_an_issuers_users_has_its_line_and_column() {
    let good = "name = 'corp'\nissuer = 'x'\njwks_file = 'k'\n[issuer.users]\n";
    let audiences = "audiences = [{ id = 'a', clients = ['web'] }]";
    for (added, fault) in [
        ("create = true", "7:9: users: needs audiences"),
        ("audiences = 'a'", "8:1: users.audiences: must be a list of tables"),
        ("audiences = [{ id = 'a' }]", "audiences: needs clients"),
        ("audiences = [{ clients = ['a'] }]", "audiences: needs id"),
        (
            "audiences = [{ id = 'a', clients = [] }]",
            "audiences.clients: must name a client or more",
        ),
        (
            "audiences = [{ id = 'https://tokens.example', clients = ['a'] }]",
            "audiences.id: must not be http.issuer",
        ),
        (
            &format!("{audiences}\nname_claim = 'sub'"),
            "9:1: users.name_claim: is for create = true",
        ),
        (
            &format!("{audiences}\npermission_ttl = '1h'"),
            "9:1: users.permission_ttl: is for permissions",
        ),
        (
            &format!(
                "{audiences}\npermissions = [{{ claim = 'g', value = 'a', allow = ['root'] }}]"
            ),
            "permissions.allow: each must be",
        ),
        (
            &format!(
                "{audiences}\npermissions = [{{ claim = 'g', value = 'a', allow = ['inactive_reason'] }}]"
            ),
            "permissions.allow: each must be",
        ),
        (&format!("{audiences}\nattributes = ['a']"), "9:1: users.attributes: must be a table"),
        (&format!("{audiences}\naudience = 'a'"), "did you mean \"audiences\"?"),
    ] {
        let faults = faults(&format!("{good}{added}\n"));
        assert!(faults.contains(fault), "{added}: {faults}");
    }
    let nameless = format!(
        "name = 'corp'\nallow_missing_issuer = true\njwks_file = 'k'\n[issuer.users]\n{audiences}"
    );
    assert!(faults(&nameless).contains("issuer: needs issuer for users"));
}

#[test]
fn a_declared_user_has_a_password_or_identities() {
    let load = |user: &str| {
        let text = format!("[[user]]\nname = 'ada'\n{user}\n");
        Fake::with_settings(&text).load(&Overrides::default())
    };
    let settings =
        load("identities = [{ issuer = 'corp', subject = '8f2c' }]").expect("good").settings;
    assert_eq!(settings.users[0].password, DeclaredPassword::Nothing);
    assert_eq!(settings.users[0].patch.identities.as_ref().map(Vec::len), Some(1));
    let faults =
        |user: &str| Fake::with_settings(&format!("[[user]]\nname = 'ada'\n{user}\n")).faults();
    assert!(faults("").contains("1:1: user: needs one of password"));
    assert!(faults("identities = [{ issuer = 'corp' }]").contains("identities: needs subject"));
    let twice = "identities = [{ issuer = 'a', subject = 'b' }, { issuer = 'a', subject = 'b' }]";
    assert!(faults(twice).contains("3:1: user.identities: must not hold an identity twice"));
}
