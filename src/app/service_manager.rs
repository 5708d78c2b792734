//! Notifies systemd of the process's state (`sd_notify(3)`); does nothing under other service
//! managers.

use std::{
    convert::Infallible,
    env,
    ffi::OsStr,
    io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            ffi::OsStrExt as _,
            net::{SocketAddr, UnixDatagram},
        },
    },
    sync::mpsc::{self, Receiver, SyncSender},
    thread,
    time::Duration,
};

use sd_notify::NotifyState;
use tokio::time::interval;

use crate::transport::Cores;

/// Variable with the service manager's socket.
const SOCKET: &str = "NOTIFY_SOCKET";

/// Messages that may wait until the service manager takes them.
const MOST_WAITING: usize = 64;

/// Longest wait of the process's end until the last message is taken.
const PATIENCE: Duration = Duration::from_secs(1);

/// The way to the service manager: a thread of its own, since a socket that nobody reads from keeps its
/// writer waiting.
pub(super) struct ServiceManager {
    /// `None` once no more is said.
    messages: Option<SyncSender<Message>>,
    /// Ends with the thread.
    ended: Receiver<Infallible>,
}

type Message = Vec<NotifyState<'static>>;

impl ServiceManager {
    /// Starts the thread.
    ///
    /// # Errors
    /// When there can be no such thread.
    pub(super) fn start() -> io::Result<Self> {
        let (messages, waiting) = mpsc::sync_channel::<Message>(MOST_WAITING);
        let (alive, ended) = mpsc::channel();
        thread::Builder::new().name("notify".into()).spawn(move || {
            for message in waiting {
                told(notify(&message));
            }
            drop(alive);
        })?;
        Ok(Self { messages: Some(messages), ended })
    }

    /// Everything is served: `Type=notify` units are started.
    pub(super) fn ready(&self) {
        self.tell(vec![NotifyState::Ready]);
    }

    /// The process was asked to stop.
    pub(super) fn stopping(&self) {
        self.tell(vec![NotifyState::Stopping]);
    }

    /// SIGHUP has come. `Type=notify-reload` units want to know when, and then that it is [`ready`] again.
    ///
    /// [`ready`]: Self::ready
    pub(super) fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.tell(vec![NotifyState::Reloading, now]),
            Err(error) => told(Err(error)),
        }
    }

    /// Says twice in each period of the watchdog that the process is alive: only once the runtime that calls
    /// this and all of the cores have run something. `None` when nobody watches.
    pub(super) fn watchdog(
        &self,
        cores: Option<Cores>,
    ) -> Option<impl Future<Output = ()> + use<>> {
        let (period, messages) = (sd_notify::watchdog_enabled()?, self.messages.clone()?);
        Some(async move {
            let mut ticks = interval((period / 2).max(Duration::from_millis(1)));
            loop {
                ticks.tick().await;
                if let Some(cores) = &cores {
                    cores.respond().await;
                }
                // A queue that is full holds a word of life already.
                drop(messages.try_send(vec![NotifyState::Watchdog]));
            }
        })
    }

    fn tell(&self, message: Message) {
        let sent = self.messages.as_ref().map(|messages| messages.try_send(message));
        if let Some(Err(error)) = sent {
            tracing::warn!(%error, "the service manager takes no message");
        }
    }
}

impl Drop for ServiceManager {
    fn drop(&mut self) {
        drop(self.messages.take());
        // An error is what is awaited: the other side is dropped.
        let _ended = self.ended.recv_timeout(PATIENCE);
    }
}

/// Sends a datagram to the socket that the environment names: a path, or with `@` in front a name of the
/// kernel's (`unix(7)`, abstract), as user managers and containers have it.
fn notify(message: &[NotifyState<'_>]) -> io::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "the service manager's, and no setting of ours")]
    let Some(socket) = env::var_os(SOCKET) else { return Ok(()) };
    let text: String = message.iter().map(|state| state.to_string() + "\n").collect();
    let address = address(&socket)?;
    UnixDatagram::unbound()?.send_to_addr(text.as_bytes(), &address).map(drop)
}

fn address(socket: &OsStr) -> io::Result<SocketAddr> {
    match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(socket),
    }
}

fn told(outcome: io::Result<()>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "the service manager could not be notified");
    }
}
