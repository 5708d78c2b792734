//! Threads of their own for argon2: a login storm may wait for them for a moment, never fill the runtime.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use rustix::process::{getpriority_process, setpriority_process};
use tokio::{sync::oneshot, time::timeout};

use super::{
    hash_metrics::HashMetrics,
    phc::{self, Memory},
};
use crate::{
    domain::{
        entropy::{Entropy, draw},
        error::Error,
        hash_cost::HashCost,
        invalid::Invalid,
        secret::Secret,
        typed_secret::Reading,
    },
    metrics::{Counter, Registry, Stopwatch},
    service::{
        fair_queue::{FairQueue, Permit},
        holder::Account,
    },
};

/// Limit of waiting requests. Each is held in memory. A third of them may be of one client from one
/// address: a proxy, say, and the only client that there is.
const MOST_WAITING: usize = 3_072;

/// Niceness of the threads above all others, for machines with fewer cores than work: with 5 a
/// thread gets a third of an ordinary one's time. A login waits for its hash anyway; introspection
/// must not.
const HASH_THREAD_NICE: i32 = 5;
/// As nice as a thread can be.
const MAX_NICE: i32 = 19;

/// After so long without a hash a thread gives its working memory back: a few logins a minute need
/// not hold what a storm does.
const IDLE: Duration = Duration::from_secs(5);

type Job = Box<dyn FnOnce(&mut Memory) + Send>;

/// The pool. A hash that was begun is finished, and holds its seat until then, whether or not its
/// caller still waits: what is bounded is the work, not the callers. Dropping the pool ends its
/// threads.
pub struct HashPool {
    jobs: Sender<Job>,
    threads: usize,
    /// One for each thread.
    seats: Arc<FairQueue>,
    cost: HashCost,
    max_wait: Duration,
    entropy: Arc<dyn Entropy>,
    /// Checked in the place of a hash that does not exist, so that both take as long.
    decoy: Box<str>,
    metrics: HashMetrics,
}

/// A thread of the pool, for one secret.
pub(in crate::service) struct HashPermit {
    _thread: Permit,
    /// Anything that is held until the hash is done.
    _held: Option<Box<dyn Send>>,
}

impl HashPermit {
    fn new(thread: Permit) -> Self {
        Self { _thread: thread, _held: None }
    }

    /// The seat, with something that is dropped when the hash is done.
    pub(in crate::service) fn holding(self, held: impl Send + 'static) -> Self {
        Self { _held: Some(Box::new(held)), ..self }
    }
}

impl HashPool {
    /// Standard time that a request waits for a thread. A burst of less work than this is served
    /// whole; of more, the rest is asked to come back, well within a second.
    pub const MAX_WAIT: Duration = Duration::from_millis(750);

    /// Starts `threads` hashing threads, at least one.
    ///
    /// # Errors
    /// When the cost is not one that argon2 can work with, or a thread cannot be started.
    pub fn start(threads: usize, cost: HashCost, entropy: Arc<dyn Entropy>) -> io::Result<Self> {
        // Fails when argon2 cannot work with the cost, before any login does.
        let decoy = decoy(cost, draw(&*entropy)).map_err(io::Error::other)?;
        let threads = threads.max(1);
        let (jobs, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..threads {
            let queue = Arc::clone(&queue);
            let work = move || work(&queue, cost, IDLE);
            thread::Builder::new().name(format!("hash-{number}")).spawn(work)?;
        }
        let seats = FairQueue::new(threads, MOST_WAITING);
        let metrics = HashMetrics::new(Arc::clone(&seats));
        let max_wait = Self::MAX_WAIT;
        Ok(Self { jobs, threads, seats, cost, max_wait, entropy, decoy, metrics })
    }

    /// The pool, at which a request waits for a thread for at most `max_wait`.
    #[must_use]
    pub fn with_max_wait(self, max_wait: Duration) -> Self {
        Self { max_wait, ..self }
    }

    /// Returns the time that a request waits for a thread.
    pub(in crate::service) const fn max_wait(&self) -> Duration {
        self.max_wait
    }

    /// Waits for a future, for no longer than a request waits for a thread.
    ///
    /// # Errors
    /// `Overloaded` if it does not end in time, and its own errors.
    pub(in crate::service) async fn within_queue_timeout<T>(
        &self,
        awaited: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        timeout(self.max_wait, awaited).await.unwrap_or(Err(Error::OVERLOADED))
    }

    /// Returns the pool's metrics.
    pub(in crate::service) fn metrics(&self) -> Registry {
        self.metrics.registry.clone()
    }

    /// Hashes a text for the server itself, as [`Secret::prepared`] has made it of what a person chose,
    /// with the cost of the settings and a fresh salt.
    ///
    /// # Errors
    /// `Overloaded` when no thread is free soon.
    pub async fn hash(&self, secret: Secret) -> Result<Box<str>, Error> {
        self.hash_for(Account::server(), secret).await
    }

    /// [`Self::hash`] for somebody.
    ///
    /// # Errors
    /// As there.
    pub(in crate::service) async fn hash_for(
        &self,
        account: Account,
        secret: Secret,
    ) -> Result<Box<str>, Error> {
        let (cost, salt) = (self.cost, draw(&*self.entropy));
        let seat = self.within_queue_timeout(self.seat(account)).await?;
        let hashed = self.run(seat, move |memory| phc::hash(&secret, cost, salt, memory)).await?;
        hashed.map_err(|_| Error::UNAVAILABLE)
    }

    /// Returns whether one of the readings of `typed` is the secret behind `phc`; for the server
    /// itself.
    ///
    /// # Errors
    /// `Overloaded` when no thread is free soon.
    pub async fn verify(&self, typed: &Secret, phc: &str) -> Result<bool, Error> {
        let seat = self.within_queue_timeout(self.seat(Account::server())).await?;
        Ok(self.verify_on(seat, typed, Some(phc)).await?.is_some())
    }

    /// Waits for a thread, for as long as the caller does.
    ///
    /// # Errors
    /// `Overloaded` when too many wait.
    pub(in crate::service) async fn seat(&self, account: Account) -> Result<HashPermit, Error> {
        let mut vain = InVain(Some(&self.metrics.refused));
        let thread = self.seats.permit(account).await?;
        vain.0 = None;
        Ok(HashPermit::new(thread))
    }

    /// The reading of `typed` that is the secret behind `phc`, on a thread that was waited for. Without
    /// a hash there is none, and finding out takes as long.
    ///
    /// # Errors
    /// `Unavailable` when the thread is gone.
    pub(in crate::service) async fn verify_on(
        &self,
        seat: HashPermit,
        typed: &Secret,
        phc: Option<&str>,
    ) -> Result<Option<Reading>, Error> {
        let (exists, readings) = (phc.is_some(), typed.readings());
        let phc: Box<str> = phc.unwrap_or(&self.decoy).into();
        let cost = self.cost;
        let found = self.run(seat, move |memory| {
            let mut matches = |text: &Secret| phc::verify(text, &phc, cost, memory) == Ok(true);
            readings.into_iter().find(|reading| matches(&reading.text))
        });
        Ok(found.await?.filter(|_| exists))
    }

    /// Returns whether the cost of `phc` differs from that of new hashes.
    pub(in crate::service) fn is_outdated(&self, phc: &str) -> bool {
        phc::cost(phc) != Ok(self.cost)
    }

    /// Returns the number of threads.
    pub fn threads(&self) -> usize {
        self.threads
    }

    async fn run<T: Send + 'static>(
        &self,
        seat: HashPermit,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (sender, result) = oneshot::channel();
        let seconds = self.metrics.seconds.clone();
        let job: Job = Box::new(move |memory| {
            let stopwatch = Stopwatch::start();
            let done = work(memory);
            seconds.observe(stopwatch.seconds());
            drop(seat);
            // Nobody may be waiting any more; the work was done all the same.
            drop(sender.send(done));
        });
        self.jobs.send(job).map_err(|_| Error::UNAVAILABLE)?;
        result.await.map_err(|_| Error::UNAVAILABLE)
    }
}

/// Counts one that gets no thread, when it is dropped.
struct InVain<'a>(Option<&'a Counter>);

impl Drop for InVain<'_> {
    fn drop(&mut self) {
        if let Some(refused) = self.0 {
            refused.inc();
        }
    }
}

fn work(queue: &Mutex<Receiver<Job>>, cost: HashCost, idle: Duration) {
    // Linux keeps it for each thread (nice(2)), and lets everybody be nicer.
    let nicer =
        getpriority_process(None).map(|niceness| (niceness + HASH_THREAD_NICE).min(MAX_NICE));
    if let Err(error) = nicer.and_then(|niceness| setpriority_process(None, niceness)) {
        tracing::debug!(%error, "hashing is as urgent as everything else");
    }
    let mut memory = Memory::default();
    loop {
        // One thread waits for work, the others for its place: each comes to be idle.
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(idle);
        match job {
            Ok(job) => {
                job(&mut memory);
                memory.trim(cost.memory_kib);
            }
            Err(RecvTimeoutError::Timeout) => memory.trim(0),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// A PHC string of the right cost that no secret matches in practice: its hash is random.
fn decoy(cost: HashCost, noise: [u8; 48]) -> Result<Box<str>, Invalid> {
    let (salt, hash) = noise.split_at(16);
    phc::assemble(cost, salt, hash)
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;

    use super::*;

    struct Zeros;

    impl Entropy for Zeros {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(0);
        }
    }

    fn pool(threads: usize) -> Arc<HashPool> {
        let cost = HashCost { memory_kib: 8, iterations: 1, parallelism: 1 };
        Arc::new(HashPool::start(threads, cost, Arc::new(Zeros)).expect("a pool"))
    }

    #[test]
    fn a_thread_without_work_gives_its_memory_back() {
        let ((jobs, queue), (sizes, seen)) = (channel::<Job>(), channel());
        let cost = HashCost { memory_kib: 64, iterations: 1, parallelism: 1 };
        let hashing = thread::spawn(move || work(&Mutex::new(queue), cost, Duration::ZERO));
        let size_before = |hash: bool| {
            let sizes = sizes.clone();
            let job: Job = Box::new(move |memory| {
                sizes.send(memory.kib()).expect("the test listens");
                if hash {
                    phc::hash(&Secret::new("x"), cost, [0; 16], memory).expect("a hash");
                }
            });
            jobs.send(job).expect("the thread runs");
            seen.recv().expect("it ran")
        };
        assert_eq!(size_before(true), 0);
        // It looks for work without end, and is idle when there is none.
        assert!((0..1_000).any(|_| size_before(false) == 0));
        drop(jobs);
        hashing.join().expect("it ends with its queue");
    }

    async fn seat(pool: &HashPool) -> HashPermit {
        pool.seat(Account::server()).await.expect("a seat")
    }

    #[tokio::test]
    async fn hashing_gives_way_to_all_other_threads() {
        let pool = pool(1);
        let own = || getpriority_process(None).expect("a priority");
        let hashing = pool.run(seat(&pool).await, move |_: &mut Memory| own()).await;
        assert_eq!(hashing.expect("it ran"), (own() + HASH_THREAD_NICE).min(MAX_NICE));
    }

    #[tokio::test]
    async fn a_hash_holds_its_seat_until_it_is_done_though_its_caller_has_gone() {
        let pool = pool(2);
        let (hashing, hashes) = channel();
        let mut finish = Vec::new();
        for _ in 0..2 {
            let (sender, receiver) = channel::<()>();
            finish.push(sender);
            let hashing = hashing.clone();
            let seat = seat(&pool).await;
            let mut call = JoinSet::new();
            let pool = Arc::clone(&pool);
            let job = move |_: &mut Memory| {
                hashing.send(()).expect("the test listens");
                // An error: the test has dropped the sender.
                let _ = receiver.recv();
            };
            call.spawn(async move { pool.run(seat, job).await });
            tokio::task::yield_now().await;
            call.shutdown().await;
        }
        // Both callers are gone and both threads at work: nobody else gets one.
        hashes.recv().expect("the first began");
        hashes.recv().expect("the second began");
        assert_eq!(pool.seats.free(), 0);
        finish.pop();
        drop(seat(&pool).await);
        assert!(pool.seats.free() <= 1);
        finish.pop();
        let (first, second) = (seat(&pool).await, seat(&pool).await);
        drop((first, second));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_in_vain_is_told_to_come_back_within_a_second() {
        let pool = pool(1);
        let _taken = seat(&pool).await;
        let began = tokio::time::Instant::now();
        let refused = pool.verify(&Secret::new("x"), "").await;
        assert_eq!(refused, Err(Error::OVERLOADED));
        assert!(began.elapsed() < Duration::from_secs(1));
    }
}
