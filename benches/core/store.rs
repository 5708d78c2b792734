//! The sled engine: reads from memory and from disk, and commits of one writer and of many.

use std::{hint::black_box, sync::Arc};

use criterion::{BatchSize, Criterion, Throughput};
use futures_util::future::join_all;
use jeton::{
    domain::{grant::Grant, grant_id::GrantId},
    store::{
        Records as _, Store as _, Write,
        sled::{SledOptions, SledStore},
    },
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::scene::{Scene, SystemEntropy};

const GRANTS: usize = 10_000;

/// A store on this machine's disk, in the directory for temporary files.
struct Disk {
    runtime: Runtime,
    store: SledStore,
    _folder: TempDir,
}

impl Disk {
    fn open(cache_bytes: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options = SledOptions::new(folder.path().join("data"), cache_bytes);
        let store = SledStore::open(&options, &SystemEntropy).expect("the store opens");
        Self { runtime: Runtime::new().expect("a runtime"), store, _folder: folder }
    }

    fn insert(&self, grants: Vec<Grant>) {
        let writes = grants.into_iter().map(Write::Insert);
        let written = writes.map(|write| self.store.grants().write(write));
        for outcome in self.runtime.block_on(join_all(written)) {
            outcome.expect("a grant is written");
        }
    }

    /// Fills the store and returns the ids of its grants.
    fn filled(self, scene: &Scene) -> (Self, Vec<GrantId>) {
        let grants: Vec<_> = (0..GRANTS).map(|_| scene.another()).collect();
        let ids = grants.iter().map(|grant| grant.id).collect();
        for some in grants.chunks(1_000) {
            self.insert(some.to_vec());
        }
        (self, ids)
    }
}

pub(crate) fn read(criterion: &mut Criterion) {
    let scene = Scene::new();
    let mut group = criterion.benchmark_group("store");
    let (disk, ids) = Disk::open(64 << 20).filled(&scene);
    let mut next = ids.iter().cycle();
    group.bench_function("a grant in memory", |bencher| {
        bencher.iter(|| {
            let grant = disk.store.grants().cached(next.next().expect("a cycle"));
            black_box(grant.expect("in memory"));
        });
    });

    let (disk, ids) = Disk::open(0).filled(&scene);
    let mut next = ids.iter().cycle();
    group.bench_function("a grant in sled's pages", |bencher| {
        bencher.iter(|| {
            let grant = disk.store.grants().get(next.next().expect("a cycle"));
            black_box(disk.runtime.block_on(grant).expect("readable").expect("there"));
        });
    });
    group.finish();
}

/// Each write is answered once it is synced.
pub(crate) fn commit(criterion: &mut Criterion) {
    let scene = Arc::new(Scene::new());
    let disk = Disk::open(64 << 20);
    let mut group = criterion.benchmark_group("commit");
    group.sample_size(20);
    for writers in [1, 64, 256] {
        group.throughput(Throughput::Elements(writers));
        group.bench_function(format!("{writers} at once"), |bencher| {
            bencher.iter_batched(
                || (0..writers).map(|_| scene.another()).collect(),
                |grants| disk.insert(grants),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}
