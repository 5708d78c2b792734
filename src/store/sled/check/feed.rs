//! Checks the changes feed: every event decodes, and none is missing between the first and the
//! last.

use super::{Check, Finding, Mending, OpenError, Tree};
use crate::{
    domain::change::Change,
    store::{
        Sequence, StoreId,
        sled::{
            feed::{self, EDGE_KEY},
            meta::Meta,
        },
    },
};

impl Check {
    pub(super) fn feed(
        &mut self,
        changes: &Tree,
        meta: &Meta,
        new_id: StoreId,
    ) -> Result<(), OpenError> {
        let edge = match changes.get(feed::to_key(EDGE_KEY))? {
            None => Some(Sequence(0)),
            Some(edge) => feed::parse(&edge),
        };
        if edge.is_none() {
            self.report.add(Finding::FeedUndecodable { at: EDGE_KEY }, self.repair);
        }
        let begin = edge.unwrap_or_default();
        // Without the feed's beginning the missing events are unknown.
        let mut next = edge.map(|edge| edge.0.saturating_add(1));
        // Last unusable event: the feed is lost up to and including it.
        let mut broken = None;
        for event in changes.range(feed::to_key(Sequence(1))..)? {
            let (key, value) = event?;
            let Some(Sequence(number)) = feed::parse(&key) else {
                self.report.add(Finding::UnknownEntry { entry: key.as_ref().into() }, false);
                continue;
            };
            if number <= begin.0 {
                // Trimming was cut short. The next trimming removes the leftover.
                self.report.leftovers += 1;
                continue;
            }
            if let Some(missing) = next.filter(|next| *next != number).map(Sequence) {
                self.report.add(Finding::FeedGap { missing }, self.repair);
                broken = Some(number - 1);
            }
            if Change::from_bytes(&value).is_err() {
                self.report.add(Finding::FeedUndecodable { at: Sequence(number) }, self.repair);
                broken = Some(number);
            }
            next = Some(number.saturating_add(1));
            self.report.changes += 1;
        }
        if edge.is_none() {
            broken = Some(broken.unwrap_or_default().max(next.map_or(0, |next| next - 1)));
        }
        match broken {
            Some(last) if self.repair => {
                begin_anew(&mut self.mending, changes, Sequence(last), meta, new_id)
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Lets the feed begin after `last`. The id changes first: a cursor from before the gap must not be
/// taken for one behind it.
fn begin_anew(
    mending: &mut Mending,
    changes: &Tree,
    last: Sequence,
    meta: &Meta,
    new_id: StoreId,
) -> Result<(), OpenError> {
    meta.renew_id(new_id)?;
    changes.insert(feed::to_key(EDGE_KEY), &feed::to_key(last))?;
    for key in changes.range(feed::to_key(Sequence(1))..=feed::to_key(last))?.keys() {
        changes.remove(key?)?;
        mending.wrote()?;
    }
    Ok(())
}
