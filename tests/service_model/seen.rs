//! Cases that a run reached: a run that never rotates proves nothing about rotation.

/// Cases that a run reached.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub issued: u64,
    pub rotated: u64,
    pub repeated: u64,
    pub ended_by_replay: u64,
    pub refused: u64,
    pub other_scopes: u64,
    pub revoked: u64,
    pub active: u64,
    pub inactive: u64,
    pub swept: usize,
    pub set_right: u64,
}

impl Seen {
    pub(crate) fn all_happened(&self) -> bool {
        let counts = [self.issued, self.rotated, self.repeated, self.ended_by_replay];
        let more = [self.refused, self.other_scopes, self.revoked, self.active, self.inactive];
        counts.iter().chain(&more).all(|count| *count > 0) && self.swept > 0 && self.set_right > 0
    }
}
