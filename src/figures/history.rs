//! The last values of each figure, for sparklines.

use std::collections::VecDeque;

use super::{DEFINITIONS, Snapshot};

/// The values of all figures at the last moments, of which the oldest are forgotten.
#[derive(Clone, Debug)]
pub struct History {
    most: usize,
    moments: VecDeque<Vec<Option<f64>>>,
}

impl History {
    /// Keeps at most so many moments.
    pub fn of(most: usize) -> Self {
        Self { most, moments: VecDeque::with_capacity(most) }
    }

    /// Adds the values of a snapshot; those of a process that does not answer are unknown.
    pub fn push(&mut self, snapshot: Option<&Snapshot>) {
        if self.moments.len() == self.most {
            self.moments.pop_front();
        }
        let values = DEFINITIONS.iter().map(|definition| {
            let figure = snapshot.and_then(|snapshot| snapshot.figure(definition.key));
            figure.map(|figure| figure.value)
        });
        self.moments.push_back(values.collect());
    }

    /// Returns the values of a figure, the oldest first.
    pub fn values(&self, key: &str) -> Vec<Option<f64>> {
        let place = DEFINITIONS.iter().position(|definition| definition.key == key);
        let Some(place) = place else { return Vec::new() };
        self.moments.iter().map(|moment| moment[place]).collect()
    }
}
