//! Threads of their own for argon2: a login storm may fill their queue, never the runtime.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
};

use tokio::sync::oneshot;

use super::phc::{self, Memory};
use crate::domain::{
    entropy::{Entropy, draw},
    error::Error,
    hash_cost::HashCost,
    invalid::Invalid,
    secret::Secret,
};
use crate::metrics::{Counter, Gauge, Histogram, Registry, Stopwatch};

/// Hashes that may wait for each thread: about a third of a second's work at the default cost.
/// Beyond it a caller is better served by being told to come back.
const QUEUE_PER_THREAD: usize = 16;

/// Seconds that one hash takes: a millisecond at the least cost, much more at a high one.
const SECONDS: [f64; 9] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];

type Job = Box<dyn FnOnce(&mut Memory) + Send>;

/// The pool. A job that was begun is finished, whether or not its caller still waits: what is
/// bounded is the work, not the callers. Dropping the pool ends its threads.
pub struct HashPool {
    jobs: SyncSender<Job>,
    cost: HashCost,
    entropy: Arc<dyn Entropy>,
    /// Checked in the place of a hash that does not exist, so that both take as long.
    decoy: Box<str>,
    registry: Registry,
    waiting: Gauge,
    refused: Counter,
    seconds: Histogram,
}

impl HashPool {
    /// Starts `threads` hashing threads, at least one.
    ///
    /// # Errors
    /// When the cost is not one that argon2 can work with, or a thread cannot be started.
    pub fn start(threads: usize, cost: HashCost, entropy: Arc<dyn Entropy>) -> io::Result<Self> {
        // Fails when argon2 cannot work with the cost, before any login does.
        let decoy = decoy(cost, draw(&*entropy)).map_err(io::Error::other)?;
        let threads = threads.max(1);
        let (jobs, queue) = sync_channel(threads * QUEUE_PER_THREAD);
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..threads {
            let queue = Arc::clone(&queue);
            thread::Builder::new().name(format!("hash-{number}")).spawn(move || work(&queue))?;
        }
        let registry = Registry::new();
        let waiting = registry
            .gauge("jeton_hash_queue_depth", "Passwords and secrets that wait to be hashed.");
        let refused = registry.counter(
            "jeton_hashes_refused_total",
            "Hashes refused because the queue was full: their callers were told OVERLOADED.",
        );
        let seconds = registry.histogram(
            "jeton_hash_seconds",
            "How long argon2 took for one hash.",
            &SECONDS,
        );
        Ok(Self { jobs, cost, entropy, decoy, registry, waiting, refused, seconds })
    }

    /// What the pool counts.
    pub(super) fn metrics(&self) -> Registry {
        self.registry.clone()
    }

    /// Hashes a secret with the cost of the settings and a fresh salt.
    ///
    /// # Errors
    /// `Overloaded` when the queue is full.
    pub async fn hash(&self, secret: Secret) -> Result<Box<str>, Error> {
        let (cost, salt) = (self.cost, draw(&*self.entropy));
        let hashed = self.run(move |memory| phc::hash(&secret, cost, salt, memory)).await?;
        hashed.map_err(|_| Error::UNAVAILABLE)
    }

    /// Whether `secret` is the one behind `phc`. Without a hash the answer is no and takes as long.
    ///
    /// # Errors
    /// `Overloaded` when the queue is full.
    pub async fn verify(&self, secret: Secret, phc: Option<&str>) -> Result<bool, Error> {
        let exists = phc.is_some();
        let phc: Box<str> = phc.unwrap_or(&self.decoy).into();
        let matches = self.run(move |memory| phc::verify(&secret, &phc, memory)).await?;
        Ok(exists && matches == Ok(true))
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (sender, result) = oneshot::channel();
        let (waiting, seconds) = (self.waiting.clone(), self.seconds.clone());
        let job: Job = Box::new(move |memory| {
            waiting.dec();
            let stopwatch = Stopwatch::start();
            let done = work(memory);
            seconds.observe(stopwatch.seconds());
            // Nobody may be waiting any more; the work was done all the same.
            drop(sender.send(done));
        });
        // Before a thread can take it: the gauge never falls below zero.
        self.waiting.inc();
        self.jobs.try_send(job).map_err(|error| {
            self.waiting.dec();
            match error {
                TrySendError::Full(_) => {
                    self.refused.inc();
                    Error::OVERLOADED
                }
                TrySendError::Disconnected(_) => Error::UNAVAILABLE,
            }
        })?;
        result.await.map_err(|_| Error::UNAVAILABLE)
    }
}

fn work(queue: &Mutex<Receiver<Job>>) {
    let mut memory = Memory::default();
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        job(&mut memory);
    }
}

/// A PHC string of the right cost that no secret matches in practice: its hash is random.
fn decoy(cost: HashCost, noise: [u8; 48]) -> Result<Box<str>, Invalid> {
    let (salt, hash) = noise.split_at(16);
    phc::assemble(cost, salt, hash)
}
