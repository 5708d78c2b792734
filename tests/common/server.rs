//! `jeton serve` as a process that can be stopped, killed and started again.

use std::{
    io, iter,
    net::SocketAddr,
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

use hyper_util::rt::TokioIo;
use tokio::net::TcpSocket;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::service_fn;

use super::{
    caller::Caller,
    command::binary,
    home::Home,
    ops::Ops,
    process::{Process, address_in},
    settings::Settings,
    wait::{until, within},
};

/// A running server. Dropping it kills it; a test that is content stops it.
///
/// It is several instances where the tests are run so ([`Home::instances`]): each call of a connection
/// goes to any of them, and each address that is asked for is the next one's. An action on the
/// server applies to all of them.
pub(crate) struct Server {
    home: Home,
    /// One or more.
    instances: Vec<Process>,
    /// The instance of the next connection.
    turn: AtomicUsize,
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
        let started = Self::try_start_with(home, settings, environment).await;
        started.unwrap_or_else(|(_, log)| panic!("ended instead:\n{log}"))
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
        let mut process = Process::run(command);
        process.serving().await;
        Self::of(home, process)
    }

    /// Starts one that is to listen at `address`, and does not wait until it serves.
    pub(crate) fn spawn(home: Home, settings: &Settings, address: String) -> Self {
        let environment = [("JETON_GRPC_LISTEN", address.as_str())];
        let mut process = Process::spawn(&home, settings, &environment);
        process.address = address;
        Self::of(home, process)
    }

    fn of(home: Home, process: Process) -> Self {
        Self { home, instances: vec![process], turn: AtomicUsize::new(0) }
    }

    /// Starts one that is expected to give up, and returns its messages.
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
        if !process.serves().await {
            return Err((home, process.failed().await));
        }
        // After the first, which has made the keys that all of them need.
        let others = (1..home.instances()).map(|_| Process::spawn(&home, settings, environment));
        let mut instances: Vec<_> = iter::once(process).chain(others).collect();
        for other in instances.iter_mut().skip(1) {
            other.serving().await;
        }
        Ok(Self { home, instances, turn: AtomicUsize::new(0) })
    }

    /// Waits, once, until it serves, and returns its address.
    pub(crate) async fn serving(&mut self) -> String {
        let process = self.instances.first_mut().expect("an instance");
        process.serving().await;
        process.address.clone()
    }

    /// Insists that it gives up by itself, and returns its messages.
    pub(crate) async fn failed(&mut self) -> String {
        self.instances.first_mut().expect("an instance").failed().await
    }

    fn first(&self) -> &Process {
        self.instances.first().expect("an instance")
    }

    fn next(&self) -> &Process {
        &self.instances[self.turn.fetch_add(1, Ordering::Relaxed) % self.instances.len()]
    }

    /// Returns the URL at which it serves gRPC.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// A caller of its own connection.
    pub(crate) async fn caller(&self, client_id: &'static str) -> Caller {
        Caller::new(self.connect().await, client_id)
    }

    /// A caller whose connection comes from another loopback address, `127.0.0.` and `last`.
    pub(crate) async fn caller_from(&self, last: u8, client_id: &'static str) -> Caller {
        let to = self.address().to_owned();
        let connector = service_fn(move |_| {
            let to = to.clone();
            async move {
                let socket = TcpSocket::new_v4()?;
                socket.bind(SocketAddr::from(([127, 0, 0, last], 0)))?;
                let stream = socket.connect(to.parse().expect("an address")).await?;
                Ok::<_, io::Error>(TokioIo::new(stream))
            }
        });
        let endpoint = Endpoint::from_shared(self.url()).expect("a URL");
        let connected = within("to connect", endpoint.connect_with_connector(connector)).await;
        Caller::new(connected.expect("a connection"), client_id)
    }

    /// Returns the address of its gRPC listener.
    pub(crate) fn address(&self) -> &str {
        &self.next().address
    }

    /// Returns the address of each instance's gRPC listener.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.instances.iter().map(|instance| instance.address.clone()).collect()
    }

    /// Returns the address of its HTTP listener.
    pub(crate) fn http_address(&self) -> String {
        let serving = self.next().log();
        let mut lines = serving.lines().filter_map(|line| address_in(line, "serving", "http"));
        lines.next().expect("it serves")
    }

    /// Returns the address of `/check`.
    pub(crate) fn check_address(&self) -> String {
        let serving = self.next().log();
        let mut lines = serving.lines().filter_map(|line| address_in(line, "serving", "check"));
        lines.next().expect("it listens")
    }

    /// A connection, or one to each instance.
    pub(crate) async fn connect(&self) -> Channel {
        let endpoints = self.instances.iter().map(|instance| {
            Endpoint::from_shared(format!("http://{}", instance.address)).expect("a URL")
        });
        if self.instances.len() > 1 {
            let channel = Channel::balance_list(endpoints);
            within("to connect", use_all(&channel)).await;
            return channel;
        }
        let endpoint = endpoints.into_iter().next().expect("an instance");
        within("to connect", endpoint.connect()).await.expect("a connection")
    }

    /// Returns its ops listener, which answers before it serves.
    pub(crate) async fn ops(&self) -> Ops {
        let find = || {
            let log = self.first().log();
            log.lines().find_map(|line| address_in(line, "answering probes", "ops"))
        };
        until("to answer probes", async || find().is_some()).await;
        Ops::new(find().expect("it was there"))
    }

    /// Returns the URL of its HTTP listener, once it serves.
    pub(crate) fn http(&self) -> String {
        self.http_address()
    }

    /// Returns its log so far, one instance after the other.
    pub(crate) fn log(&self) -> String {
        self.instances.iter().map(Process::log).collect()
    }

    /// Its directory, while it runs.
    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    /// Waits until all of it has logged this: what it does may be seen sooner than what it says.
    pub(crate) async fn logs(&self, words: &str) {
        let ops = self.ops().await;
        until(words, async || {
            // Paces the asking.
            ops.get("/livez").await;
            self.instances.iter().all(|instance| instance.log().contains(words))
        })
        .await;
    }

    /// Sends SIGTERM and does not wait.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        for instance in &self.instances {
            instance.signal(name);
        }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.first().pid()
    }

    /// Starts another one, after it has ended, on what it has left.
    pub(crate) async fn restart(self, settings: &Settings) -> Self {
        Self::start_at(self.home, settings).await
    }

    /// Insists that it ends, after SIGTERM, with exit code 0 and without a panic. Hands back its
    /// directory and its whole log.
    pub(crate) async fn ended(mut self) -> (Home, String) {
        for instance in &mut self.instances {
            let status = instance.ended().await;
            assert_eq!(status.code(), Some(0), "{}", instance.log());
        }
        let log = self.log();
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
        self.instances.iter_mut().for_each(Process::kill);
        for instance in &mut self.instances {
            let status = instance.ended().await;
            assert_eq!(status.code(), None, "ended by itself:\n{}", instance.log());
        }
        self.home
    }
}

/// Calls until each connection of a channel was made: a connection that was not goes on being made
/// with the next calls only, and a server closes a connection that begins and says nothing for
/// long.
async fn use_all(channel: &Channel) {
    for _ in 0..16 {
        let mut health = HealthClient::new(channel.clone());
        let checked = health.check(HealthCheckRequest { service: String::new() }).await;
        checked.expect("health");
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
        .envs(home.max_staleness().map(|duration| ("JETON_MAX_STALENESS", duration)))
        .stdin(Stdio::null());
    command
}
