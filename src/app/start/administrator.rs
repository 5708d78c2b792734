//! The first administrator, if somebody asked for one on the command line.

use std::marker::PhantomData;

use super::{
    super::first_admin::{Announce, first_admin},
    finding::Findings,
    refusal::Refusal,
    step::{Seen, Step},
};
use crate::{domain::time::Timestamp, store::Engine};

/// Sees to it that somebody may administer.
pub(in crate::app) struct Administrator<'a>(PhantomData<&'a ()>);

/// Store and time of the request, and the function that shows the secret.
pub(in crate::app) struct Asked<'a> {
    pub(in crate::app) store: &'a Engine,
    pub(in crate::app) now: Timestamp,
    pub(in crate::app) announce: Option<Announce>,
}

impl Administrator<'_> {
    pub(super) const fn step() -> Self {
        Self(PhantomData)
    }
}

impl<'a> Step for Administrator<'a> {
    type Given = Asked<'a>;
    type Made = ();

    /// Nothing: a flag of `jeton serve` asks for one, and no setting.
    async fn look(&self, _: &mut Seen, _: &mut Findings) {}

    async fn take(self, asked: Asked<'a>) -> Result<(), Refusal> {
        let Asked { store, now, announce } = asked;
        match announce {
            None => Ok(()),
            Some(announce) => Ok(first_admin(store, now, announce).await?),
        }
    }
}
