//! Opens a store after a power loss and compares it with the ledger.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::ExitCode,
};

use clap::Args;
use jeton::{
    domain::{client::Client, grant::Grant, grant_id::GrantId, time::Timestamp, user::User},
    store::{
        GrantOwner, ReadError, Records, Store as _, Stored, Write,
        sled::{OpenError, SledOptions, SledStore},
    },
};

use crate::{
    chance::Chance,
    entropy::SystemEntropy,
    findings::Findings,
    history::{History, Outcome},
    layout::{Feed, Layout},
    ledger::Ledger,
    mix,
    tracked::{Tracked, to_hex},
};

/// A time after the end of every grant.
const END_OF_TIME: Timestamp = Timestamp::from_millis(u64::MAX);

/// The options of a verification.
#[derive(Args)]
pub(crate) struct Verify {
    /// The data directory.
    #[arg(long)]
    dir: PathBuf,
    /// The ledger at the moment of the power loss.
    #[arg(long)]
    ledger: PathBuf,
    /// The store's memory for records, in bytes.
    #[arg(long, default_value_t = 4 << 20)]
    cache_bytes: u64,
}

/// Contents of the store.
#[derive(Default)]
struct Contents {
    /// Version and state of each record, by name.
    records: BTreeMap<String, (u64, String)>,
    grants: Vec<Stored<Grant>>,
}

impl Verify {
    /// Runs the verification.
    pub(crate) async fn run(self) -> ExitCode {
        let ledger = Ledger::read(&self.ledger).expect("the ledger can be read");
        let mut findings = Findings::default();
        let records = match self.check(&ledger, &mut findings).await {
            Ok(records) => records,
            Err(why) => {
                println!("the store does not open: {why}");
                return ExitCode::from(3);
            }
        };
        println!("{findings}; {records} records, {} acknowledged", ledger.acknowledged);
        findings.exit_code()
    }

    async fn check(&self, ledger: &Ledger, findings: &mut Findings) -> Result<usize, String> {
        let store = self.open().map_err(|error| error.to_string())?;
        let contents = read_all(&store, &ledger.histories, findings).await;
        check_indexes(&store, &contents, findings).await;
        check_promises(&store, ledger, findings).await;
        close(store, findings).await;

        let layout = Layout::open(&self.dir).await.map_err(|error| error.to_string())?;
        if let Err(error) = check_layout(&layout, ledger, &contents, findings) {
            findings.lost(format!("the trees cannot be read: {error}"));
        }
        drop(layout);

        self.check_again(ledger, &contents, findings).await?;
        Ok(contents.records.len())
    }

    fn open(&self) -> Result<SledStore, OpenError> {
        let options = SledOptions::new(self.dir.clone(), self.cache_bytes);
        SledStore::open(&options, &SystemEntropy)
    }

    /// Checks that the store works: new writes and old records are there at the next opening.
    async fn check_again(
        &self,
        ledger: &Ledger,
        contents: &Contents,
        findings: &mut Findings,
    ) -> Result<(), String> {
        const PROBES: u64 = 20;
        let fault = |error: OpenError| format!("after the first opening: {error}");
        let store = self.open().map_err(fault)?;
        let mut ignored = Findings::default();
        let there =
            ledger.histories.iter().filter(|(name, _)| contents.records.contains_key(*name));
        let before = read_all(&store, there, &mut ignored).await;
        if before.records != contents.records {
            findings.lost("the second opening shows other records".to_owned());
        }
        let mut probes = Vec::new();
        for task in 0..PROBES {
            let mut chance = Chance::new(u64::MAX, task);
            let id = mix::any_user(&mut chance);
            let old = store.users().get(&id).await.ok().flatten();
            let new = mix::next_user(old.as_deref(), id, &mut chance, END_OF_TIME);
            let write = match (&old, new) {
                (None, Some(new)) => Write::Insert(new),
                (Some(old), Some(new)) => Write::Replace(old.version(), new),
                (Some(_) | None, None) => continue,
            };
            if let Ok(version) = store.users().write(write).await {
                probes.retain(|(probe, _)| *probe != id);
                probes.push((id, version));
            }
        }
        close(store, findings).await;

        let store = self.open().map_err(fault)?;
        for (id, version) in probes {
            let found = store.users().get(&id).await.ok().flatten();
            if found.is_none_or(|found| found.version() != version) {
                findings.lost(format!("{} was written after the crash", User::name_of(&id)));
            }
        }
        close(store, findings).await;
        Ok(())
    }
}

async fn close(store: SledStore, findings: &mut Findings) {
    if let Err(failure) = store.close().await {
        findings.lost(format!("closing: {failure}"));
    }
}

/// Reads and judges the records that the ledger names.
async fn read_all(
    store: &SledStore,
    histories: impl IntoIterator<Item = (&String, &History)>,
    findings: &mut Findings,
) -> Contents {
    let mut contents = Contents::default();
    for (name, history) in histories {
        let grant = read_one(store.grants(), name, history, &mut contents, findings).await;
        contents.grants.extend(grant);
        read_one::<Client>(store.clients(), name, history, &mut contents, findings).await;
        let user = read_one::<User>(store.users(), name, history, &mut contents, findings).await;
        if let Some(user) = user {
            let by_name = store.user_by_name(&user.name).await;
            let version = by_name.map(|found| found.map(|found| (found.id, found.version())));
            if version != Ok(Some((user.id, user.version()))) {
                findings.order(format!("{name} is not found by its name"));
            }
        }
    }
    contents
}

async fn read_one<R: Tracked>(
    records: &impl Records<R>,
    name: &str,
    history: &History,
    contents: &mut Contents,
    findings: &mut Findings,
) -> Option<Stored<R>> {
    let found = match records.get(&R::named(name)?).await {
        Ok(found) => found,
        Err(error @ (ReadError::Corrupt | ReadError::Unavailable)) => {
            findings.lost(format!("{name}: {error}"));
            return None;
        }
    };
    match &found {
        Some(record) => {
            let (version, state) = (record.version().as_u64(), record.state());
            findings.judge(name, history.judge_found(version, &state));
            contents.records.insert(name.to_owned(), (version, state));
        }
        None => findings.judge(name, history.judge_absent()),
    }
    found
}

/// Checks the indexes: at the end of time every grant is spent, so the sweeper must find each and
/// nothing else. The owners must find them too.
async fn check_indexes(store: &SledStore, contents: &Contents, findings: &mut Findings) {
    let spent = match store.spent_grants(END_OF_TIME, usize::MAX).await {
        Ok(spent) => spent,
        Err(error) => return findings.lost(format!("spent grants: {error}")),
    };
    let spent: BTreeSet<_> = spent.iter().map(|grant| grant.id).collect();
    let there: BTreeSet<_> = contents.grants.iter().map(|grant| grant.id).collect();
    for id in there.difference(&spent) {
        findings.order(format!("grant {id} will never be swept"));
    }
    for id in spent.difference(&there) {
        findings.invented(format!("grant {id} is swept and was never written"));
    }
    let mut owned = BTreeMap::<_, (GrantOwner, BTreeSet<GrantId>)>::new();
    for grant in &contents.grants {
        let client = GrantOwner::Client(grant.client_id.clone());
        for owner in grant.subject.user_id().map(GrantOwner::User).into_iter().chain([client]) {
            let (_, grants) = owned.entry(format!("{owner:?}")).or_insert((owner, BTreeSet::new()));
            grants.insert(grant.id);
        }
    }
    for (name, (owner, grants)) in owned {
        // The list can contain deleted grants, so it need not be equal.
        let listed = match store.grant_ids(&owner, None, usize::MAX).await {
            Ok(listed) => BTreeSet::from_iter(listed),
            Err(error) => return findings.lost(format!("grants of {name}: {error}")),
        };
        for id in grants.difference(&listed) {
            findings.order(format!("grant {id} is not listed for {name}"));
        }
    }
}

/// Checks promises other than records.
async fn check_promises(store: &SledStore, ledger: &Ledger, findings: &mut Findings) {
    match store.head().await {
        Ok(head) if head.0 >= ledger.head => {}
        Ok(head) => findings.lost(format!("the feed ends at {}, not {}", head.0, ledger.head)),
        Err(error) => findings.lost(format!("the feed's head: {error}")),
    }
    if ledger.store.as_ref().is_some_and(|id| *id != to_hex(&store.id())) {
        findings.lost("the store has another id".to_owned());
    }
    let keys = store.key_ids().await.unwrap_or_default();
    let keys: BTreeSet<_> = keys.iter().map(ToString::to_string).collect();
    for key in ledger.noted_keys.difference(&keys) {
        findings.lost(format!("server key {key} is forgotten"));
    }
    for key in keys.difference(&ledger.tried_keys) {
        findings.invented(format!("server key {key} was never noted"));
    }
}

/// Checks that the feed is complete, contains exactly the expected changes, and that no record is
/// unknown.
fn check_layout(
    layout: &Layout,
    ledger: &Ledger,
    contents: &Contents,
    findings: &mut Findings,
) -> sled::Result<()> {
    for name in layout.names()? {
        if !contents.records.contains_key(&name) {
            findings.invented(format!("{name} was never written"));
        }
    }
    check_feed(layout.feed()?, ledger, contents, findings);
    Ok(())
}

fn check_feed(feed: Feed, ledger: &Ledger, contents: &Contents, findings: &mut Findings) {
    let Feed { edge, events } = feed;
    if edge < ledger.trimmed {
        findings.lost(format!("the feed begins behind {edge}, not {}", ledger.trimmed));
    }
    if edge > ledger.may_be_trimmed {
        findings.lost(format!("the feed begins behind {edge}, which nobody asked for"));
    }
    let kept = events.iter().map(|(place, _)| *place).filter(|place| *place > edge);
    for (expected, place) in (edge + 1..).zip(kept) {
        if place != expected {
            findings.order(format!("the feed has {place} in the place of {expected}"));
        }
    }
    let mut feed = BTreeMap::<_, u64>::new();
    for (_, change) in events {
        *feed.entry(change).or_default() += 1;
    }
    let (mut promised, mut possible) = (BTreeMap::<_, u64>::new(), BTreeMap::<_, u64>::new());
    for (name, history) in &ledger.histories {
        for attempt in history.attempts() {
            let Some(change) = &attempt.change else {
                continue;
            };
            match attempt.outcome {
                Outcome::Done(_) => {
                    // Events that may have been trimmed need not exist any more.
                    if attempt.behind >= edge {
                        *promised.entry(change).or_default() += 1;
                    }
                    *possible.entry(change).or_default() += 1;
                }
                Outcome::Unknown | Outcome::Settled => {
                    *possible.entry(change).or_default() += 1;
                }
                Outcome::Refused => {}
            }
        }
        let found = contents.records.get(name);
        let maker = found.and_then(|(version, state)| history.maker(*version, state));
        let maker = maker.filter(|maker| maker.behind >= edge);
        let change = maker.and_then(|maker| maker.change.as_ref());
        if change.is_some_and(|change| !feed.contains_key(change)) {
            findings.order(format!("{name} shows a change that the feed does not tell"));
        }
    }
    for (change, count) in promised {
        let told = feed.get(change).copied().unwrap_or(0);
        if told < count {
            findings.lost(format!("the feed tells change {change} {told} times, not {count}"));
        }
    }
    for (change, count) in feed {
        let most = possible.get(&change).copied().unwrap_or(0);
        if count > most {
            findings.invented(format!("the feed tells change {change} {count} times, not {most}"));
        }
    }
}
