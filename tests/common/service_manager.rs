//! A service manager that listens to what a server tells it (`sd_notify(3)`).

use std::{
    cell::RefCell,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
};

use super::{home::Home, server::Server, settings::Settings, wait::until};

/// Its socket, and what it was told.
pub(crate) struct ServiceManager {
    path: PathBuf,
    socket: UnixDatagram,
    told: RefCell<Vec<String>>,
}

impl ServiceManager {
    /// One that listens in `directory`.
    pub(crate) fn listen(directory: &Path) -> Self {
        let path = directory.join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_nonblocking(true).expect("a socket");
        Self { path, socket, told: RefCell::default() }
    }

    /// A server in `home` that it has started.
    pub(crate) async fn start(&self, home: Home, settings: &Settings) -> Server {
        let path = self.path.to_str().expect("a path in UTF-8");
        let server = Server::start_with(home, settings, &[("NOTIFY_SOCKET", path)]).await;
        self.hears(&server, &["READY=1\n"]).await;
        server
    }

    /// Everything that it was told since it last [heard](Self::hears) something, one datagram each.
    pub(crate) fn told(&self) -> Vec<String> {
        let mut told = self.told.borrow_mut();
        let mut datagram = [0; 256];
        while let Ok(length) = self.socket.recv(&mut datagram) {
            told.push(String::from_utf8_lossy(&datagram[..length]).into_owned());
        }
        told.clone()
    }

    /// Waits until it is told as much as this, and insists that it is this: each the beginning of a
    /// datagram.
    pub(crate) async fn hears(&self, server: &Server, words: &[&str]) {
        let ops = server.ops().await;
        until("to tell the service manager", async || {
            // Paces the asking.
            ops.get("/livez").await;
            self.told().len() >= words.len()
        })
        .await;
        let told = self.told.take();
        let alike = told.iter().zip(words).all(|(told, words)| told.starts_with(words));
        assert!(alike && told.len() == words.len(), "{told:?}");
    }
}
