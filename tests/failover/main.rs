//! Instances over a formation of `pg_auto_failover`, with nobody there to help. tests/failover.sh says where.
#![cfg(feature = "postgres")]

#[path = "../cluster/answers.rs"]
mod answers;
#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "the harness is every test file's")]
mod common;
#[path = "../cluster/contest.rs"]
#[expect(dead_code, reason = "the fights of the tests of several instances")]
mod contest;
#[path = "../cluster/contested.rs"]
mod contested;
#[path = "../cluster/history.rs"]
mod history;
#[path = "../cluster/released.rs"]
mod released;

mod facts;
mod fault;
mod formation;
mod instances;
mod load;
mod memory;
mod pauses;
mod unattended;
