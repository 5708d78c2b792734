//! Callers that fight over grants at several instances.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use fastrand::Rng;
use jeton::proto::v1::RevokeGrantsRequest;
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::{
    answers::{MAX_STALENESS, introspected},
    common::{admin::Admin, caller::Caller, server::Server},
    contested::{Contested, PATIENCE, told},
    history::{Answered, Asked, explain},
};

/// Callers of each grant.
const CALLERS: usize = 3;
/// Questions that each of them asks, at most: what is not explained by so many is by none.
const OPERATIONS: usize = 30;

/// Fights about several grants that go on until they are stopped.
pub(crate) struct Contest {
    pub(crate) grants: Vec<Arc<Contested>>,
    callers: JoinSet<()>,
    stop: Arc<AtomicBool>,
}

impl Contest {
    /// Issues so many grants and has callers fight over each.
    pub(crate) async fn start(fleet: &Arc<Fleet>, count: usize, dice: &mut Rng) -> Self {
        let began = Instant::now();
        let mut grants = Vec::new();
        for number in 0..count {
            grants
                .push(Arc::new(Contested::issue(&fleet.caller(number % fleet.len()), began).await));
        }
        let stop = Arc::new(AtomicBool::new(false));
        let mut callers = JoinSet::new();
        for grant in &grants {
            for _ in 0..CALLERS {
                let (grant, fleet, stop) =
                    (Arc::clone(grant), Arc::clone(fleet), Arc::clone(&stop));
                callers.spawn(contest(grant, fleet, dice.fork(), stop));
            }
        }
        Self { grants, callers, stop }
    }

    /// Ends the fights, asks every instance what became of each grant, and returns the number of
    /// histories and of operations.
    ///
    /// # Errors
    /// The history that no order explains.
    pub(crate) async fn explained(mut self, fleet: &Fleet) -> Result<(usize, usize), String> {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.callers.join_next().await {
            ended.expect("no caller panicked");
        }
        let mut operations = 0;
        for grant in &self.grants {
            grant.settle(fleet).await;
            let history = grant.history.lock().expect("no panic").clone();
            explain(&history, MAX_STALENESS)?;
            operations += history.len();
        }
        Ok((self.grants.len(), operations))
    }
}

/// The instances, and a way to each of them that is there now.
pub(crate) struct Fleet {
    callers: Mutex<Vec<Caller>>,
    admins: Mutex<Vec<Admin>>,
}

impl Fleet {
    pub(crate) async fn of(servers: &[Server]) -> Self {
        let fleet = Self { callers: Mutex::default(), admins: Mutex::default() };
        for server in servers {
            let (caller, admin) = (server.caller("shop").await, Admin::of(server).await);
            fleet.callers.lock().expect("no panic").push(caller);
            fleet.admins.lock().expect("no panic").push(admin);
        }
        fleet
    }

    pub(crate) fn caller(&self, at: usize) -> Caller {
        self.callers.lock().expect("no panic")[at].clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.callers.lock().expect("no panic").len()
    }

    pub(crate) fn any(&self, dice: &mut Rng) -> Caller {
        self.caller(dice.usize(..self.len()))
    }

    fn admin(&self, at: usize) -> Admin {
        self.admins.lock().expect("no panic")[at].clone()
    }

    pub(crate) async fn replace(&self, at: usize, server: &Server) {
        let (caller, admin) = (server.caller("shop").await, Admin::of(server).await);
        self.callers.lock().expect("no panic")[at] = caller;
        self.admins.lock().expect("no panic")[at] = admin;
    }
}

/// Makes one call after the other about one grant until it is stopped.
async fn contest(grant: Arc<Contested>, fleet: Arc<Fleet>, mut dice: Rng, stop: Arc<AtomicBool>) {
    let mut asked = 0;
    while !stop.load(Ordering::Relaxed) && asked < OPERATIONS {
        asked += 1;
        let caller = fleet.any(&mut dice);
        let (back, kind) = match dice.usize(..100) {
            0..45 => (0, Kind::Refresh),
            45..60 => (1, Kind::Refresh),
            60..62 => (2, Kind::Refresh),
            62..98 => (0, Kind::Introspect),
            _ => (0, Kind::End),
        };
        let (generation, tokens) = grant.pair(back);
        let operation = match kind {
            Kind::Refresh => Asked::Refresh(generation),
            Kind::Introspect => Asked::Introspect(generation),
            Kind::End => Asked::End,
        };
        if grant.ask(&caller, operation, &tokens).await == Answered::Nothing {
            // Until there is somebody to ask again.
            while introspected(&fleet.any(&mut dice), &tokens.0).await.is_err() {}
        }
    }
}

enum Kind {
    Refresh,
    Introspect,
    End,
}

/// Ends everything of the grants' user by one write.
pub(crate) async fn end_all(fleet: &Fleet, grants: &[Arc<Contested>], at: usize) {
    let request = RevokeGrantsRequest {
        subject: grants[0].subject.clone(),
        ..RevokeGrantsRequest::default()
    };
    let began: Vec<_> = grants.iter().map(|grant| grant.began.elapsed()).collect();
    let answer = timeout(PATIENCE, fleet.admin(at).revoke_grants(request)).await;
    let answer = told(answer, |_| Answered::Ended);
    for (grant, began) in grants.iter().zip(began) {
        grant.note(Asked::End, answer, began);
    }
}

impl Contested {
    /// Asks every instance what became of it, and takes no answer for none.
    pub(crate) async fn settle(&self, fleet: &Fleet) {
        let (generation, tokens) = self.pair(0);
        for at in 0..fleet.len() {
            let caller = fleet.caller(at);
            for asked in [Asked::Introspect(generation), Asked::Refresh(generation)] {
                while self.ask(&caller, asked, &tokens).await == Answered::Nothing {}
            }
        }
    }
}
