//! Faults that do not keep settings from being used are warnings.

use std::{fs, path::Path};

use jeton::{
    config::{Environment, Overrides, ProcessEnvironment, ServeSettings, Warning},
    domain::secret::Secret,
};

use super::fake::{FILE, Fake, PHC};

#[test]
fn files_with_secrets_that_others_can_read_are_warned_of() {
    let exposed = |path: &str| Warning::Exposed { path: path.into() };
    let with_file = "client = [{ id = 'a', secret_file = '/s' }, { id = 'b', secret_file = '/s' }]";
    for (text, expected) in [
        ("client = [{ id = 'a', secret = 'kx7vqzmw2nfd9tr' }]", vec![exposed(FILE)]),
        ("user = [{ name = 'a', password = 'kx7vqzmw2nfd9tr' }]", vec![exposed(FILE)]),
        ("client = [{ id = 'a' }]", vec![]),
        ("[store]\nurl = 'postgres://jeton:x@db/jeton'", vec![exposed(FILE)]),
        ("[store]\nurl = 'postgres://jeton@db/jeton'", vec![]),
        (with_file, vec![exposed("/s")]),
    ] {
        let environment =
            Fake::default().file(FILE, text, true).file("/s", "kx7vqzmw2nfd9tr", true);
        let loaded = environment.load(&Overrides::default()).expect(text);
        assert_eq!(loaded.warnings, expected, "{text}");
    }
    assert_eq!(
        exposed("/s").to_string(),
        "/s holds secrets and can be read by others than its owner: chmod 600"
    );
}

#[test]
fn a_declared_password_that_could_not_be_set_elsewhere_is_warned_of() {
    let told = |passwords: &str, password: &str| -> Vec<String> {
        let text = format!("[passwords]\n{passwords}\n[[user]]\nname = 'Alice'\n{password}");
        let loaded = Fake::with_settings(&text).load(&Overrides::default()).expect("fine");
        loaded.warnings.iter().map(ToString::to_string).collect()
    };
    let short = "password = 'kx7vqzmw'";
    assert_eq!(told("", short), ["the password of user alice must have at least 15 characters"]);
    assert_eq!(told("min_length = 8", short), [""; 0]);
    let common = "the password of user alice must not be a common password, nor made of the user's \
                  name: fewer than 100000000 guesses find it";
    assert_eq!(told("min_length = 8", "password = 'alicealice'"), [common]);
    // Nothing is known about the text behind a hash.
    assert_eq!(told("", &format!("password_hash = '{PHC}'")), [""; 0]);
}

#[test]
fn a_declared_client_secret_that_could_not_be_set_elsewhere_is_refused_unless_the_settings_let_it_be()
 {
    let file = |secrets: &str, secret: &str| {
        let text = format!("[secrets]\n{secrets}\n[[client]]\nid = 'Orders'\n{secret}");
        let variable = Fake::with_settings(&text).variable("S", "x");
        variable.file("/s", "orders-orders-orders\n", false)
    };
    let way_out = r#"; secrets.weak_declared = "warn" lets it be"#;
    let common = "must not be a common password, nor made of the client's id: fewer than 100000000 guesses find it";
    let warn = "weak_declared = 'warn'";
    for (secrets, secret, key, problem) in [
        ("", "secret = 'x'", "secret", "must have at least 15 characters"),
        (
            "min_length = 20",
            "secret = 'kx7vqzmw2nfd9tr'",
            "secret",
            "must have at least 20 characters",
        ),
        ("", "secret_env = 'S'", "secret_env", "must have at least 15 characters"),
        ("", "secret_file = '/s'", "secret_file", common),
    ] {
        let faults = file(secrets, secret).faults();
        assert_eq!(faults, format!("jeton.toml:5:1: client.{key}: {problem}{way_out}"));
        let loaded = file(&format!("{warn}\n{secrets}"), secret).load(&Overrides::default());
        let told: Vec<_> =
            loaded.expect("let be").warnings.iter().map(ToString::to_string).collect();
        assert_eq!(told, [format!("the secret of client Orders {problem}")]);
    }
    for good in ["secret = 'kx7vqzmw2nfd9tr'", &format!("secret_hash = '{PHC}'")] {
        let loaded = file("", good).load(&Overrides::default()).expect("good");
        assert_eq!(loaded.warnings, []);
    }
}

#[test]
fn plaintext_beyond_this_machine_must_be_meant_and_is_still_warned_of() {
    let environment =
        Fake::with_settings("[grpc]\nlisten = '0.0.0.0:1'\n[serve]\nallow_plaintext = true");
    let loaded = environment.load(&Overrides::default()).expect("meant");
    let [warning] = &*loaded.warnings else { panic!("one warning") };
    assert_eq!(
        warning.to_string(),
        "grpc listens on 0.0.0.0:1 without TLS: something in front must encrypt"
    );

    let no = Some(Secret::new("false"));
    let refusing = Overrides::default().with(&ServeSettings::allow_plaintext(), no);
    assert!(environment.load(&refusing).is_err());

    for loopback in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        let text = format!("[grpc]\nlisten = '{loopback}'");
        assert_eq!(
            Fake::with_settings(&text).load(&Overrides::default()).expect("fine").warnings,
            []
        );
    }
}

#[cfg(unix)]
#[test]
fn the_process_reads_real_files_and_their_mode() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("secret");
    fs::write(&path, "hunter2\n").expect("written");
    for (mode, exposed) in [(0o600, false), (0o640, true), (0o604, true), (0o400, false)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("changed");
        let file = ProcessEnvironment.read(&path).expect("read");
        assert_eq!((&**file.bytes, file.exposed), (&b"hunter2\n"[..], exposed), "{mode:o}");
    }
    let endless = ProcessEnvironment.read(Path::new("/dev/zero")).map(|_| ());
    assert_eq!(endless.expect_err("too large").to_string(), "larger than 16.0 MiB");
    assert!(ProcessEnvironment.read(directory.path()).is_err());
}

#[test]
fn what_nobody_can_authenticate_by_is_warned_of() {
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let told = |text: &str| -> Vec<String> {
        let environment = Fake::with_settings(text).file("orders.json", jwk, false);
        let loaded = environment.load(&Overrides::default()).expect("fine");
        loaded.warnings.iter().map(ToString::to_string).collect()
    };
    let client = "[[client]]\nid = 'orders'\n";
    let identities =
        "identities = [{ issuer = 'prod', subject = 'a' }, { issuer = 'prod', subject = 'b' }]\n";
    let unknown = "client orders lists an identity of the issuer prod, which no [[issuer]] names: nobody \
                   authenticates by it";
    let named = "[http]\nissuer = 'https://tokens.example'\n";
    let prod = "[[issuer]]\nname = 'prod'\nissuer = 'x'\njwks_file = 'keys.json'\n";
    assert_eq!(told(&format!("{client}{identities}")), [unknown]);
    assert_eq!(told(&format!("{named}{client}{identities}{prod}")), [""; 0]);
    let unnamed = "client orders has a jwks_file, and http.issuer is not set: assertions are meant for it, so \
                   none is taken";
    assert_eq!(told(&format!("{client}jwks_file = 'orders.json'")), [unnamed]);
    assert_eq!(told(&format!("{named}{client}jwks_file = 'orders.json'")), [""; 0]);
}
