//! An agent on the network, and one whose own credentials change.

use std::{fs, path::Path};

use crate::{
    authority::{Authority, Issued},
    common::{
        agent::Agent,
        caller::{Caller, client_credentials},
        command,
        home::Home,
        server::Server,
        settings::Settings,
        wait::until,
    },
    encrypted::{connect_at, home, with_certificate},
};

fn write(home: &Home, name: &str, contents: &str) {
    fs::write(home.path().join(name), contents).expect("a file");
}

/// Writes what an agent shows its server.
fn write_shown(directory: &Path, shown: &Issued) {
    fs::write(directory.join("shown.key"), &shown.key).expect("the key");
    fs::write(directory.join("shown.pem"), &shown.certificate).expect("the certificate");
}

const SERVED: [&str; 6] =
    ["--tls-cert", "server.pem", "--tls-key", "server.key", "--tls-client-ca", "ca.pem"];

#[tokio::test]
async fn an_agent_on_the_network_answers_callers_who_show_a_certificate() {
    let authority = Authority::new("ours");
    let server = Server::start(&Settings::standard()).await;
    let good = server.caller("shop").await.issue(client_credentials()).await.expect("a token");
    let place = home(&authority);
    write(&place, "ca.pem", &authority.pem());
    let url = server.url();
    let caller = ["--server", &*url, "--client-id", "gateway", "--listen", "127.0.0.1:0"];
    let flags = [&caller[..], &SERVED].concat();
    let agent = Agent::start_in(place, &flags, &[("JETON_CLIENT_SECRET", "gateway-secret")]).await;
    agent.hears().await;
    let shown = authority.client(10, &["orders.example"]);
    let channel = connect_at(agent.address(), &authority, Some(&shown)).await;
    let caller = Caller::new(channel.expect("a connection"), "shop");
    assert!(caller.is_active(&good.access_token).await);

    let stranger = Authority::new("another").client(10, &["orders.example"]);
    for shown in [None, Some(&stranger)] {
        let refused = match connect_at(agent.address(), &authority, shown).await {
            Err(_) => true,
            // In TLS 1.3 the refusal comes after the client's own part of the handshake.
            Ok(channel) => {
                let asked = Caller::new(channel, "shop").try_introspect(&good.access_token).await;
                asked.is_err()
            }
        };
        assert!(refused, "{}", shown.is_some());
    }
    agent.stop().await;
    server.stop().await;
}

#[test]
fn an_agent_that_other_machines_reach_needs_certificates_of_its_callers() {
    let authority = Authority::new("ours");
    let place = home(&authority);
    write(&place, "ca.pem", &authority.pem());
    write(&place, "secret", "gateway-secret\n");
    let asked = ["check", "agent", "--client-id", "gateway", "--client-secret-file", "secret"];
    let anywhere = ["--listen", "0.0.0.0:50061"];
    let check = |flags: &[&[&str]]| {
        let output = command::run(&place, &[&asked[..], &flags.concat()].concat());
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.code(), said)
    };
    assert_eq!(check(&[&anywhere, &SERVED]), (Some(0), "agent: good\n".to_owned()));
    let unknown = check(&[&anywhere, &SERVED[..4]]);
    assert!(unknown.0 == Some(1) && unknown.1.contains("callers must show"), "{unknown:?}");
    let plain = check(&[&anywhere]);
    assert!(plain.0 == Some(1) && plain.1.contains("callers must show"), "{plain:?}");
    let nothing = check(&[&["--tls-cert", "nowhere.pem", "--tls-key", "server.key"]]);
    assert!(nothing.0 == Some(1) && nothing.1.contains("nowhere.pem"), "{nothing:?}");
    let nobody = check(&[&["--socket-uids", "0"]]);
    assert!(nobody.0 == Some(1) && nobody.1.contains("--socket-uids"), "{nobody:?}");
    fs::remove_file(place.path().join("secret")).expect("it was there");
    let (code, said) = check(&[]);
    assert!(code == Some(1) && said.contains("secret: "), "{said}");
}

#[tokio::test]
async fn an_agent_takes_a_secret_and_a_certificate_as_their_files_have_them_now() {
    let authority = Authority::new("ours");
    let settings = with_certificate(Settings::standard()).set("tls", "client_auth", "optional");
    let settings = settings.set("tls", "client_ca", "ca.pem");
    let settings = settings.declare("gateway", "certificates", r#"["dns:edge.example"]"#);
    let place = home(&authority);
    write(&place, "ca.pem", &authority.pem());
    let server = Server::start_at(place, &settings).await;
    let port = server.address().rsplit(':').next().expect("a port");
    let url = format!("https://localhost:{port}");
    let flags = |named: &[&'static str]| {
        let called = ["--server", &*url, "--client-id", "gateway", "--ca", "ca.pem"];
        [&called[..], &["--listen", "127.0.0.1:0"], named].concat().into_iter().map(str::to_owned)
    };
    let start = async |place: Home, named: &[&'static str]| {
        write(&place, "ca.pem", &authority.pem());
        let flags: Vec<_> = flags(named).collect();
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        Agent::start_in(place, &flags, &[]).await
    };

    let place = Home::new();
    write(&place, "secret", "another-secret\n");
    let agent = start(place, &["--client-secret-file", "secret"]).await;
    until("to be told", async || agent.log().contains("no token of the agent's own")).await;
    assert_eq!(agent.ops().get("/readyz").await.0, 503);
    write(agent.home(), "secret", "gateway-secret\n");
    agent.hears().await;
    assert!(!agent.log().contains("another-secret") && !agent.log().contains("gateway-secret"));
    agent.stop().await;

    let place = Home::new();
    write_shown(place.path(), &authority.client(10, &["nobody.example"]));
    let agent = start(place, &["--cert", "shown.pem", "--key", "shown.key"]).await;
    until("to be told", async || agent.log().contains("no token of the agent's own")).await;
    write_shown(agent.home().path(), &authority.client(11, &["edge.example"]));
    agent.hears().await;
    assert!(agent.log().contains("the files of the connection to the server have changed"));
    agent.stop().await;
    server.stop().await;
}
