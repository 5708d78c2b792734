//! The load: many tasks that write, some that read, one that sweeps, and the ledger of their
//! results.

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use clap::Args;
use jeton::{
    domain::{
        entropy::draw,
        grant::Grant,
        grant_id::GrantId,
        key_ring::{KeyId, ServerKey},
        time::Timestamp,
    },
    store::{
        FeedError, Records, Sequence, Store as _, Stored, Write, WriteError,
        sled::{SledOptions, SledStore},
    },
};
use tokio::task::JoinSet;

use crate::{
    chance::Chance,
    entropy::SystemEntropy,
    ledger::{Ledger, LedgerWriter, or_dash},
    mix,
    tracked::{Tracked, change_digest, to_hex},
};

/// Time of the first write, in milliseconds.
const BEGINNING: u64 = 1_800_000_000_000;

/// The options of a load.
#[derive(Args)]
pub(crate) struct Load {
    /// The data directory.
    #[arg(long)]
    dir: PathBuf,
    /// The ledger, which is continued if it exists.
    #[arg(long)]
    ledger: PathBuf,
    /// Seed of the tasks' choices.
    #[arg(long)]
    seed: u64,
    /// Number of acknowledged writes after which the load ends.
    #[arg(long, default_value_t = 10_000)]
    operations: u64,
    /// Number of tasks that write.
    #[arg(long, default_value_t = 24)]
    writers: u64,
    /// Number of tasks that read.
    #[arg(long, default_value_t = 3)]
    readers: u64,
    /// Lifetime of a grant, as a number of writes.
    #[arg(long, default_value_t = 4_000)]
    lifetime: u64,
    /// Number of grants in one sweep.
    #[arg(long, default_value_t = 256)]
    sweep: usize,
    /// Approximate number of events in the feed.
    #[arg(long, default_value_t = 200)]
    events: u64,
    /// The store's memory for records, in bytes.
    #[arg(long, default_value_t = 4 << 20)]
    cache_bytes: u64,
    /// Garbage allowed in the store's file before it is cleaned, in bytes; with 0 it is cleaned all
    /// the time.
    #[arg(long, default_value_t = 128 << 20)]
    spare_bytes: u64,
    /// End without closing the store.
    #[arg(long)]
    kill: bool,
}

impl Load {
    /// Runs the load.
    pub(crate) async fn run(self) -> ExitCode {
        let known = Ledger::read(&self.ledger).expect("the ledger can be read");
        let options = SledOptions {
            spare_bytes: self.spare_bytes,
            ..SledOptions::new(self.dir.clone(), self.cache_bytes)
        };
        let store = match SledStore::open(&options, &SystemEntropy) {
            Ok(store) => store,
            Err(error) => {
                eprintln!("open: {error}");
                return ExitCode::from(3);
            }
        };
        let ledger = LedgerWriter::open(&self.ledger).expect("the ledger can be written");
        let world = Arc::new(World::new(&self, store, ledger, &known));
        world.settle(&known).await;

        let mut tasks = JoinSet::new();
        for task in 0..self.writers {
            let chance = Chance::new(self.seed, task);
            tasks.spawn(Arc::clone(&world).write_until_done(chance));
        }
        for task in 0..self.readers {
            let chance = Chance::new(self.seed, self.writers + task);
            tasks.spawn(Arc::clone(&world).read_until_done(chance));
        }
        tasks.spawn(Arc::clone(&world).sweep_until_done());
        tasks.spawn(Arc::clone(&world).trim_until_done());
        while let Some(ended) = tasks.join_next().await {
            ended.expect("no task panics");
        }
        println!(
            "{} acknowledged, {} conflicts, {} swept, {} events trimmed, {} live grants known",
            world.done.load(Ordering::SeqCst),
            world.conflicts.load(Ordering::SeqCst),
            world.swept.load(Ordering::SeqCst),
            world.trimmed.load(Ordering::SeqCst),
            world.grants().len(),
        );
        if self.kill {
            #[expect(clippy::disallowed_methods, reason = "skipping the store's end is the point")]
            std::process::exit(0);
        }
        world.store.close().await.expect("the store closes in order");
        ExitCode::SUCCESS
    }
}

/// State shared by the tasks.
struct World {
    store: SledStore,
    ledger: LedgerWriter,
    key: ServerKey,
    /// Number of the next write, which is also the load's time in milliseconds.
    ticks: AtomicU64,
    operations: u64,
    lifetime: Duration,
    sweep: usize,
    events: u64,
    done: AtomicU64,
    conflicts: AtomicU64,
    swept: AtomicU64,
    trimmed: AtomicU64,
    /// Grants that probably exist.
    grants: Mutex<Vec<GrantId>>,
}

impl World {
    fn new(load: &Load, store: SledStore, ledger: LedgerWriter, known: &Ledger) -> Self {
        let existing = known.histories.iter().filter(|(_, history)| history.exists());
        let grants = existing.filter_map(|(name, _)| Grant::named(name)).collect();
        Self {
            store,
            ledger,
            key: ServerKey::new(&draw(&SystemEntropy)),
            ticks: AtomicU64::new(known.last_number + 1),
            operations: load.operations,
            lifetime: Duration::from_millis(load.lifetime),
            sweep: load.sweep,
            events: load.events,
            done: AtomicU64::new(0),
            conflicts: AtomicU64::new(0),
            swept: AtomicU64::new(0),
            trimmed: AtomicU64::new(0),
            grants: Mutex::new(grants),
        }
    }

    /// Records the opening's decision on the writes that were under way when the last process
    /// ended.
    async fn settle(&self, known: &Ledger) {
        self.ledger.add(&format!("I {}", to_hex(&self.store.id())));
        for (name, history) in &known.histories {
            if history.is_open() {
                self.settle_one(self.store.grants(), name).await;
                self.settle_one(self.store.clients(), name).await;
                self.settle_one(self.store.users(), name).await;
            }
        }
    }

    async fn settle_one<R: Tracked>(&self, records: &impl Records<R>, name: &str) {
        if let Some(key) = R::named(name) {
            let found = records.get(&key).await.expect("a read");
            let version = or_dash(found.as_ref().map(|found| found.version().as_u64()));
            let state = or_dash(found.map(|found| found.state()));
            self.ledger.add(&format!("O {name} {version} {state}"));
        }
    }

    fn is_done(&self) -> bool {
        self.done.load(Ordering::SeqCst) >= self.operations
    }

    fn grants(&self) -> std::sync::MutexGuard<'_, Vec<GrantId>> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(BEGINNING + self.ticks.load(Ordering::SeqCst))
    }

    async fn write_until_done(self: Arc<Self>, mut chance: Chance) {
        while !self.is_done() {
            match chance.below(100) {
                0..36 => self.issue(&mut chance).await,
                36..80 => self.change_grant(&mut chance).await,
                80..94 => self.change_user(&mut chance).await,
                94..99 => self.change_client(&mut chance).await,
                _ => self.note_key(&mut chance).await,
            }
        }
    }

    async fn issue(&self, chance: &mut Chance) {
        let client = mix::any_client(chance);
        let client = self.store.clients().get(&client).await.expect("a read");
        let user = self.store.users().get(&mix::any_user(chance)).await.expect("a read");
        let Some(client) = client else { return };
        let number = self.tick();
        let grant = mix::new_grant(user.as_deref(), &client, &self.key, time_of(number));
        let id = grant.id;
        if self.write(number, self.store.grants(), None, Some(grant)).await {
            self.grants().push(id);
        }
    }

    /// Changes a grant: every fourth time one of the newest, so that writers compete.
    async fn change_grant(&self, chance: &mut Chance) {
        let id = {
            let grants = self.grants();
            let newest = grants.len().saturating_sub(4);
            let from = if chance.below(4) == 0 { newest } else { 0 };
            chance.pick(&grants[from..])
        };
        let Some(id) = id else { return };
        let Some(old) = self.store.grants().get(&id).await.expect("a read") else {
            return;
        };
        let number = self.tick();
        let new = mix::next_grant(&old, chance, &self.key, self.lifetime, time_of(number));
        if let Some(new) = new {
            self.write(number, self.store.grants(), Some(&old), Some(new)).await;
        }
    }

    async fn change_user(&self, chance: &mut Chance) {
        let id = mix::any_user(chance);
        let old = self.store.users().get(&id).await.expect("a read");
        let number = self.tick();
        let new = mix::next_user(old.as_deref(), id, chance, time_of(number));
        self.write(number, self.store.users(), old.as_ref(), new).await;
    }

    async fn change_client(&self, chance: &mut Chance) {
        let id = mix::any_client(chance);
        let old = self.store.clients().get(&id).await.expect("a read");
        let number = self.tick();
        let now = time_of(number);
        let new = mix::next_client(old.as_deref(), id, chance, self.lifetime, now);
        self.write(number, self.store.clients(), old.as_ref(), new).await;
    }

    async fn note_key(&self, chance: &mut Chance) {
        let number = u32::try_from(chance.below(1 << 20)).unwrap_or(0);
        let id = KeyId::from_bytes(number.to_be_bytes());
        self.ledger.add(&format!("Q {id}"));
        self.store.add_key_id(id).await.expect("a key is noted");
        self.ledger.add(&format!("K {id}"));
    }

    /// Returns the number of the next write. It is the write's time too, so that no two states are
    /// alike.
    fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::SeqCst)
    }

    /// Tries one write between its two lines in the ledger. Returns `true` if it was acknowledged.
    async fn write<R: Tracked>(
        &self,
        number: u64,
        records: &impl Records<R>,
        old: Option<&Stored<R>>,
        new: Option<R>,
    ) -> bool {
        let change = R::change(old.map(|old| &**old), new.as_ref());
        let change = or_dash(change.as_ref().map(change_digest));
        let state = or_dash(new.as_ref().map(Tracked::state));
        let expected = or_dash(old.map(|old| old.version().as_u64()));
        let write = match (old, new) {
            (None, Some(new)) => Write::Insert(new),
            (Some(old), Some(new)) => Write::Replace(old.version(), new),
            (Some(old), None) => Write::Delete(old.version(), old.key()),
            (None, None) => return false,
        };
        let key = write.key();
        let name = R::name_of(&key);
        self.ledger.add(&format!("T {number} {name} {expected} {state} {change}"));
        match records.write(write).await {
            Ok(version) => {
                let head = self.store.head().await.expect("the head");
                self.ledger.add(&format!("A {number} {} {}", version.as_u64(), head.0));
                self.done.fetch_add(1, Ordering::SeqCst);
                true
            }
            Err(WriteError::Conflict) => {
                self.ledger.add(&format!("C {number}"));
                self.conflicts.fetch_add(1, Ordering::SeqCst);
                // The winner's state is durable by now: the next read is a promise.
                self.read(records, &key).await;
                false
            }
            Err(error @ (WriteError::Unknown | WriteError::Unavailable)) => {
                let stopped = self.store.stopped().await;
                panic!("{name}: {error}, and the store: {stopped:?}");
            }
            Err(error) => panic!("{name}: {error}"),
        }
    }

    async fn read_until_done(self: Arc<Self>, mut chance: Chance) {
        while !self.is_done() {
            self.read(self.store.users(), &mix::any_user(&mut chance)).await;
            self.read(self.store.clients(), &mix::any_client(&mut chance)).await;
            let grant = chance.pick(&self.grants());
            if let Some(id) = grant {
                self.read(self.store.grants(), &id).await;
            }
            let name = mix::any_name(&mut chance);
            let user = self.store.user_by_name(&name).await.expect("a read");
            self.promise(user.as_ref());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn read<R: Tracked>(&self, records: &impl Records<R>, key: &R::Key) {
        let found = records.get(key).await.expect("a read");
        self.promise(found.as_ref());
    }

    /// Notes a state that was read: it must not be lost any more.
    fn promise<R: Tracked>(&self, found: Option<&Stored<R>>) {
        if let Some(found) = found {
            let (name, version) = (R::name_of(&found.key()), found.version().as_u64());
            self.ledger.add(&format!("S {name} {version}"));
        }
    }

    async fn free(&self, grant: &Stored<Grant>) {
        if self.write(self.tick(), self.store.grants(), Some(grant), None).await {
            self.swept.fetch_add(1, Ordering::SeqCst);
            self.grants().retain(|id| *id != grant.id);
        }
    }

    async fn sweep_until_done(self: Arc<Self>) {
        while !self.is_done() {
            let spent = self.store.spent_grants(self.now(), self.sweep).await.expect("a scan");
            let mut frees = JoinSet::new();
            for grant in &spent {
                let (world, grant) = (Arc::clone(&self), grant.clone());
                frees.spawn(async move { world.free(&grant).await });
            }
            frees.join_all().await;
            if spent.is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }

    /// Trims the feed in small steps, so that power losses also fall between two trims.
    async fn trim_until_done(self: Arc<Self>) {
        const AT_ONCE: usize = 64;
        while !self.is_done() {
            let head = self.store.head().await.expect("the head");
            let through = Sequence(head.0.saturating_sub(self.events));
            self.ledger.add(&format!("Y {}", through.0));
            let trimmed = self.store.trim_changes(through, AT_ONCE).await.expect("a trimming");
            if trimmed == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            }
            self.trimmed.fetch_add(trimmed as u64, Ordering::SeqCst);
            if let Err(FeedError::TooOld { oldest }) = self.store.changes(Sequence(0), 1).await {
                self.ledger.add(&format!("Z {}", oldest.0));
            }
        }
    }
}

const fn time_of(number: u64) -> Timestamp {
    Timestamp::from_millis(BEGINNING + number)
}
