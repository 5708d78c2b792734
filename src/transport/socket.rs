//! The sockets that are listened on: of the network, and of the file system.

use std::{
    fmt,
    fs::{self, Permissions},
    io,
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    os::unix::{
        fs::{FileTypeExt as _, PermissionsExt as _, chown},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access as may};
use tokio::net::{TcpListener, UnixListener, UnixSocket};

use super::stream::Stream;
use crate::{
    config::{ListenAddress, SocketAccess, SocketOwner},
    metrics::Rate,
};

/// Lines a second about users who may not connect.
const LINES: NonZeroU32 = NonZeroU32::new(10).expect("10 is not 0");

/// A socket that is listened on.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpListener),
    Unix(Local),
}

/// A socket of the file system that is bound, and not listened on yet: nobody can connect.
#[derive(Debug)]
pub(super) struct LocalBound {
    socket: UnixSocket,
    file: SocketFile,
    access: SocketAccess,
}

/// A socket of the file system.
pub(super) struct Local {
    listener: UnixListener,
    file: SocketFile,
    access: SocketAccess,
    lines: Rate,
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").field("file", &self.file).finish_non_exhaustive()
    }
}

/// Its file, which goes with this.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Another may have taken its place; then it is gone already.
        drop(fs::remove_file(&self.0));
    }
}

impl LocalBound {
    /// Binds it at `path`. One that a process has left behind is replaced.
    ///
    /// # Errors
    /// When something else is there, or it cannot be made or given to its owner.
    pub(super) fn at(path: &Path, access: SocketAccess) -> io::Result<Self> {
        if is_left(path)? {
            fs::remove_file(path)?;
        }
        let socket = UnixSocket::new_stream()?;
        socket.bind(path)?;
        let file = SocketFile(path.to_owned());
        fs::set_permissions(path, Permissions::from_mode(access.mode.0))?;
        let SocketOwner { user, group } = access.owner;
        if access.owner != SocketOwner::default() {
            chown(path, user, group)?;
        }
        Ok(Self { socket, file, access })
    }

    /// Returns its path.
    pub(super) fn path(&self) -> &Path {
        &self.file.0
    }

    /// Lets connections come.
    ///
    /// # Errors
    /// When that is not possible.
    pub(super) fn listen(self, backlog: u32) -> io::Result<Local> {
        let Self { socket, file, access } = self;
        let listener = socket.listen(backlog)?;
        Ok(Local { listener, file, access, lines: Rate::new(LINES, LINES) })
    }
}

impl Local {
    /// The next connection of a user who may connect. Others are closed at once.
    async fn accept(&self) -> io::Result<Stream> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            let uid = stream.peer_cred()?.uid();
            if self.access.lets(uid) {
                return Ok(Stream::Unix(stream));
            }
            if self.lines.allows() {
                let path = self.file.0.display();
                tracing::info!(uid, %path, "a connection is refused: that user may not connect");
            }
        }
    }

    /// Asks whether it could be bound, and changes nothing.
    ///
    /// # Errors
    /// As [`LocalBound::at`].
    pub(super) fn look(path: &Path) -> io::Result<()> {
        is_left(path)?;
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        Ok(may(directory.unwrap_or(Path::new(".")), Access::WRITE_OK | Access::EXEC_OK)?)
    }
}

/// Returns whether there is a socket without a listener, which is in the way of the next one.
fn is_left(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => match UnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(true),
            Ok(_) | Err(_) => Err(io::ErrorKind::AddrInUse.into()),
        },
        Ok(_) => {
            Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no socket"))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

impl Socket {
    /// The next connection, and where it comes from: from this machine, if it has no address.
    pub(super) async fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // One socket for both families shows peers of the older one as ::ffff:192.0.2.1.
                let address = SocketAddr::new(address.ip().to_canonical(), address.port());
                Ok((Stream::Tcp(stream), address))
            }
            Self::Unix(local) => {
                let stream = local.accept().await?;
                Ok((stream, (Ipv4Addr::LOCALHOST, 0).into()))
            }
        }
    }

    /// Returns its address, with its real port.
    pub(super) fn address(&self) -> io::Result<ListenAddress> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(ListenAddress::Network),
            Self::Unix(local) => Ok(ListenAddress::Unix(local.file.0.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use tokio::io::AsyncReadExt as _;
    use tokio::net::UnixStream as Client;

    use super::*;
    use crate::config::{SocketMode, SocketUids};

    fn bind(path: &Path, access: SocketAccess) -> io::Result<Local> {
        LocalBound::at(path, access)?.listen(8)
    }

    fn shared() -> SocketAccess {
        SocketAccess { mode: SocketMode(0o660), ..SocketAccess::default() }
    }

    #[tokio::test]
    async fn a_socket_has_its_mode_and_goes_with_its_listener() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("socket");
        let bound = bind(&path, shared()).expect("a socket");
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        let taken = bind(&path, shared()).expect_err("somebody listens");
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        drop(bound);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_a_killed_process_has_left_is_replaced_and_a_file_is_not() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("socket");
        drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket"));
        assert!(path.exists(), "its file stays");
        drop(bind(&path, shared()).expect("a socket in its place"));
        fs::write(&path, "precious").expect("a file");
        assert!(bind(&path, shared()).is_err());
        assert_eq!(fs::read(&path).expect("it is there"), b"precious");
    }

    #[tokio::test]
    async fn a_user_who_is_not_named_is_not_let_in() {
        let home = tempfile::tempdir().expect("a directory");
        let own = fs::metadata(home.path()).expect("a directory").uid();
        for (uid, let_in) in [(own, true), (own + 1, false)] {
            let uids = SocketUids::parse(&uid.to_string()).ok();
            let path = home.path().join(uid.to_string());
            let local = bind(&path, SocketAccess { uids, ..shared() }).expect("a socket");
            let socket = Socket::Unix(local);
            let mut client = Client::connect(&path).await.expect("a connection");
            let mut byte = [0];
            tokio::select! {
                biased;
                accepted = socket.accept() => {
                    assert!(let_in);
                    drop(accepted.expect("a connection"));
                }
                read = client.read(&mut byte) => {
                    assert!(!let_in);
                    assert_eq!(read.expect("closed in order"), 0);
                }
            }
        }
    }
}
