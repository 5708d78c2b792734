//! A bound socket and its accept loop, which gRPC and HTTP share.

use std::{convert::Infallible, error::Error, io, net::SocketAddr, sync::Arc, time::Duration};

use http::{Request, Response};
use hyper::body::{Body, Bytes};
use tokio::{
    net::TcpSocket,
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::timeout,
};
use tower::Service;

use super::{
    Cores, Pending, Protocol, Received, Stage, Tls,
    age::Ages,
    connection::connection,
    policy::Policy,
    refusals::Refusals,
    socket::{Local, LocalBound, Socket},
    stream::Stream,
};
use crate::config::{LimitSettings, ListenAddress, SocketAccess};

/// Number of connections that the kernel keeps until they are accepted.
const BACKLOG: u32 = 1024;
/// Bytes that the kernel keeps for each connection: sent and not taken, and received and not read.
const SOCKET_BYTES: u32 = 256 << 10;
/// Pause before accepting again when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Longest time in which a connection that is cut off for another frees its place.
const ROOM_TIMEOUT: Duration = Duration::from_secs(1);

/// A bound socket, which nobody can connect to yet.
#[derive(Debug)]
pub struct Bound(Kind);

#[derive(Debug)]
enum Kind {
    Tcp(TcpSocket),
    Unix(LocalBound),
}

impl Bound {
    /// Binds it. The access applies to a socket of the file system alone.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn at(address: &ListenAddress, access: &SocketAccess) -> io::Result<Self> {
        match address {
            ListenAddress::Network(address) => tcp(*address).map(Kind::Tcp).map(Self),
            ListenAddress::Unix(path) => {
                LocalBound::at(path, access.clone()).map(Kind::Unix).map(Self)
            }
        }
    }

    /// The address that was bound, with its real port.
    ///
    /// # Errors
    /// If the socket's address cannot be read.
    pub fn address(&self) -> io::Result<ListenAddress> {
        match &self.0 {
            Kind::Tcp(socket) => socket.local_addr().map(ListenAddress::Network),
            Kind::Unix(local) => Ok(ListenAddress::Unix(local.path().to_owned())),
        }
    }

    /// Lets connections come, to be served by the runtime that this is called on.
    ///
    /// # Errors
    /// When another socket listens there.
    pub fn listen(self) -> io::Result<Listener> {
        match self.0 {
            Kind::Tcp(socket) => socket.listen(BACKLOG).map(Socket::Tcp).map(Listener),
            Kind::Unix(local) => local.listen(BACKLOG).map(Socket::Unix).map(Listener),
        }
    }
}

fn tcp(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Connections of the process before that are not quite gone must not keep this one out.
    socket.set_reuseaddr(true)?;
    // Bytes that a peer does not take lie in the kernel first, megabytes of them unless the size is
    // set.
    socket.set_send_buffer_size(SOCKET_BYTES)?;
    socket.set_recv_buffer_size(SOCKET_BYTES)?;
    socket.bind(address)?;
    Ok(socket)
}

/// A socket that is listened on, not yet serving.
#[derive(Debug)]
pub struct Listener(Socket);

impl Listener {
    /// Binds it and listens.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        tcp(address)?.listen(BACKLOG).map(Socket::Tcp).map(Self)
    }

    /// Checks that it could be bound there, and leaves nothing behind: an address and port is held
    /// until what comes back is dropped, a socket of the file system is not made.
    ///
    /// # Errors
    /// As [`Bound::at`].
    pub fn look_at(address: &ListenAddress) -> io::Result<Option<Self>> {
        match address {
            ListenAddress::Network(address) => Self::bind(*address).map(Some),
            ListenAddress::Unix(path) => Local::look(path).map(|()| None),
        }
    }

    /// Returns its address, with its real port.
    ///
    /// # Errors
    /// If the socket's address cannot be read.
    pub fn address(&self) -> io::Result<ListenAddress> {
        self.0.address()
    }

    /// The address that was bound, with its real port.
    ///
    /// # Errors
    /// If the socket's address cannot be read, or it is one of the file system.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        match self.0.address()? {
            ListenAddress::Network(address) => Ok(address),
            ListenAddress::Unix(_) => Err(io::ErrorKind::AddrNotAvailable.into()),
        }
    }
}

/// Treatment of a connection beyond the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// It is closed.
    Refuse,
    /// It takes the place of the one on which the last call began the longest ago.
    MakeRoom,
}

/// Settings of one listener's connections.
pub struct Carriage {
    /// Protocol of the connections.
    pub protocol: Protocol,
    /// The certificate; without one there is no TLS.
    pub tls: Option<Tls>,
    /// Limits of each connection.
    pub limits: LimitSettings,
    /// Memory kept for their peers, together with those of other listeners that share it.
    pub pending: Arc<Pending>,
    /// Treatment of a connection beyond the limit.
    pub when_full: WhenFull,
    /// Runtimes on which they are served, if not on the one that accepts them.
    pub cores: Option<Cores>,
    /// Any number: from it on, connections get a little older or younger than the limit.
    pub spread: u64,
    /// Stage of the server on its way to its end.
    pub stage: watch::Receiver<Stage>,
}

impl Carriage {
    /// Without TLS, on the runtime that accepts them, with nothing shared.
    pub fn plain(protocol: Protocol, limits: LimitSettings, stage: watch::Receiver<Stage>) -> Self {
        let most = usize::try_from(limits.pending_bytes.as_u64()).unwrap_or(usize::MAX);
        let (pending, when_full) = (Pending::limited(most), WhenFull::Refuse);
        Self { protocol, tls: None, limits, pending, when_full, cores: None, spread: 0, stage }
    }
}

/// Carries the connections of one listener.
pub struct Transport {
    policy: Arc<Policy>,
    when_full: WhenFull,
    cores: Option<Cores>,
    stage: watch::Receiver<Stage>,
    /// One for each connection, which keeps it for as long as it lives.
    places: Arc<Semaphore>,
}

impl Transport {
    /// Connections that are carried so.
    pub fn new(carriage: Carriage) -> Arc<Self> {
        let Carriage { protocol, tls, limits, pending, when_full, cores, spread, stage } = carriage;
        let ages = Ages::about(limits.connection_age, spread);
        let places = usize::try_from(limits.connections).unwrap_or(Semaphore::MAX_PERMITS);
        let (places, refused) = (Arc::new(Semaphore::new(places)), Refusals::new());
        let policy = Arc::new(Policy { protocol, tls, limits, pending, ages, refused });
        Arc::new(Self { policy, when_full, cores, stage, places })
    }

    /// Accepts connections and serves what comes over them until the stage says otherwise, and
    /// returns once the last of them is closed. Several of these may run side by side: they share
    /// the limit of connections.
    pub async fn serve<S, B>(self: Arc<Self>, listener: Listener, service: S)
    where
        S: Service<Request<Received>, Response = Response<B>, Error = Infallible>,
        S: Clone + Send + 'static,
        S::Future: Send,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let Listener(listener) = listener;
        let mut stage = self.stage.clone();
        let (told, heard) = watch::channel(Stage::Serving);
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = Stage::Draining.reached(&mut stage) => break,
            };
            match accepted {
                Ok((stream, address)) => match self.place().await {
                    Some(place) => {
                        let (service, policy) = (service.clone(), Arc::clone(&self.policy));
                        let stage = heard.clone();
                        self.put(stream, move |stream| async move {
                            connection(stream, address, service, policy, stage).await;
                            drop(place);
                        });
                    }
                    None => self.is_full(address),
                },
                Err(error) => {
                    if not_accepted(&error) {
                        let pause = Stage::Draining.reached(&mut stage);
                        // Over is what the loop looks for itself.
                        drop(timeout(ACCEPT_PAUSE, pause).await);
                    }
                }
            }
        }
        // From here on the kernel refuses new connections. Only then do open connections end: a
        // client connects again as soon as it has had GOAWAY, and a connection that
        // waits to be accepted is reset with the socket.
        drop(listener);
        told.send_replace(Stage::Draining);
        tokio::select! {
            () = self.all_are_closed() => return,
            () = Stage::Cut.reached(&mut stage) => {}
        }
        told.send_replace(Stage::Cut);
        self.all_are_closed().await;
    }

    /// A place for one more connection, if there is one or room can be made.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Some(place);
        }
        if self.when_full == WhenFull::Refuse || !self.policy.pending.cut_the_quietest() {
            return None;
        }
        let freed = timeout(ROOM_TIMEOUT, Arc::clone(&self.places).acquire_owned()).await;
        freed.ok()?.ok()
    }

    /// Waits until no connection is left.
    async fn all_are_closed(&self) {
        // Never closed itself, so it ends when every place is free.
        drop(self.places.acquire_many(self.policy.limits.connections).await);
    }

    /// Serves a connection beside all others.
    fn put<F>(&self, stream: Stream, serve: impl FnOnce(Stream) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Some(cores) = &self.cores else {
            tokio::spawn(serve(stream));
            return;
        };
        if let Err(error) = cores.serve(stream, serve) {
            tracing::warn!(%error, "a connection was closed: it could not be given to a core");
        }
    }

    fn is_full(&self, peer: SocketAddr) {
        let Policy { refused, limits, protocol, .. } = &*self.policy;
        if refused.may_tell() {
            let limit = limits.connections;
            tracing::warn!(%peer, limit, ?protocol, "a connection was closed: there are too many");
        }
    }
}

/// Logs why a connection could not be accepted. Returns whether to wait before the next one: a peer
/// that left is no reason, a process without file descriptors would try for ever.
fn not_accepted(error: &io::Error) -> bool {
    let by_peer = [io::ErrorKind::ConnectionAborted, io::ErrorKind::ConnectionReset];
    if by_peer.contains(&error.kind()) {
        return false;
    }
    tracing::warn!(%error, "connections cannot be accepted");
    true
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
        task::JoinSet,
    };
    use tower::service_fn;

    use super::*;

    /// Returns whether a request is answered.
    async fn answered(stream: &mut TcpStream) -> bool {
        let asked = stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        asked.is_ok() && stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0)
    }

    async fn connect(address: SocketAddr) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.expect("connected");
        assert!(answered(&mut stream).await);
        stream
    }

    /// Asks until the connection is closed, and answers how the next one is refused.
    async fn ask_to_the_end(mut stream: TcpStream) -> io::ErrorKind {
        let address = stream.peer_addr().expect("connected");
        while answered(&mut stream).await {}
        TcpStream::connect(address).await.expect_err("nobody listens").kind()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn the_listener_is_closed_before_connections_hear_that_it_drains() {
        for _ in 0..300 {
            let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0).into()).expect("bound");
            let address = listener.local_address().expect("an address");
            let (stage, heard) = watch::channel(Stage::Serving);
            let carriage = Carriage::plain(Protocol::Http1, LimitSettings::default(), heard);
            let transport = Transport::new(carriage);
            let service = service_fn(async |_| Ok(Response::new(String::new())));
            let serving = tokio::spawn(transport.serve(listener, service));
            let mut clients = JoinSet::new();
            for _ in 0..8 {
                clients.spawn(ask_to_the_end(connect(address).await));
            }
            stage.send_replace(Stage::Draining);
            for refused in clients.join_all().await {
                assert_eq!(refused, io::ErrorKind::ConnectionRefused);
            }
            serving.await.expect("it ends");
        }
    }
}
