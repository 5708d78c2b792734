//! The sockets that are listened on: of the network, and of the file system.

use std::{
    fs::{self, Permissions},
    io,
    net::{Ipv4Addr, SocketAddr},
    os::unix::{
        fs::{FileTypeExt as _, PermissionsExt as _},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access};
use tokio::net::{TcpListener, UnixListener, UnixSocket};

use super::stream::Stream;
use crate::config::{ListenAddress, SocketMode};

/// A socket that is listened on.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpListener),
    Unix(Local),
}

/// A socket of the file system, which goes with this.
#[derive(Debug)]
pub(super) struct Local {
    listener: UnixListener,
    path: PathBuf,
}

impl Drop for Local {
    fn drop(&mut self) {
        // Another may have taken its place; then it is gone already.
        drop(fs::remove_file(&self.path));
    }
}

impl Local {
    /// Binds it at `path` and listens. One that a process has left behind is replaced.
    ///
    /// # Errors
    /// When something else is there, or it cannot be made.
    pub(super) fn bind(path: &Path, mode: SocketMode, backlog: u32) -> io::Result<Self> {
        if is_left(path)? {
            fs::remove_file(path)?;
        }
        let socket = UnixSocket::new_stream()?;
        socket.bind(path)?;
        // Nobody connects before it listens.
        fs::set_permissions(path, Permissions::from_mode(mode.0))?;
        Ok(Self { listener: socket.listen(backlog)?, path: path.to_owned() })
    }

    /// Asks whether it could be bound, and changes nothing.
    ///
    /// # Errors
    /// As [`Self::bind`].
    pub(super) fn look(path: &Path) -> io::Result<()> {
        is_left(path)?;
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        Ok(access(directory.unwrap_or(Path::new(".")), Access::WRITE_OK | Access::EXEC_OK)?)
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
            Self::Unix(Local { listener, .. }) => {
                let (stream, _) = listener.accept().await?;
                Ok((Stream::Unix(stream), (Ipv4Addr::LOCALHOST, 0).into()))
            }
        }
    }

    /// Returns its address, with its real port.
    pub(super) fn address(&self) -> io::Result<ListenAddress> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(ListenAddress::Network),
            Self::Unix(Local { path, .. }) => Ok(ListenAddress::Unix(path.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODE: SocketMode = SocketMode(0o660);

    #[tokio::test]
    async fn a_socket_has_its_mode_and_goes_with_its_listener() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("socket");
        let bound = Local::bind(&path, MODE, 1).expect("a socket");
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        let taken = Local::bind(&path, MODE, 1).expect_err("somebody listens");
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
        drop(Local::bind(&path, MODE, 1).expect("a socket in its place"));
        fs::write(&path, "precious").expect("a file");
        assert!(Local::bind(&path, MODE, 1).is_err());
        assert_eq!(fs::read(&path).expect("it is there"), b"precious");
    }
}
