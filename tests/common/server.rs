//! `jeton serve` as a process that can be stopped, killed and started again.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use tokio::sync::oneshot;
use tonic::transport::{Channel, Endpoint};

use super::{
    caller::Caller,
    command::binary,
    home::Home,
    ops::Ops,
    settings::Settings,
    wait::{until, within},
};

/// A running server. Dropping it kills it; a test that is content stops it.
pub(crate) struct Server {
    home: Home,
    process: Process,
    address: String,
}

impl Server {
    /// Starts one on a fresh directory and waits until it serves.
    pub(crate) async fn start(settings: &Settings) -> Self {
        Self::start_at(Home::new(), settings).await
    }

    /// Starts one on what an earlier one has left.
    pub(crate) async fn start_at(home: Home, settings: &Settings) -> Self {
        Self::start_with(home, settings, &[]).await
    }

    /// Starts one with environment variables of its own.
    pub(crate) async fn start_with(
        home: Home,
        settings: &Settings,
        environment: &[(&str, &str)],
    ) -> Self {
        let process = Process::spawn(&home, settings, environment);
        let mut server = Self { home, process, address: String::new() };
        server.address = server.serving().await;
        server
    }

    /// Starts one whose process may open so many files.
    pub(crate) async fn start_limited(settings: &Settings, files: u64) -> Self {
        let home = Home::new();
        let mut command = Command::new("sh");
        let limited = jeton(&home, settings);
        // The shell sets the limit, and is then the server.
        command.arg("-c").arg(format!("ulimit -n {files} && exec \"$0\" \"$@\""));
        command.arg(limited.get_program()).args(limited.get_args());
        command.env_clear().current_dir(home.path()).stdin(Stdio::null());
        command.envs(limited.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let process = Process::run(command);
        let mut server = Self { home, process, address: String::new() };
        server.address = server.serving().await;
        server
    }

    /// Starts one that is to listen at `address`, and does not wait until it serves.
    pub(crate) fn spawn(home: Home, settings: &Settings, address: String) -> Self {
        let environment = [("JETON_GRPC_LISTEN", address.as_str())];
        let process = Process::spawn(&home, settings, &environment);
        Self { home, process, address }
    }

    /// Starts one that is expected to give up, and tells what it said.
    pub(crate) async fn fail_to_start(home: &Home, settings: &Settings) -> String {
        Self::fail_to_start_with(home, settings, &[]).await
    }

    /// The same with environment variables of its own.
    pub(crate) async fn fail_to_start_with(
        home: &Home,
        settings: &Settings,
        environment: &[(&str, &str)],
    ) -> String {
        Process::spawn(home, settings, environment).failed().await
    }

    /// Starts one that may give up instead: then its directory comes back, and what it said.
    pub(crate) async fn try_start(home: Home, settings: &Settings) -> Result<Self, (Home, String)> {
        Self::try_start_with(home, settings, &[]).await
    }

    /// The same with environment variables of its own.
    pub(crate) async fn try_start_with(
        home: Home,
        settings: &Settings,
        environment: &[(&str, &str)],
    ) -> Result<Self, (Home, String)> {
        let mut process = Process::spawn(&home, settings, environment);
        let serving = within("to serve or to give up", &mut process.serving).await;
        match serving {
            Ok(address) => Ok(Self { home, process, address }),
            Err(_) => Err((home, process.failed().await)),
        }
    }

    /// Waits, once, until it serves, and tells where.
    pub(crate) async fn serving(&mut self) -> String {
        let address = within("to serve", &mut self.process.serving).await;
        address.unwrap_or_else(|_| panic!("ended instead:\n{}", self.log()))
    }

    /// Insists that it gives up by itself, and tells what it said.
    pub(crate) async fn failed(&mut self) -> String {
        self.process.failed().await
    }

    /// Where it serves gRPC.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A caller of its own connection.
    pub(crate) async fn caller(&self, client_id: &'static str) -> Caller {
        Caller::new(self.connect().await, client_id)
    }

    /// Where it listens for gRPC.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Where it listens for HTTP.
    pub(crate) fn http_address(&self) -> String {
        let serving = self.log();
        let mut lines = serving.lines().filter_map(|line| address_in(line, "serving", "http"));
        lines.next().expect("it serves")
    }

    /// A connection.
    pub(crate) async fn connect(&self) -> Channel {
        let endpoint = Endpoint::from_shared(self.url()).expect("a URL");
        within("to connect", endpoint.connect()).await.expect("a connection")
    }

    /// Where it answers probes, which it says before it serves.
    pub(crate) async fn ops(&self) -> Ops {
        let find =
            || self.log().lines().find_map(|line| address_in(line, "answering probes", "ops"));
        until("to answer probes", async || find().is_some()).await;
        Ops::new(find().expect("it was there"))
    }

    /// Where it answers HTTP, once it serves.
    pub(crate) fn http(&self) -> String {
        let log = self.log();
        let http = log.lines().find_map(|line| address_in(line, "serving", "http"));
        http.expect("it serves")
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    /// Its directory, while it runs.
    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    /// Waits until it has logged this: what it does may be seen sooner than what it says.
    pub(crate) async fn logs(&self, words: &str) {
        let ops = self.ops().await;
        until(words, async || {
            // Paces the asking.
            ops.get("/livez").await;
            self.log().contains(words)
        })
        .await;
    }

    /// Sends SIGTERM and does not wait.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.process.child.id().to_string();
        // The shell's own kill: a program of that name is not everywhere.
        let kill = format!("kill -{name} {pid}");
        let sent = Command::new("sh").args(["-c", &kill]).status().expect("sh runs");
        assert!(sent.success());
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.child.id()
    }

    /// Starts another one, after it has ended, on what it has left.
    pub(crate) async fn restart(self, settings: &Settings) -> Self {
        Self::start_at(self.home, settings).await
    }

    /// Insists that it ends, after SIGTERM, with exit code 0 and without a panic. Hands back its
    /// directory and its whole log.
    pub(crate) async fn ended(mut self) -> (Home, String) {
        let status = self.process.ended().await;
        let log = self.process.log();
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(!log.contains("panicked"), "{log}");
        (self.home, log)
    }

    /// Writes other settings in the place of those it was started with, and sends SIGHUP.
    pub(crate) fn reload(&self, settings: &Settings) {
        self.home.write(settings);
        self.signal("HUP");
    }

    /// Asks it to stop and insists that it does so in order.
    pub(crate) async fn stop(self) -> Home {
        self.terminate();
        self.ended().await.0
    }

    /// Ends it with SIGKILL: nothing in its memory survives.
    pub(crate) async fn kill(mut self) -> Home {
        self.process.child.kill().expect("it runs");
        let status = self.process.ended().await;
        assert_eq!(status.code(), None, "ended by itself:\n{}", self.process.log());
        self.home
    }
}

/// The command that serves at free ports. It logs JSON, where its standard error is no terminal and
/// no setting says else.
pub(crate) fn jeton(home: &Home, settings: &Settings) -> Command {
    let mut command = Command::new(binary());
    command
        .args(["serve", "--config"])
        .arg(home.write(settings))
        .current_dir(home.path())
        .env_clear()
        .envs([
            ("JETON_GRPC_LISTEN", "127.0.0.1:0"),
            ("JETON_HTTP_LISTEN", "127.0.0.1:0"),
            ("JETON_OPS_LISTEN", "127.0.0.1:0"),
        ])
        .envs(home.database().map(|url| ("JETON_STORE_URL", url)))
        .stdin(Stdio::null());
    command
}

/// The child and what it says.
struct Process {
    child: Child,
    log: Arc<Mutex<String>>,
    /// The address, once it serves.
    serving: oneshot::Receiver<String>,
    /// Dropped by the other side when the child has closed its standard error.
    silent: oneshot::Receiver<()>,
}

impl Process {
    fn spawn(home: &Home, settings: &Settings, environment: &[(&str, &str)]) -> Self {
        let mut command = jeton(home, settings);
        command.envs(environment.iter().copied());
        Self::run(command)
    }

    fn run(mut command: Command) -> Self {
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("jeton starts");
        let stderr = child.stderr.take().expect("its standard error is piped");
        let log = Arc::default();
        let ((tell_serving, serving), (hold, silent)) = (oneshot::channel(), oneshot::channel());
        let kept = Arc::clone(&log);
        thread::spawn(move || {
            keep(stderr, &kept, tell_serving);
            drop::<oneshot::Sender<()>>(hold);
        });
        Self { child, log, serving, silent }
    }

    fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn failed(&mut self) -> String {
        let status = self.ended().await;
        assert_eq!(status.code(), Some(1), "{}", self.log());
        self.log()
    }

    async fn ended(&mut self) -> ExitStatus {
        // An error is what is awaited: the log's end.
        drop(within("to end", &mut self.silent).await);
        self.child.wait().expect("its exit status")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails when it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn keep(stderr: ChildStderr, log: &Mutex<String>, serving: oneshot::Sender<String>) {
    let mut serving = Some(serving);
    for line in BufReader::new(stderr).lines() {
        let line = line.expect("a log in UTF-8");
        let address = address_in(&line, "serving", "grpc");
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push_str(&line);
        log.push('\n');
        drop(log);
        if let Some(address) = address
            && let Some(serving) = serving.take()
        {
            drop(serving.send(address));
        }
    }
}

/// The address that a line of the log names, if it is the one with that message.
fn address_in(line: &str, message: &str, listener: &str) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    (line["message"] == message).then(|| line[listener].as_str().map(str::to_owned))?
}
