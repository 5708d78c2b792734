//! A TCP proxy that can stop to forward, as a network does that is cut, and that can hang up.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// Which connections are frozen and which are closed: those with a lower number.
#[derive(Clone, Copy, Default)]
struct Orders {
    frozen: u64,
    closed: u64,
}

/// Forwards to one address until it is told otherwise. Dropped, it closes everything.
pub(crate) struct Proxy {
    address: String,
    orders: watch::Sender<Orders>,
    _tasks: JoinSet<()>,
}

/// How many connections all proxies have taken; each has its number of them.
static TAKEN: AtomicU64 = AtomicU64::new(0);

impl Proxy {
    pub(crate) async fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let orders = watch::Sender::new(Orders::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(listen(listener, target, orders.subscribe()));
        Self { address, orders, _tasks: tasks }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Forwards nothing any more on the connections there are, and tells nobody. New ones work.
    pub(crate) fn cut(&self) {
        let now = TAKEN.load(Ordering::SeqCst);
        self.orders.send_modify(|orders| orders.frozen = now);
    }

    /// Closes the connections there are. New ones work.
    pub(crate) fn hang_up(&self) {
        let now = TAKEN.load(Ordering::SeqCst);
        self.orders.send_modify(|orders| orders.closed = now);
    }
}

async fn listen(listener: TcpListener, target: String, orders: watch::Receiver<Orders>) {
    let mut connections = JoinSet::new();
    loop {
        let (near, _) = listener.accept().await.expect("a connection");
        let number = TAKEN.fetch_add(1, Ordering::SeqCst);
        connections.spawn(forward(near, target.clone(), number, orders.clone()));
    }
}

async fn forward(
    mut near: TcpStream,
    target: String,
    number: u64,
    mut orders: watch::Receiver<Orders>,
) {
    // Nobody there: closing says so.
    let Ok(mut far) = TcpStream::connect(target).await else { return };
    let mut closing = orders.clone();
    let closed = closing.wait_for(|orders| number < orders.closed);
    let frozen = async {
        tokio::select! {
            _ = copy_bidirectional(&mut near, &mut far) => return,
            _ = orders.wait_for(|orders| number < orders.frozen) => {}
        }
        // Both ends stay open, and nothing is read.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = frozen => {}
        _ = closed => {}
    }
}
