//! Profiles: a file of its owner's alone, after flags and environment.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink},
    path::PathBuf,
};

use tempfile::TempDir;

use crate::jeton::{Administered, Jeton};

/// A home directory with a profile file.
struct Profiles {
    home: TempDir,
}

impl Profiles {
    fn new(text: &str, mode: u32) -> Self {
        let profiles = Self { home: tempfile::tempdir().expect("a directory") };
        let path = profiles.path();
        fs::create_dir_all(path.parent().expect("a directory")).expect("the directory");
        fs::write(&path, text).expect("the profile file");
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("its mode");
        profiles
    }

    fn path(&self) -> PathBuf {
        self.home.path().join(".config/jeton/profiles.toml")
    }

    fn jeton(&self, arguments: &str) -> Jeton {
        Jeton::new(arguments).with("HOME", self.home.path().to_str().expect("UTF-8"))
    }
}

fn text(server: &Administered) -> String {
    let url = server.server.url();
    format!(
        "[prod]\nserver = \"{url}\"\nclient_id = \"root\"\nclient_secret = \"root-secret\"\n\
         [nowhere]\nserver = \"http://127.0.0.1:1\"\nclient_id = \"root\"\n\
         client_secret = \"other\"\n[server-only]\nserver = \"{url}\"\n"
    )
}

#[tokio::test]
async fn a_profile_holds_server_and_credentials() {
    let server = Administered::start().await;
    for mode in [0o600, 0o400] {
        let profiles = Profiles::new(&text(&server), mode);
        profiles.jeton("client list --profile prod").text();
        profiles.jeton("client list").with("JETON_PROFILE", "prod").text();
        let token = server.as_client("shop", "token issue").json();
        let token = token["access_token"].as_str().expect("a token");
        profiles.jeton("token introspect --profile prod").input(token).text();
        profiles.jeton("health --profile prod").text();
    }
    let profiles = Profiles::new(&text(&server), 0o600);
    let config = profiles.home.path().join(".config");
    let config = config.to_str().expect("UTF-8");
    Jeton::new("client list --profile prod").with("XDG_CONFIG_HOME", config).text();
    server.stop().await;
}

#[tokio::test]
async fn flags_beat_the_environment_which_beats_the_profile() {
    let server = Administered::start().await;
    let profiles = Profiles::new(&text(&server), 0o600);
    let url = server.server.url();
    profiles.jeton("client list --profile nowhere").run().failed(1, &["127.0.0.1:1"]);
    let list = || profiles.jeton("client list --profile nowhere").with("JETON_SERVER", &url);
    list().run().failed(1, &["INVALID_CLIENT"]);
    list().with("JETON_CLIENT_SECRET", "root-secret").text();
    let flag = list().with("JETON_CLIENT_SECRET", "root-secret");
    let flag = flag.and("--server").and("http://127.0.0.1:2");
    flag.run().failed(1, &["127.0.0.1:2"]);
    let both = profiles.jeton("client list --profile server-only");
    let both = both.with("JETON_CLIENT_ID", "root").with("JETON_CLIENT_SECRET", "root-secret");
    both.text();
    server.stop().await;
}

#[tokio::test]
async fn a_profiles_secret_is_shown_for_its_own_client_only() {
    let server = Administered::start().await;
    let profiles = Profiles::new(&text(&server), 0o600);
    let other = profiles.jeton("client list --profile prod --client-id shop");
    other.run().failed(2, &["JETON_CLIENT_SECRET"]);
    profiles.jeton("client list --profile prod --client-id root").text();
    server.stop().await;
}

#[test]
fn a_profile_file_that_others_can_read_is_refused_with_what_to_do() {
    for mode in [0o644, 0o640, 0o604, 0o620, 0o660] {
        let profiles = Profiles::new("[prod]\nclient_secret = \"hidden-secret\"\n", mode);
        let ran = profiles.jeton("client list --profile prod").run();
        assert!(!ran.err.contains("hidden"), "{ran:?}");
        ran.failed(1, &["chmod 600", profiles.path().to_str().expect("UTF-8")]);
        let environment = profiles.jeton("client list --profile prod");
        let environment = environment.with("JETON_CLIENT_ID", "root");
        let environment = environment.with("JETON_CLIENT_SECRET", "secret");
        environment.run().failed(1, &["chmod 600"]);
    }
}

/// The superuser gives a file away; others borrow one that is the superuser's.
#[test]
fn a_profile_file_of_somebody_else_is_refused() {
    let profiles = Profiles::new("", 0o600);
    if fs::metadata(profiles.path()).expect("a file").uid() == 0 {
        chown(profiles.path(), Some(65_534), None).expect("the superuser may");
    } else {
        fs::remove_file(profiles.path()).expect("a file");
        symlink("/etc/passwd", profiles.path()).expect("a link");
    }
    profiles.jeton("client list --profile prod").run().failed(1, &["belongs to somebody else"]);
}

#[test]
fn what_is_wrong_in_a_profile_file_is_told_by_line_and_never_quoted() {
    let faults = [
        ("[prod]\nclient_secret = hidden-secret\n", ":2: this is no TOML"),
        ("[prod]\nclient_secret = \"hidden-secret\n", ": this is no TOML"),
        ("[prod]\n\nsecret = \"hidden-secret\"\n", ":3: a profile has server"),
        ("[prod]\nclient_id = 5\n", ":2: not a string"),
        ("prod = \"hidden-secret\"\n", ":1: a profile is a table"),
        ("[dev]\nclient_secret = \"hidden-secret\"\n", "no profile of that name; it holds [dev]"),
    ];
    for (text, problem) in faults {
        let profiles = Profiles::new(text, 0o600);
        let ran = profiles.jeton("client list --profile prod").run();
        assert!(!ran.err.contains("hidden"), "{ran:?}");
        ran.failed(1, &[problem]);
    }
}

#[test]
fn a_profile_that_is_named_needs_its_file() {
    let home = tempfile::tempdir().expect("a directory");
    let jeton = Jeton::new("client list --profile prod");
    let jeton = jeton.with("HOME", home.path().to_str().expect("UTF-8"));
    jeton.run().failed(1, &["profiles.toml", "a table of the profile's name"]);
    Jeton::new("client list --profile prod").run().failed(1, &["XDG_CONFIG_HOME", "HOME"]);
}
