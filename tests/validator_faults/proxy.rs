//! A TCP proxy that can lose, delay and cut what goes through it, as a network does.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// Pieces of what was read that wait for their time, at most.
const ON_THE_WAY: usize = 1_024;

/// Treatment of connections. Each has a number; those with a lower one are meant.
#[derive(Clone, Copy, Default)]
struct Orders {
    frozen: u64,
    closed: u64,
    /// True if the server's bytes wait here, on every connection.
    held: bool,
    /// Longest delay of each piece, in either direction.
    delay: Duration,
}

/// Forwards to one address until its orders change. Dropped, it closes everything.
pub(crate) struct Proxy {
    address: String,
    orders: watch::Sender<Orders>,
    _tasks: JoinSet<()>,
}

/// Number of connections that all proxies have taken; each has its number of them.
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

    /// Returns its address.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// From now on each piece is on its way for anything up to so long.
    pub(crate) fn delay(&self, longest: Duration) {
        self.orders.send_modify(|orders| orders.delay = longest);
    }

    /// Forwards nothing any more on the connections there are, without closing them. New ones work.
    pub(crate) fn cut(&self) {
        let now = TAKEN.load(Ordering::SeqCst);
        self.orders.send_modify(|orders| orders.frozen = now);
    }

    /// Closes the connections there are. New ones work.
    pub(crate) fn hang_up(&self) {
        let now = TAKEN.load(Ordering::SeqCst);
        self.orders.send_modify(|orders| orders.closed = now);
    }

    /// Keeps back what the server says from now on, on every connection there is or will be.
    pub(crate) fn hold(&self) {
        self.orders.send_modify(|orders| orders.held = true);
    }

    /// Hands on what was kept back.
    pub(crate) fn release(&self) {
        self.orders.send_modify(|orders| orders.held = false);
    }

    /// Closes the connections there are: what was kept back is lost. New ones work.
    pub(crate) fn lose(&self) {
        let now = TAKEN.load(Ordering::SeqCst);
        self.orders.send_modify(|orders| *orders = Orders { closed: now, held: false, ..*orders });
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
    near: TcpStream,
    target: String,
    number: u64,
    mut orders: watch::Receiver<Orders>,
) {
    // Nobody there: closing says so.
    let Ok(far) = TcpStream::connect(target).await else { return };
    for stream in [&near, &far] {
        stream.set_nodelay(true).expect("an open socket");
    }
    let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
    let moves = move |orders: &Orders| number >= orders.frozen;
    let asking = pump(from_near, to_far, orders.clone(), moves);
    let answering =
        pump(from_far, to_near, orders.clone(), move |orders| moves(orders) && !orders.held);
    tokio::select! {
        // First: what an order loses is not forwarded by the same order.
        biased;
        _ = orders.wait_for(|orders| number < orders.closed) => {}
        () = asking => {}
        () = answering => {}
    }
}

/// Bytes that were read, and their time of arrival.
struct Piece {
    bytes: Vec<u8>,
    due: Instant,
}

/// Moves bytes while they are allowed to move. An order holds all bytes that come after it.
async fn pump(
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    orders: watch::Receiver<Orders>,
    moves: impl Fn(&Orders) -> bool,
) {
    let (sender, pieces) = mpsc::channel(ON_THE_WAY);
    // The last piece still arrives.
    tokio::join!(read(from, sender, orders.clone()), write(to, pieces, orders, moves));
}

async fn read(
    mut from: OwnedReadHalf,
    pieces: mpsc::Sender<Piece>,
    orders: watch::Receiver<Orders>,
) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        let delay = orders.borrow().delay.mul_f64(fastrand::f64());
        let piece = Piece { bytes: bytes[..read].to_vec(), due: Instant::now() + delay };
        if pieces.send(piece).await.is_err() {
            return;
        }
    }
}

/// A piece that overtakes another one on its way arrives right behind it.
async fn write(
    mut to: OwnedWriteHalf,
    mut pieces: mpsc::Receiver<Piece>,
    mut orders: watch::Receiver<Orders>,
    moves: impl Fn(&Orders) -> bool,
) {
    while let Some(Piece { bytes, due }) = pieces.recv().await {
        sleep_until(due).await;
        if orders.wait_for(&moves).await.is_err() || to.write_all(&bytes).await.is_err() {
            return;
        }
    }
}
