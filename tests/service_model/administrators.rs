//! Administrators who take each other away at the same moment, each at an instance of its own.

use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use jeton::{
    domain::{
        administrator::Administers,
        client::{Client, Permissions},
        client_patch::ClientPatch,
        client_secret,
        error::Error,
        grant::Origin,
        hash_cost::HashCost,
        key_ring::{KeyRing, ServerKey},
        policy::Policies,
        secret::Secret,
        time::Clock as _,
    },
    service::{Admin, Credentials, HashPool, NoAdministrator, Service, UpdateClient},
    store::{
        Records as _, Store as _, Stored, Write,
        faulty::{FaultyStore, Gate, WriteFault},
        memory::MemoryStore,
    },
};
use tokio::join;

use super::{
    clock::HandClock,
    dice::{Dice, DiceEntropy},
    parties::{client, client_id},
};

const COST: HashCost = HashCost { memory_kib: 8, iterations: 1, parallelism: 1 };

/// An administrator, and the instance that it asks.
struct Asking {
    number: usize,
    service: Service<FaultyStore<MemoryStore>>,
    admin: Admin,
}

impl Asking {
    async fn disable(&self, number: usize) -> Result<(), Error> {
        let request = UpdateClient {
            id: client_id(number),
            patch: ClientPatch { disabled: Some(true), ..ClientPatch::default() },
            expected: None,
            no_administrator: NoAdministrator::Refused,
        };
        self.service.clients.update_client(&self.admin, &request).await.map(drop)
    }
}

/// Administrators of one store, and no others.
struct Board {
    store: FaultyStore<MemoryStore>,
    clock: Arc<HandClock>,
    members: Vec<Asking>,
}

impl Board {
    async fn of(count: usize) -> Self {
        let (store, clock) = (FaultyStore::new(MemoryStore::shared()), Arc::new(HandClock::new()));
        let mut board = Self { store, clock, members: Vec::new() };
        for number in 0..count {
            let entropy = DiceEntropy(Mutex::new(Dice::new(Dice::fresh_seed())));
            let secret = client_secret::generate(&entropy);
            let client = client(number, &secret, &entropy, board.clock.now());
            let permissions = Permissions { admin: true, ..Permissions::default() };
            let client = Client { permissions, ..client };
            board.store.clients().write(Write::Insert(client)).await.expect("a client");
            let member = board.member(number, secret, Arc::new(entropy)).await;
            board.members.push(member);
        }
        board
    }

    async fn member(&self, number: usize, secret: Secret, entropy: Arc<DiceEntropy>) -> Asking {
        let hashes = HashPool::start(1, COST, entropy.clone()).expect("a pool");
        let keys = KeyRing::new(ServerKey::new(&[7; 32]), []);
        let (store, clock) = (self.store.clone(), self.clock.clone());
        let service = Service::new(store, keys, hashes, clock, entropy, Policies::default());
        let credentials = Credentials::of_secret(client_id(number).to_string(), secret);
        let caller =
            service.authentication.authenticate_caller(&credentials).await.expect("a caller");
        let admin = service
            .authentication
            .authorize_admin(caller, Origin::default())
            .expect("an administrator");
        Asking { number, service, admin }
    }

    async fn left(&self) -> usize {
        let clients: Vec<Stored<Client>> =
            self.store.clients().page(None, 100).await.expect("a page");
        let now = self.clock.now();
        clients.iter().filter(|client| client.administers(now) == Administers::Lastingly).count()
    }
}

#[tokio::test]
async fn of_two_administrators_whose_changes_cross_one_stays() {
    let board = Board::of(2).await;
    let [one, other] = &*board.members else { panic!("two") };
    // Both have looked for another administrator before either of them has written.
    let gate = Gate::closed();
    board.store.script_writes([(); 2].map(|()| Some(WriteFault::Waits(gate.clone()))));
    let both = async {
        gate.arrived(2).await;
        gate.open();
    };
    let (first, second, ()) = join!(one.disable(1), other.disable(0), both);
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    assert_eq!(board.left().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_administrators_who_take_each_other_away_in_a_circle_one_stays() {
    for round in 0..40 {
        let board = Board::of(2 + round % 3).await;
        let count = board.members.len();
        let circle = board.members.iter().map(|member| member.disable((member.number + 1) % count));
        let done = join_all(circle).await.iter().filter(|outcome| outcome.is_ok()).count();
        let left = board.left().await;
        assert!(left > 0 && done + left == count, "{done} of {count} were disabled, {left} left");
    }
}
