//! Entries of the audit, read from its file.

use std::{fs, path::Path};

use serde_json::Value;

use super::wait::until;

/// The causes of refused authentications, once there are so many: lines reach the file a moment later.
pub(crate) async fn causes(audit: &Path, count: usize) -> Vec<String> {
    let read = || {
        let text = fs::read_to_string(audit).expect("the audit");
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let lines = whole.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        let refused = lines.filter(|line: &Value| line["event"] == "authenticate");
        let cause = |line: Value| line["cause"].as_str().expect("a cause").to_owned();
        refused.map(cause).collect::<Vec<_>>()
    };
    until("the audit has it", async || read().len() >= count).await;
    read()
}
