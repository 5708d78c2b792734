//! `jeton agent` as a process beside a server.

use std::process::Stdio;

use tonic::transport::{Channel, Endpoint};

use super::{
    command,
    home::Home,
    ops::Ops,
    process::{Process, address_in},
    wait::{until, within},
};

/// A running agent. Dropping it kills it.
pub(crate) struct Agent {
    process: Process,
    home: Home,
}

impl Agent {
    /// Starts one that asks the server at `url` as `client`, whose secret is its name and `-secret`, and
    /// waits until it serves.
    pub(crate) async fn start(url: &str, client: &str) -> Self {
        let anywhere = "127.0.0.1:0";
        Self::start_on(url, client, &["--listen", anywhere, "--check-listen", anywhere]).await
    }

    /// Starts an agent that listens where these flags say.
    pub(crate) async fn start_on(url: &str, client: &str, flags: &[&str]) -> Self {
        let secret = ("JETON_CLIENT_SECRET", &*format!("{client}-secret"));
        let flags = [&["--server", url, "--client-id", client], flags].concat();
        Self::start_in(Home::new(), &flags, &[secret]).await
    }

    /// The same in a directory with what these flags and variables name. They say who calls whom.
    pub(crate) async fn start_in(home: Home, flags: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = command::jeton(&home, &["agent", "--ops-listen", "127.0.0.1:0"]);
        command.args(flags).envs(environment.iter().copied()).stdin(Stdio::null());
        let mut process = Process::run(command);
        process.serving().await;
        Self { process, home }
    }

    fn listener(&self, name: &str) -> String {
        let log = self.process.log();
        let mut lines = log.lines().filter_map(|line| address_in(line, "serving", name));
        lines.next().expect("it listens")
    }

    /// Address of `/check`.
    pub(crate) fn check_address(&self) -> String {
        self.listener("check")
    }

    /// Its probes and metrics.
    pub(crate) fn ops(&self) -> Ops {
        Ops::new(self.listener("ops"))
    }

    /// A connection.
    pub(crate) async fn connect(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.process.address));
        within("to connect", endpoint.expect("a URL").connect()).await.expect("a connection")
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Returns the address of its gRPC listener.
    pub(crate) fn address(&self) -> &str {
        &self.process.address
    }

    /// Waits until it hears the server.
    pub(crate) async fn hears(&self) {
        until("to hear the server", async || self.ops().get("/readyz").await.0 == 200).await;
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Directory in which it runs.
    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    /// Its messages so far.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    /// Asks it to stop and insists that it does so in order. Hands back its directory.
    pub(crate) async fn stop(self) -> Home {
        self.process.signal("TERM");
        self.ended().await
    }

    /// Waits until it has stopped in order, which it was asked to do. Hands back its directory.
    pub(crate) async fn ended(mut self) -> Home {
        let status = self.process.ended().await;
        assert_eq!(status.code(), Some(0), "{}", self.process.log());
        self.home
    }
}
