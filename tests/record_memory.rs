//! What a cache says that its records take is what the program's allocator gives for them.

use std::fs;

use jeton::{
    domain::{
        audience::Audience,
        client_id::ClientId,
        entropy::Entropy,
        epoch::Epoch,
        grant::{AccessSlot, Bindings, Generation, Grant, Origin, RefreshSlot, RequestFingerprint},
        grant_id::GrantId,
        key_ring::{KeyId, Salt, ServerKey},
        scopes::Scopes,
        subject::{Subject, UserId},
        time::Timestamp,
        token::{Token, TokenHash, TokenKind, TokenSecret},
    },
    store::{Record as _, Stored, Version},
};
use quick_cache::{UnitWeighter, sync::Cache};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const GRANTS: u32 = 100_000;

struct Repeated(u8);

impl Entropy for Repeated {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0);
    }
}

/// Returns the bytes of memory that the process takes.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    let kibibytes: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kibibytes * 1024
}

fn hash(id: GrantId) -> TokenHash {
    let key = ServerKey::new(&[7; 32]);
    let secret = TokenSecret::generate(&Repeated(1));
    Token::mint(TokenKind::Access, &key, id, 0, secret).hash()
}

/// Returns a service's grant: one access token.
fn of_service(id: GrantId) -> Grant {
    Grant {
        id,
        client_id: ClientId::parse("billing-worker").expect("a client id"),
        client_epoch: Epoch::generate(&Repeated(2)),
        subject: Subject::Client,
        scopes: Scopes::parse("read write").expect("scopes"),
        audience: Audience::from_names(["billing"]).expect("an audience"),
        issue_time: Timestamp::from_millis(1),
        expire_time: Timestamp::from_millis(2),
        end: None,
        request: None,
        repeated_root: None,
        origin: Box::new(Origin {
            peer: Some("10.20.30.40".into()),
            user_agent: Some("grpc-go/1.71".into()),
        }),
        last_used: None,
        current: generation(id, None),
        previous: None,
        salt: None,
        signed_by: None,
        delegation: None,
        delegates: None,
        bindings: Bindings::default(),
    }
}

fn generation(id: GrantId, refresh: Option<Box<RefreshSlot>>) -> Generation {
    let expire_time = Timestamp::from_millis(2);
    Generation {
        number: 0,
        key_id: KeyId::from_bytes([1; 4]),
        issue_time: Timestamp::from_millis(1),
        access: AccessSlot { hash: Some(hash(id)), expire_time, scopes: None },
        refresh,
    }
}

/// Returns a user's grant that was refreshed.
fn of_user(id: GrantId) -> Grant {
    let slot = RefreshSlot { hash: hash(id), expire_time: Timestamp::from_millis(3) };
    let refreshed = generation(id, Some(Box::new(slot)));
    Grant {
        subject: Subject::User {
            id: UserId::generate(&Repeated(3)),
            epoch: Epoch::generate(&Repeated(4)),
        },
        audience: Audience::from_names(["billing", "https://orders.example.com"])
            .expect("an audience"),
        request: Some(Box::new(RequestFingerprint([5; 32]))),
        current: refreshed.clone(),
        previous: Some(Box::new(refreshed)),
        salt: Some(Box::new(Salt::from_bytes([6; 16]))),
        ..of_service(id)
    }
}

/// Keeps many grants as a store's cache does, each read from its bytes.
fn keep(make: impl Fn(GrantId) -> Grant) -> Cache<GrantId, Stored<Grant>, UnitWeighter> {
    let cache = Cache::with_weighter(1_000, 2 * u64::from(GRANTS), UnitWeighter);
    for number in 0..GRANTS {
        let id = GrantId::from_bytes(u128::from(number).to_be_bytes());
        let read = Grant::from_bytes(id, &make(id).to_bytes()).expect("a record");
        cache.insert(id, Stored::new(Version::from_u64(1), read));
    }
    cache
}

#[test]
fn the_memory_of_grants_is_what_a_cache_counts_for_them() {
    let id = GrantId::from_bytes([0; 16]);
    let mut kept = Vec::new();
    for (kind, make) in [("service", of_service as fn(GrantId) -> Grant), ("user", of_user)] {
        let before = resident();
        kept.push(keep(make));
        let taken = (resident() - before) / GRANTS as usize;
        let counted = make(id).memory_bytes();
        let own = size_of::<Grant>();
        println!("a {kind}'s grant: {counted} B counted, {taken} B taken, {own} B itself");
        let percent = taken * 100 / counted;
        assert!((75..=105).contains(&percent), "{kind}: {taken} B taken, {counted} B counted");
    }
}
