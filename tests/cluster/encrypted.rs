//! Connections to the database are encrypted where that is asked for, and lead to nobody else.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::{
    authority::Authority,
    common::{admin::with_admin, command::text, home::Home, server::Server},
    database::Database,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn tls_is_spoken_with_a_database_that_the_ca_vouches_for_by_its_name_and_with_no_other() {
    let database = Database::alone();
    let settings = with_admin();
    let home = Home::new();
    let (ours, theirs) = (Authority::new("of the database"), Authority::new("of somebody else"));
    let [known, unknown] = [("known.pem", &ours), ("unknown.pem", &theirs)].map(|(name, ca)| {
        let path = home.path().join(name);
        fs::write(&path, ca.pem()).expect("a CA");
        path
    });
    let [by_name, by_address] = ["localhost", "127.0.0.1"]
        .map(|host| format!("{}?sslmode=require", database.url_of_primary(host)));
    let refused = async |url: &str, ca: Option<&str>| {
        let ca = ca.map(|ca| ("JETON_STORE_TLS_CA", ca));
        let environment: Vec<_> = [("JETON_STORE_URL", url)].into_iter().chain(ca).collect();
        Server::fail_to_start_with(&home, &settings, &environment).await
    };

    let said = refused(&by_name, Some(text(&known))).await;
    assert!(said.contains("server does not support TLS"), "{said}");

    database.encrypt(&ours.server(1));
    // Another CA is refused, and so are the system's alone and a certificate for another host.
    for ca in [Some(text(&unknown)), None] {
        let said = refused(&by_name, ca).await;
        assert!(said.contains("invalid peer certificate"), "{said}");
    }
    let said = refused(&by_address, Some(text(&known))).await;
    assert!(said.contains("not valid for name"), "{said}");
    assert_eq!(database.run("SELECT to_regclass('jeton_store')"), "", "nothing was sent");

    let environment = [("JETON_STORE_URL", &*by_name), ("JETON_STORE_TLS_CA", text(&known))];
    let server = Server::start_with(Home::new(), &settings, &environment).await;
    let shop = server.caller("shop").await;
    assert!(shop.is_active(&shop.log_in().await.access_token).await);
    let encrypted = database.run(
        "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
         WHERE application_name = 'jeton'",
    );
    assert_eq!(encrypted, "t");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn the_url_says_how_by_the_names_that_libpq_has_for_it() {
    let database = Database::alone();
    let settings = with_admin();
    let home = Home::new();
    let (ours, theirs) = (Authority::new("of the database"), Authority::new("of somebody else"));
    let file = |name: &str, text: &str| {
        let path = home.path().join(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("chmod");
        path.to_str().expect("UTF-8").to_owned()
    };
    let (known, unknown) = (file("known.pem", &ours.pem()), file("unknown.pem", &theirs.pem()));
    database.encrypt(&ours.server(1));
    let client = ours.client(2, &["jeton"]);
    let (cert, key) = (file("client.pem", &client.certificate), file("client.key", &client.key));
    let url =
        |host: &str, parameters: &str| format!("{}?{parameters}", database.url_of_primary(host));
    for (host, parameters, words) in [
        ("localhost", format!("sslmode=verify-full&sslrootcert={unknown}"), "invalid peer"),
        ("localhost", format!("sslmode=verify-ca&sslrootcert={unknown}"), "invalid peer"),
        ("127.0.0.1", format!("sslmode=verify-full&sslrootcert={known}"), "not valid for name"),
        ("127.0.0.1", format!("sslmode=require&sslrootcert={known}"), "not valid for name"),
        ("localhost", "sslmode=verify-full&sslrootcert=system".to_owned(), "invalid peer"),
        ("localhost", format!("sslrootcert={known}&sslmode=allow"), "sslmode of disable"),
    ] {
        let url = url(host, &parameters);
        let environment = [("JETON_STORE_URL", &*url)];
        let said = Server::fail_to_start_with(&home, &settings, &environment).await;
        assert!(said.contains(words), "{parameters}: {said}");
    }
    let sessions = |columns: &str| {
        database.run(&format!(
            "SELECT DISTINCT {columns} FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
             WHERE application_name = 'jeton'"
        ))
    };
    // The server keys are the store's.
    let mut serving = Home::new();
    for (host, parameters, encrypted) in [
        ("localhost", format!("sslmode=verify-full&sslrootcert={known}"), "t"),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={known}"), "t"),
        ("localhost", format!("sslmode=prefer&sslrootcert={known}"), "t"),
        ("localhost", "sslmode=disable".to_owned(), "f"),
        // To this machine it is not encrypted unless that is asked for.
        ("localhost", "application_name=jeton".to_owned(), "f"),
    ] {
        let url = url(host, &parameters);
        let environment = [("JETON_STORE_URL", &*url)];
        let server = Server::start_with(serving, &settings, &environment).await;
        server.caller("shop").await.log_in().await;
        assert_eq!(sessions("ssl"), encrypted, "{parameters}");
        serving = server.stop().await;
    }
    // A server that has a CA for clients asks for a certificate, and is shown ours.
    let copy = readable(&known);
    database.run(&format!("ALTER SYSTEM SET ssl_ca_file = '{copy}'"));
    database.run("SELECT pg_reload_conf()");
    let parameters = format!("sslmode=verify-full&sslrootcert={known}&sslcert={cert}&sslkey={key}");
    let url = url("localhost", &parameters);
    let environment = [("JETON_STORE_URL", &*url)];
    let server = Server::start_with(serving, &settings, &environment).await;
    assert_eq!(sessions("client_serial"), "2");
    server.stop().await;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("chmod");
    let said = Server::fail_to_start_with(&home, &settings, &environment).await;
    assert!(said.contains("must not be readable by group or others"), "{said}");
    fs::remove_file(copy).expect("the copy");
}

/// A copy where the database's user can read it.
fn readable(path: &str) -> String {
    let copy = std::env::temp_dir().join(format!("jeton-ca-{}.pem", std::process::id()));
    fs::copy(path, &copy).expect("a copy");
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o644)).expect("chmod");
    copy.to_str().expect("UTF-8").to_owned()
}
