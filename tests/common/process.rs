//! A `jeton serve` and what it says.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use tokio::sync::oneshot;

use super::{home::Home, server::jeton, settings::Settings, wait::within};

/// The child and what it says.
pub(super) struct Process {
    child: Child,
    log: Arc<Mutex<String>>,
    /// Address at which it serves gRPC; empty until that is known.
    pub(super) address: String,
    /// The address, once it serves.
    serving: oneshot::Receiver<String>,
    /// Dropped by the other side when the child has closed its standard error.
    silent: oneshot::Receiver<()>,
}

impl Process {
    pub(super) fn spawn(home: &Home, settings: &Settings, environment: &[(&str, &str)]) -> Self {
        let mut command = jeton(home, settings);
        command.envs(environment.iter().copied());
        Self::run(command)
    }

    pub(super) fn run(mut command: Command) -> Self {
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
        Self { child, log, address: String::new(), serving, silent }
    }

    /// Waits, once, until it serves; `false` when it gives up instead.
    pub(super) async fn serves(&mut self) -> bool {
        let address = within("to serve", &mut self.serving).await;
        self.address = address.unwrap_or_default();
        !self.address.is_empty()
    }

    /// Waits, once, until it serves.
    pub(super) async fn serving(&mut self) {
        assert!(self.serves().await, "ended instead:\n{}", self.log());
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn signal(&self, name: &str) {
        let pid = self.pid();
        // The shell's own kill: a program of that name is not everywhere.
        let kill = format!("kill -{name} {pid}");
        let sent = Command::new("sh").args(["-c", &kill]).status().expect("sh runs");
        assert!(sent.success());
    }

    pub(super) fn kill(&mut self) {
        self.child.kill().expect("it runs");
    }

    pub(super) fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) async fn failed(&mut self) -> String {
        let status = self.ended().await;
        assert_eq!(status.code(), Some(1), "{}", self.log());
        self.log()
    }

    pub(super) async fn ended(&mut self) -> ExitStatus {
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
pub(super) fn address_in(line: &str, message: &str, listener: &str) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    (line["message"] == message).then(|| line[listener].as_str().map(str::to_owned))?
}
