//! Connections to the database are encrypted where that is asked for, and lead to nobody else.

use std::fs;

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
    // Neither another CA's word is good, nor the system's alone, nor one for another host.
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
