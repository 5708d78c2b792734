//! A service manager that receives the messages of a server (`sd_notify(3)`).

use std::{
    cell::RefCell,
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixDatagram},
    },
    path::Path,
};

use super::{home::Home, server::Server, settings::Settings, wait::until};

/// Its socket, and the messages that it received.
pub(crate) struct ServiceManager {
    /// Name of the socket in the environment.
    name: String,
    socket: UnixDatagram,
    told: RefCell<Vec<String>>,
}

impl ServiceManager {
    /// One that listens in `directory`.
    pub(crate) fn listen(directory: &Path) -> Self {
        let path = directory.join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        Self::of(path.to_str().expect("a path in UTF-8").to_owned(), socket)
    }

    /// One that listens under a name of the kernel's.
    pub(crate) fn listen_abstract(name: &str) -> Self {
        let address = SocketAddr::from_abstract_name(name).expect("a name");
        Self::of(format!("@{name}"), UnixDatagram::bind_addr(&address).expect("a socket"))
    }

    fn of(name: String, socket: UnixDatagram) -> Self {
        socket.set_nonblocking(true).expect("a socket");
        Self { name, socket, told: RefCell::default() }
    }

    /// A server in `home` that it has started.
    pub(crate) async fn start(&self, home: Home, settings: &Settings) -> Server {
        let server = self.start_with(home, settings, &[]).await;
        self.hears(&server, &["READY=1\n"]).await;
        server
    }

    /// Starts a server with environment variables of its own, without waiting for its message.
    pub(crate) async fn start_with(
        &self,
        home: Home,
        settings: &Settings,
        environment: &[(&str, &str)],
    ) -> Server {
        let environment = [&[("NOTIFY_SOCKET", self.name.as_str())], environment].concat();
        Server::start_with(home, settings, &environment).await
    }

    /// Returns every message since the last call of [`hears`](Self::hears), one datagram each.
    pub(crate) fn told(&self) -> Vec<String> {
        let mut told = self.told.borrow_mut();
        let mut datagram = [0; 256];
        while let Ok(length) = self.socket.recv(&mut datagram) {
            told.push(String::from_utf8_lossy(&datagram[..length]).into_owned());
        }
        told.clone()
    }

    /// Waits for as many messages as these, and insists that they are these: each the beginning of
    /// a datagram.
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
