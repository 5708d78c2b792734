//! Runtimes of one thread each, to which connections are dealt.
//!
//! A connection stays where it was put: its calls never wait for another thread to take them over,
//! which is what a call costs most after the kernel when several threads share a runtime. In exchange a
//! single busy connection cannot use more than one core.

use std::{
    convert::Infallible,
    io,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

use super::stream::Stream;

/// Threads that wait for the disk, of all cores together: what a runtime has by default.
const MOST_BLOCKING: usize = 512;

/// The runtimes. Cloning shares them; their threads end with the last clone.
#[derive(Clone)]
pub struct Cores(Arc<[Core]>);

struct Core {
    runtime: Handle,
    connections: Arc<AtomicUsize>,
    /// Dropped with the core, which ends its thread.
    _running: oneshot::Sender<Infallible>,
}

impl Cores {
    /// Starts so many.
    ///
    /// # Errors
    /// When a thread or its runtime cannot be had.
    pub fn start(count: NonZeroUsize) -> io::Result<Self> {
        let blocking = (MOST_BLOCKING / count).max(1);
        (0..count.get())
            .map(|number| Core::start(number, blocking))
            .collect::<io::Result<_>>()
            .map(Self)
    }

    /// Returns once every one of them has run a task, and not before.
    pub async fn respond(&self) {
        for core in &*self.0 {
            // Only a runtime that ends drops what was spawned on it.
            let _ended = core.runtime.spawn(async {}).await;
        }
    }

    /// Runs what `serve` makes of the stream where there are the fewest connections.
    ///
    /// # Errors
    /// When the stream cannot be moved from this runtime to that one.
    pub(super) fn serve<F>(
        &self,
        stream: Stream,
        serve: impl FnOnce(Stream) -> F + Send + 'static,
    ) -> io::Result<()>
    where
        F: Future<Output = ()> + Send,
    {
        let load = |core: &&Core| core.connections.load(Ordering::Relaxed);
        let Some(core) = self.0.iter().min_by_key(load) else { return Ok(()) };
        let stream = stream.into_moving()?;
        let counted = Counted::one(&core.connections);
        core.runtime.spawn(async move {
            let _counted = counted;
            match stream.arrive() {
                Ok(stream) => serve(stream).await,
                Err(error) => tracing::warn!(%error, "a connection cannot be served"),
            }
        });
        Ok(())
    }
}

impl Core {
    fn start(number: usize, blocking: usize) -> io::Result<Self> {
        let mut builder = Builder::new_current_thread();
        let own = builder.enable_all().max_blocking_threads(blocking).build()?;
        let runtime = own.handle().clone();
        let (running, ended) = oneshot::channel();
        thread::Builder::new().name(format!("core-{number}")).spawn(move || {
            let Err(_ended) = own.block_on(ended);
            // Blocking threads are not waited for.
            own.shutdown_background();
        })?;
        Ok(Self { runtime, connections: Arc::default(), _running: running })
    }
}

/// A connection, until it is dropped.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn one(connections: &Arc<AtomicUsize>) -> Self {
        connections.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(connections))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, thread::ThreadId};

    use tokio::{
        io::AsyncReadExt as _,
        net::{TcpListener, TcpStream},
        sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    };

    use super::*;

    fn three() -> Cores {
        Cores::start(NonZeroUsize::new(3).expect("above zero")).expect("threads")
    }

    /// Connects, and serves the other end until it hangs up; sends the id of the serving thread.
    async fn connect(cores: &Cores, served: &UnboundedSender<ThreadId>) -> TcpStream {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a listener");
        let client = TcpStream::connect(listener.local_addr().expect("its address"));
        let (client, accepted) = tokio::join!(client, listener.accept());
        let served = served.clone();
        let serve = move |mut stream: Stream| async move {
            served.send(thread::current().id()).expect("the test listens");
            let hung_up = stream.read(&mut [0]).await;
            assert_eq!(hung_up.ok(), Some(0));
        };
        cores.serve(Stream::Tcp(accepted.expect("accepted").0), serve).expect("moved");
        client.expect("connected")
    }

    async fn told(threads: &mut UnboundedReceiver<ThreadId>) -> ThreadId {
        threads.recv().await.expect("it is served")
    }

    #[tokio::test]
    async fn a_connection_goes_where_there_are_the_fewest() {
        let cores = three();
        let (served, mut threads) = unbounded_channel();
        let mut clients = Vec::new();
        let mut seen = Vec::new();
        for _ in 0..3 {
            clients.push(connect(&cores, &served).await);
            seen.push(told(&mut threads).await);
        }
        assert!(seen[0] != seen[1] && seen[1] != seen[2] && seen[0] != seen[2], "{seen:?}");
        // The place of one that has hung up is the next one's.
        clients.remove(1);
        while cores.0[1].connections.load(Ordering::Relaxed) > 0 {
            cores.respond().await;
        }
        let next = connect(&cores, &served).await;
        assert_eq!(told(&mut threads).await, seen[1]);
        drop((clients, next));
    }

    #[tokio::test]
    async fn one_that_is_stuck_does_not_respond() {
        let cores = three();
        cores.respond().await;
        let (release, held) = std::sync::mpsc::channel::<()>();
        cores.0[2].runtime.spawn(async move { held.recv().is_ok() });
        let responding = tokio::spawn({
            let cores = cores.clone();
            async move { cores.respond().await }
        });
        cores.0[0].runtime.spawn(async {}).await.expect("the first runs");
        cores.0[1].runtime.spawn(async {}).await.expect("the second runs");
        assert!(!responding.is_finished());
        release.send(()).expect("it waits");
        responding.await.expect("all run");
    }
}
