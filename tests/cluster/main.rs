//! Several instances behind one PostgreSQL are one service, also if one of them or the database
//! fails. tests/postgres.sh says where the database is.
#![cfg(feature = "postgres")]

#[path = "../tls/authority.rs"]
#[expect(dead_code, reason = "the harness of the tests of TLS")]
mod authority;
#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "the harness is every test file's")]
mod common;
#[path = "../validator_faults/ledger.rs"]
#[expect(dead_code, reason = "the ledger of the tests of the validator")]
mod ledger;
#[path = "../validator_faults/proxy.rs"]
#[expect(dead_code, reason = "the proxy of the tests of the validator")]
mod proxy;
#[path = "../watch/watcher.rs"]
#[expect(dead_code, reason = "the harness of the tests of watches")]
mod watcher;

#[path = "../failover/facts.rs"]
mod facts;
#[path = "../failover/load.rs"]
mod load;
#[path = "../failover/pauses.rs"]
#[expect(dead_code, reason = "how long no write is acknowledged is a matter of failover")]
mod pauses;

mod answers;
mod apart;
mod balanced;
mod balancer;
mod bulk;
mod contest;
mod contested;
mod database;
mod encrypted;
mod fleet;
mod frozen;
mod history;
mod hung;
mod instances;
mod keys;
mod linear;
mod lost;
mod migrate;
mod operations;
mod presumed;
mod primary;
mod refused;
mod released;
mod rolling;
mod sharing;
mod signing;
mod skew;
mod standby;
mod weak;
