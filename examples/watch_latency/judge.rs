//! A validator in a separate process: validates tokens until it refuses them, and reports the
//! times.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

use jeton::{
    client::{Basic, Credentials, Refusal, TokenClient, Validator, endpoint, validator::Options},
    domain::secret::Secret,
};
use tokio::runtime::Runtime;

use crate::clock;

/// Number of tokens validated concurrently: a delay of so many revocations is still measured in
/// full.
const AHEAD: usize = 64;
/// Pause between two rounds. Tokio's timers cannot wait for less than a millisecond.
const PACE: Duration = Duration::from_micros(100);

/// The parent's handle to the process.
pub(crate) struct Judge {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Judge {
    /// Starts the process, and waits until it knows the first tokens. Tokens must be revoked in
    /// order.
    pub(crate) fn start(url: &str, tokens: &[String]) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program's path"))
            .args(["--judge", url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let stdin: ChildStdin = child.stdin.take().expect("its standard input is piped");
        writeln!(io::BufWriter::new(stdin), "{}", tokens.join("\n")).expect("it reads");
        let said = BufReader::new(child.stdout.take().expect("its standard output is piped"));
        let mut judge = Self { child, said };
        assert_eq!(judge.line(), "ready");
        judge
    }

    /// Returns the time of each token's refusal, in µs. `None` for tokens refused at the first
    /// attempt.
    pub(crate) fn refusals(mut self, count: usize) -> Vec<Option<u64>> {
        let refusals = (0..count).map(|_| self.line().parse().ok()).collect();
        self.child.wait().expect("it ends");
        refusals
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).expect("it says something");
        line.trim_end().to_owned()
    }
}

/// Runs the validator's process.
pub(crate) fn judge(url: String) {
    let tokens: Vec<_> = io::stdin().lines().map(|line| line.expect("a token")).collect();
    let runtime = Runtime::new().expect("a runtime");
    let validator = runtime.block_on(async {
        let basic = Basic::new("gateway", &Secret::new("gateway-secret"));
        let channel = endpoint(url).expect("a URL").connect_lazy();
        let client = TokenClient::new(channel, Credentials::Basic(basic));
        let validator = Validator::start(client, Options::default());
        while validator.staleness().is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        validator
    });
    let mut shown = Shown { runtime, validator, tokens: Vec::new(), refusals: Vec::new() };
    let mut tokens = tokens.into_iter();
    for token in tokens.by_ref().take(AHEAD) {
        shown.learn(token);
    }
    println!("ready");
    while !shown.tokens.is_empty() {
        for _ in 0..shown.look() {
            tokens.next().into_iter().for_each(|token| shown.learn(token));
        }
        thread::park_timeout(PACE);
    }
    shown.refusals.sort_unstable_by_key(|(number, _)| *number);
    for (_, micros) in shown.refusals {
        println!("{}", micros.map_or("unseen".to_owned(), |micros| micros.to_string()));
    }
}

/// The tokens under validation: those that are revoked next.
struct Shown {
    runtime: Runtime,
    validator: Validator,
    /// Each token, with `true` once it was accepted from memory.
    tokens: Vec<(usize, String, bool)>,
    /// Refusals by the number of the token.
    refusals: Vec<(usize, Option<u64>)>,
}

impl Shown {
    /// Adds a token, for which the validator asks the server once.
    fn learn(&mut self, token: String) {
        let number = self.refusals.len() + self.tokens.len();
        self.runtime.block_on(self.validator.validate(&token)).expect("a good token");
        self.tokens.push((number, token, false));
    }

    /// Validates each token once. Returns the number of refusals.
    fn look(&mut self) -> usize {
        let Self { runtime, validator, tokens, refusals } = self;
        let before = refusals.len();
        tokens.retain_mut(|(number, token, accepted)| {
            if let Some(Ok(_)) = validator.recall(token) {
                *accepted = true;
                return true;
            }
            match runtime.block_on(validator.validate(token)) {
                Ok(_) => true,
                Err(Refusal::Inactive) => {
                    refusals.push((*number, accepted.then(clock::micros)));
                    false
                }
                Err(Refusal::Unknown(error)) => panic!("no answer: {error}"),
            }
        });
        refusals.len() - before
    }
}
