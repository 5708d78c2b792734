//! Choice of server and client, and the messages when either is wrong.

use crate::jeton::{Administered, Jeton};

#[tokio::test]
async fn a_refusal_says_what_can_be_done_about_it() {
    let server = Administered::start().await;
    let advice = ["ACCESS_DENIED", "the permission admin"];
    server.as_client("shop", "client list").run().failed(1, &advice);
    let wrong = server.jeton("client list").with("JETON_CLIENT_SECRET", "wrong-secret").run();
    assert!(!wrong.err.contains("wrong-secret"), "{wrong:?}");
    wrong.failed(1, &["INVALID_CLIENT", "JETON_CLIENT_SECRET"]);
    server.stop().await;
}

#[test]
fn a_server_that_is_not_there_is_named_with_the_cause() {
    for line in ["client list", "user list", "grant get x", "status", "token issue"] {
        let jeton = Jeton::new(line).with("JETON_SERVER", "http://127.0.0.1:1");
        let jeton = jeton.with("JETON_CLIENT_ID", "root").with("JETON_CLIENT_SECRET", "secret");
        let reasons = ["http://127.0.0.1:1", "refused", "JETON_SERVER"];
        jeton.run().failed(1, &reasons);
    }
}

#[tokio::test]
async fn what_answers_in_place_of_grpc_is_named_with_what_to_give_instead() {
    let server = Administered::start().await;
    let at = |url: &str| server.jeton("status").with("JETON_SERVER", url).run();
    let ops = format!("http://{}", server.server.ops().await.address);
    at(&ops).failed(1, &["probes and metrics", "grpc.listen"]);
    let http = format!("http://{}", server.server.http_address());
    at(&http).failed(1, &["is for HTTP", "grpc.listen"]);
    let bare = server.server.address().to_owned();
    at(&format!("https://{bare}")).failed(1, &["speaks no TLS: http://"]);
    at(&bare).failed(1, &[&format!("Write http://{bare}")]);
    server.stop().await;
}

#[test]
fn who_calls_must_be_said_and_the_secret_cannot_be_asked_for_without_a_terminal() {
    Jeton::new("client list").run().failed(2, &["--client-id", "JETON_CLIENT_ID", "--profile"]);
    let nameless = Jeton::new("client list").with("JETON_CLIENT_ID", "root");
    nameless.run().failed(2, &["JETON_CLIENT_SECRET"]);
}

#[tokio::test]
async fn a_flag_beats_the_environment() {
    let server = Administered::start().await;
    let list = "client list --limit 1";
    let flags = server.jeton(list).with("JETON_SERVER", "http://127.0.0.1:1");
    flags.and("--server").and(&server.server.url()).text();
    let flags = server.jeton(list).with("JETON_CLIENT_ID", "shop");
    flags.and("--client-id").and("root").text();
    server.stop().await;
}

/// A list that is cut short by its reader is no fault to report.
#[tokio::test]
async fn a_reader_that_stops_reading_is_told_nothing() {
    let server = Administered::start().await;
    let jeton = server.jeton("client list");
    let mut child = jeton.command().spawn().expect("jeton starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("its end");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(1));
    server.stop().await;
}

#[tokio::test]
async fn one_line_end_after_a_secret_in_a_variable_is_dropped_and_one_within_is_refused() {
    let server = Administered::start().await;
    let list = |secret: &str| server.jeton("client list").with("JETON_CLIENT_SECRET", secret);
    for secret in ["root-secret\n", "root-secret\r\n", "\u{feff}root-secret"] {
        list(secret).text();
    }
    for secret in ["root\nsecret", "root-secret\n\n"] {
        list(secret).run().failed(2, &["a secret in the environment holds a line break"]);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_variable_that_is_set_to_nothing_is_an_unset_one() {
    let server = Administered::start().await;
    let mut list = server.jeton("client list --server").and(&server.server.url());
    for variable in ["JETON_SERVER", "JETON_PROFILE", "JETON_CA", "JETON_CERT", "JETON_KEY"] {
        list = list.with(variable, "");
    }
    list.text();
    let nobody = server.jeton("client list").with("JETON_CLIENT_SECRET", "");
    nobody.run().failed(2, &["set JETON_CLIENT_SECRET"]);
    server.stop().await;
    let mut check = Jeton::new("check --config /dev/null");
    for variable in ["JETON_GRPC_LISTEN", "JETON_LOG", "JETON_DRAIN_DELAY", "JETON_STORE_URL"] {
        check = check.with(variable, "");
    }
    check.text();
    Jeton::new("check").with("JETON_CONFIG", "").run().failed(2, &["name what to check"]);
}

#[test]
fn a_variable_that_cannot_be_used_is_blamed_by_its_own_name() {
    let check = || Jeton::new("check --config /dev/null");
    let ran = check().with("JETON_GRPC_LISTEN", "nowhere").run();
    assert!(ran.err.contains("for 'JETON_GRPC_LISTEN'"), "{ran:?}");
    assert!(!ran.err.contains("--grpc-listen"), "{ran:?}");
    let given = check().and("--grpc-listen").and("nowhere");
    let ran = given.with("JETON_GRPC_LISTEN", "127.0.0.1:1").run();
    assert!(ran.err.contains("for '--grpc-listen <ADDRESS>'"), "{ran:?}");
}

/// Neither jeton's messages nor a library's repeat a possible secret, in any place.
#[test]
fn what_may_be_a_secret_in_the_wrong_place_is_not_repeated() {
    const SECRET: &str = "hunter2";
    let refused = |jeton: Jeton| {
        let ran = jeton.with("JETON_CLIENT_ID", "root").with("JETON_CLIENT_SECRET", "x").run();
        assert!(ran.code == Some(2) || ran.code == Some(1), "{ran:?}");
        assert!(!ran.out.contains(SECRET) && !ran.err.contains(SECRET), "{ran:?}");
        assert!(!ran.err.is_empty(), "{ran:?}");
    };
    let urls = [
        "postgres:/jeton:hunter2@db/jeton",
        "postgres://jeton:hunter2@db/jeton",
        "host=db user=jeton password=hunter2",
        "postgres:jeton:hunter2",
        "http://jeton:hunter2@127.0.0.1:1",
        "jat_0123456789hunter2",
        "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n",
        "$argon2id$v=19$m=8,t=1,p=1$hunter2$aGFzaA",
    ];
    for given in urls {
        for line in ["migrate --from", "migrate --from sled:/nowhere --to", "serve --store-url"] {
            refused(Jeton::new(line).and(given));
        }
        for line in
            ["serve --config", "check --store", "serve --http-issuer", "serve --grpc-listen"]
        {
            refused(Jeton::new(line).and(given));
        }
        for line in [
            "token introspect",
            "token",
            "token revoke --access-token-only",
            "client rotate-secret orders",
            "user set-password alice",
            "serve --access-overlap",
            "serve --store-connections",
            "status --output",
            "token issue --ttl",
            "health",
        ] {
            refused(Jeton::new(line).and(given));
        }
        for variable in
            ["JETON_SERVER", "JETON_PROFILE", "JETON_CA", "JETON_ACCESS_OVERLAP", "JETON_STORE_URL"]
        {
            let of_client = ["JETON_SERVER", "JETON_PROFILE", "JETON_CA"].contains(&variable);
            let line = if of_client { "client list" } else { "serve" };
            refused(Jeton::new(line).with(variable, given));
        }
    }
    for variable in ["JETON_TLS_KEY", "JETON_TLS_CERT", "JETON_STORE_TLS_CA", "JETON_STORE_PATH"] {
        for given in [urls[0], urls[2], urls[5], urls[6], urls[7]] {
            refused(Jeton::new("serve").with(variable, given));
        }
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    refused(Jeton::new("serve").with("JETON_TLS_CERT", file).with("JETON_TLS_KEY", SECRET));
    let home = tempfile::tempdir().expect("a directory");
    for line in ["status --profile", "client list --profile"] {
        let home = home.path().to_str().expect("UTF-8");
        refused(Jeton::new(line).and(SECRET).with("HOME", home));
    }
    let settings = home.path().join("jeton.toml");
    for key in ["cert", "key", "jat_0123456789hunter2"] {
        let text = format!("[tls]\n{key} = 'jat_0123456789hunter2'\n");
        std::fs::write(&settings, text).expect("a file");
        for format in ["human", "json"] {
            let serve = Jeton::new("serve --config").and(settings.to_str().expect("UTF-8"));
            refused(serve.and("--log-format").and(format));
        }
    }
    for flag in ["--secret", "--password", "--client-secret", "--hunter2"] {
        refused(Jeton::new("token introspect").and(flag).and(SECRET));
        refused(Jeton::new("token introspect").and(&format!("{flag}={SECRET}")));
    }
    for key in [SECRET, urls[6]] {
        let shown = Jeton::new("status").with("JETON_SERVER", "https://127.0.0.1:1");
        refused(shown.with("JETON_KEY", key).with("JETON_CERT", "/dev/null"));
    }
}

/// Help names the variables that stand in for flags, and not what stands in them.
#[test]
fn help_shows_the_value_of_no_variable() {
    for line in ["serve --help", "client list --help", "status -h"] {
        let mut help = Jeton::new(line);
        for variable in ["JETON_SERVER", "JETON_PROFILE", "JETON_KEY", "JETON_HTTP_ISSUER"] {
            help = help.with(variable, "http://jeton:hunter2@127.0.0.1:1");
        }
        let shown = help.text();
        assert!(shown.contains("JETON_") && !shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn what_was_mistyped_is_still_named() {
    for (line, named) in [
        ("serve --access-overlap soon", "'soon'"),
        ("clinet list", "'clinet'"),
        ("client list --limt 3", "'--limt'"),
    ] {
        let ran = Jeton::new(line).run();
        assert!(ran.code == Some(2) && ran.err.contains(named), "{ran:?}");
    }
}
