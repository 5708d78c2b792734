//! Answers of an ops listener, for tests.

use super::poll::Polled;
use crate::figures::Reading;

/// An answer with so many calls so far.
pub(super) fn polled(state: &str, calls: u32) -> Polled {
    let text = format!(
        "jeton_build_info{{commit=\"abc\",version=\"0.1.0\"}} 1\n\
         jeton_grpc_requests_total{{method=\"jeton.v1.TokenService/Introspect\",outcome=\"OK\"}} {calls}\n\
         jeton_grpc_requests_total{{method=\"jeton.v1.TokenService/IssueToken\",outcome=\"INVALID_GRANT\"}} {}\n\
         jeton_refusals_total{{cause=\"wrong_password\"}} {}\n\
         jeton_store_grants 1234\njeton_store_free_bytes 0\njeton_store_min_free_bytes 5\n\
         jeton_issuer_keys{{issuer=\"prod\"}} 2\n",
        calls / 10,
        calls / 10,
    );
    let reading = Reading::parse(&text).expect("metrics");
    let lines = state.lines().map(str::to_owned).collect();
    Polled { ready: state.starts_with("ready"), lines, reading }
}
