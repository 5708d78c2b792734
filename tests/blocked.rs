//! Nobody reads what the server writes, and files that it reads have no end: it serves, answers probes
//! and hears signals all the same.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::{
    fs,
    io::{ErrorKind, PipeReader, Write as _, pipe},
    net::TcpListener,
    os::unix::{fs::PermissionsExt as _, net::UnixDatagram},
    path::Path,
    process::{Child, Command, ExitStatus},
};

use rustix::fs::{CWD, FileType, Mode, OFlags, fcntl_getfl, fcntl_setfl, mknodat};
use tokio::{task::spawn_blocking, time::timeout};
use tonic::transport::{Channel, Endpoint};

use crate::common::{
    caller::{Caller, client_credentials},
    home::Home,
    ops::Ops,
    server::{Server, jeton},
    settings::Settings,
    wait::{LIMIT, until, within},
};

/// An address that nobody listens on.
fn free_address() -> String {
    let probe = TcpListener::bind("127.0.0.1:0").expect("a free port");
    probe.local_addr().expect("its address").to_string()
}

/// A server whose standard output and standard error are one pipe that is full from the start.
struct Unread {
    /// `None` once it was waited for.
    child: Option<Child>,
    ops: Ops,
    grpc: String,
    _home: Home,
    /// Held, and never read.
    _nobody: PipeReader,
}

impl Unread {
    /// Starts one with more arguments and variables, and does not wait for it.
    fn start(settings: &Settings, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let home = Home::new();
        let (nobody, mut full) = pipe().expect("a pipe");
        let flags = fcntl_getfl(&full).expect("its flags");
        fcntl_setfl(&full, flags | OFlags::NONBLOCK).expect("its flags");
        while full.write(&[b'.'; 512]).is_ok() {}
        assert_eq!(full.write(b".").expect_err("full").kind(), ErrorKind::WouldBlock);
        fcntl_setfl(&full, flags).expect("its flags");
        let (grpc, ops) = (free_address(), free_address());
        let mut command = jeton(&home, settings);
        command.args(arguments).envs(variables.iter().copied());
        command.envs([("JETON_GRPC_LISTEN", &grpc), ("JETON_OPS_LISTEN", &ops)]);
        command.stdout(full.try_clone().expect("the pipe")).stderr(full);
        let child = command.spawn().expect("jeton starts");
        Self { child: Some(child), ops: Ops { address: ops }, grpc, _home: home, _nobody: nobody }
    }

    async fn connect(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.grpc)).expect("a URL");
        until("to listen", async || endpoint.connect().await.is_ok()).await;
        endpoint.connect().await.expect("a connection")
    }

    /// Waits until it serves, and hands out a client.
    async fn serving(&self) -> Caller {
        let shop = Caller::new(self.connect().await, "shop");
        until("to serve", async || shop.issue(client_credentials()).await.is_ok()).await;
        shop
    }

    fn signal(&self, name: &str) {
        let pid = self.child.as_ref().expect("it runs").id();
        let kill = format!("kill -{name} {pid}");
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("sh runs").success());
    }

    async fn ended(mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        let pid = child.id();
        let waiting = timeout(LIMIT, spawn_blocking(move || child.wait())).await;
        if waiting.is_err() {
            let kill = format!("kill -KILL {pid}");
            drop(Command::new("sh").args(["-c", &kill]).status());
        }
        let status = waiting.expect("it ends in time").expect("it is waited for");
        status.expect("its status")
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Fails when it has ended already.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn at_level(filter: &str) -> Settings {
    Settings::standard().set("log", "filter", filter)
}

fn make_fifo(path: &Path) {
    fs::remove_file(path).expect("the file before");
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a FIFO");
}

#[tokio::test]
async fn a_log_that_nobody_reads_keeps_no_call_no_probe_and_no_signal() {
    let server = Unread::start(&at_level("trace"), &[], &[]);
    let shop = server.serving().await;
    for _ in 0..100 {
        let token = within("to issue", shop.issue(client_credentials())).await.expect("a token");
        assert!(within("to introspect", shop.is_active(&token.access_token)).await);
    }
    assert_eq!(server.ops.metrics().await.count("jeton_log_lines_lost_total"), 0);
    assert_eq!(server.ops.get("/livez").await, (200, "alive\n".to_owned()));
    assert_eq!(server.ops.get("/readyz").await, (200, "ready\n".to_owned()));
    server.signal("HUP");
    assert!(within("to introspect", shop.issue(client_credentials())).await.is_ok());
    server.signal("TERM");
    assert_eq!(server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn an_audit_that_nobody_reads_keeps_no_call_and_no_signal() {
    for target in ["log", "stdout"] {
        let server = Unread::start(&at_level("off").set("audit", "target", target), &[], &[]);
        let shop = server.serving().await;
        for _ in 0..1_000 {
            within("to issue", shop.issue(client_credentials())).await.expect("a token");
        }
        server.signal("TERM");
        assert_eq!(server.ended().await.code(), Some(0), "{target}");
    }
}

#[tokio::test]
async fn a_first_administrator_whom_nobody_is_told_of_is_not_made_and_the_stop_is_heard() {
    let server = Unread::start(&at_level("info"), &["--init-admin"], &[]);
    let _connection = server.connect().await;
    assert_eq!(server.ops.get("/readyz").await, (503, "starting\n".to_owned()));
    server.signal("TERM");
    assert_eq!(server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn an_error_that_nobody_reads_does_not_keep_the_process() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("its address").to_string();
    let server = Unread::start(&at_level("info"), &["--http-listen", &taken], &[]);
    let _held = TcpListener::bind(&taken);
    assert_eq!(server.ended().await.code(), Some(1));
}

#[tokio::test]
async fn a_service_manager_that_takes_no_message_keeps_no_call_and_no_signal() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("notify");
    let _nobody = UnixDatagram::bind(&path).expect("a socket");
    let full = UnixDatagram::unbound().expect("a socket");
    full.set_nonblocking(true).expect("a socket");
    while full.send_to(b"full", &path).is_ok() {}
    let path = path.to_str().expect("a path in UTF-8");
    let server = Unread::start(&at_level("info"), &[], &[("NOTIFY_SOCKET", path)]);
    let shop = server.serving().await;
    for _ in 0..3 {
        server.signal("HUP");
        within("to issue", shop.issue(client_credentials())).await.expect("a token");
    }
    server.signal("TERM");
    assert_eq!(server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_fifo_in_the_place_of_settings_or_a_secret_is_told_of_and_keeps_no_signal() {
    let home = Home::new();
    let secret = home.path().join("shop.secret");
    fs::write(&secret, "shop-secret").expect("the secret");
    let settings = Settings::standard().undeclare("shop", "secret");
    let settings = settings.declare("shop", "secret_file", &format!("{secret:?}"));
    let server = Server::start_at(home, &settings).await;
    let shop = server.caller("shop").await;
    for path in [secret, server.home().path().join("jeton.toml")] {
        make_fifo(&path);
        server.signal("HUP");
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        until("to be told", async || {
            // Paces the asking.
            shop.issue(client_credentials()).await.expect("it serves on");
            let told = |line: &str| line.contains(name) && line.contains("not a regular file");
            server.log().lines().any(told)
        })
        .await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_fifo_in_the_key_ring_is_told_of_and_keeps_neither_signal_nor_the_next_ring() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let fifo = server.home().keys().join("other.key");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a FIFO");
    until("to be told", async || {
        shop.issue(client_credentials()).await.expect("it serves on");
        server.log().contains("other.key: not a regular file")
    })
    .await;
    fs::remove_file(&fifo).expect("the FIFO");
    fs::write(&fifo, "no key").expect("a file");
    fs::set_permissions(&fifo, fs::Permissions::from_mode(0o600)).expect("chmod");
    server.logs("must hold 64 hexadecimal digits").await;
    server.stop().await;
}
