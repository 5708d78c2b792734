//! Certificates change while the server works: nobody notices but those who look.

use std::{
    fs,
    os::unix::fs::symlink,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustls::{
    DEFAULT_VERSIONS,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use tokio::task::JoinSet;

use crate::{
    authority::{Authority, Issued},
    common::{
        caller::{Caller, client_credentials},
        home::Home,
        server::Server,
        service_manager::ServiceManager,
        settings::Settings,
        wait::until,
    },
    encrypted::{Offer, connect, home, shake_hands, with_certificate},
};

/// The certificate that a new connection is shown.
async fn shown(server: &Server, authority: &Authority) -> Vec<u8> {
    let offer = Offer { identity: None, protocols: &["h2"], versions: DEFAULT_VERSIONS };
    shake_hands(server.address(), authority, offer).await.expect("a handshake").certificate
}

fn der(issued: &Issued) -> Vec<u8> {
    CertificateDer::from_pem_slice(issued.certificate.as_bytes()).expect("PEM").to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_roll_over_under_load_and_no_call_fails() {
    let authority = Arc::new(Authority::new("rolling"));
    let settings = with_certificate(Settings::standard());
    let server = Arc::new(Server::start_at(home(&authority), &settings).await);
    let old = connect(&server, &authority, None).await.expect("a connection");
    let shop = Caller::new(old, "shop");
    let token = shop.issue(client_credentials()).await.expect("a token").access_token;

    let (over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut load = JoinSet::new();
    for _ in 0..4 {
        let (server, authority) = (Arc::clone(&server), Arc::clone(&authority));
        let (over, answered) = (Arc::clone(&over), Arc::clone(&answered));
        let (kept, token) = (shop.clone(), token.clone());
        load.spawn(async move {
            while !over.load(Ordering::SeqCst) {
                let fresh = connect(&server, &authority, None).await.expect("a new connection");
                for caller in [&Caller::new(fresh, "shop"), &kept] {
                    assert!(caller.is_active(&token).await);
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
    }
    for serial in 2..7 {
        let next = authority.server(serial);
        let before = answered.load(Ordering::SeqCst);
        next.write(server.home().path());
        until("to show the new certificate", async || {
            shown(&server, &authority).await == der(&next)
        })
        .await;
        until("the load to go on", async || {
            shown(&server, &authority).await;
            answered.load(Ordering::SeqCst) > before + 8
        })
        .await;
    }
    over.store(true, Ordering::SeqCst);
    // Every call that failed has panicked in its task.
    load.join_all().await;
    println!("{} calls over five certificates, none failed", answered.load(Ordering::SeqCst));
    let log = server.log();
    assert_eq!(log.matches("the certificates have changed").count(), 5, "{log}");
    let server = Arc::into_inner(server).expect("nobody else has it");
    server.stop().await;
}

#[tokio::test]
async fn a_reload_is_over_once_new_connections_are_shown_the_new_certificate() {
    let authority = Authority::new("reloaded");
    let settings = with_certificate(Settings::standard());
    let home = home(&authority);
    let manager = ServiceManager::listen(home.path());
    let server = manager.start(home, &settings).await;
    for serial in 2..22 {
        let next = authority.server(serial);
        next.write(server.home().path());
        server.signal("HUP");
        manager.hears(&server, &["RELOADING=1\n", "READY=1\n"]).await;
        assert_eq!(shown(&server, &authority).await, der(&next));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_certificate_that_is_swapped_in_the_way_of_kubernetes_is_taken() {
    let authority = Authority::new("mounted");
    let settings = Settings::standard().set("tls", "cert", "tls/server.pem");
    let settings = settings.set("tls", "key", "tls/server.key");
    let home = Home::new();
    // The files are links into a directory that is itself a link, which is then replaced.
    let mount = home.path().join("tls");
    let swap_in = |revision: &str, issued: &Issued| {
        fs::create_dir_all(mount.join(revision)).expect("a directory");
        issued.write(&mount.join(revision));
        symlink(revision, mount.join("..data_tmp")).expect("a link");
        fs::rename(mount.join("..data_tmp"), mount.join("..data")).expect("the link");
    };
    swap_in("..1", &authority.server(1));
    for file in ["server.pem", "server.key"] {
        symlink(format!("..data/{file}"), mount.join(file)).expect("a link");
    }
    let server = Server::start_at(home, &settings).await;
    let next = authority.server(2);
    swap_in("..2", &next);
    until("to show the new certificate", async || shown(&server, &authority).await == der(&next))
        .await;
    assert!(!server.log().contains("are refused"), "{}", server.log());
    server.stop().await;
}

#[tokio::test]
async fn a_broken_certificate_is_told_of_once_and_the_one_before_stays() {
    let authority = Authority::new("steady");
    let settings = with_certificate(Settings::standard());
    let server = Server::start_at(home(&authority), &settings).await;
    let first = shown(&server, &authority).await;
    let path = server.home().path().to_owned();
    for (broken, reason) in [
        ("", "holds no certificate"),
        (&*authority.expired_server().certificate, "has expired"),
        (&*authority.server(2).certificate, "does not belong to the certificate"),
    ] {
        fs::write(path.join("server.pem"), broken).expect("a broken one");
        until("to be told", async || {
            server.signal("HUP");
            assert_eq!(shown(&server, &authority).await, first);
            server.log().contains(reason)
        })
        .await;
    }
    fs::remove_file(path.join("server.pem")).expect("the broken one");
    mknodat(CWD, path.join("server.pem"), FileType::Fifo, Mode::RUSR, 0).expect("a FIFO");
    until("to be told", async || {
        assert_eq!(shown(&server, &authority).await, first);
        server.log().contains("not a regular file")
    })
    .await;
    fs::remove_file(path.join("server.pem")).expect("the FIFO");
    server.signal("HUP");
    let good = authority.server(3);
    good.write(&path);
    until("to be mended", async || shown(&server, &authority).await == der(&good)).await;
    let log = server.log();
    for reason in ["holds no certificate", "has expired", "does not belong", "not a regular file"] {
        assert_eq!(log.matches(reason).count(), 1, "{reason}: {log}");
    }
    server.logs("every other setting needs a restart").await;
    let metrics = server.ops().await.metrics().await;
    let expires = metrics.count("jeton_tls_certificate_expire_timestamp_seconds");
    // rcgen's certificates are good to the end of the year 4095.
    assert!(expires > 60_000_000_000, "{expires}");
    server.stop().await;
}
