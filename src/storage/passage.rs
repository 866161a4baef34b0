//! From our unix socket to a port of loopback, for an rclone that listens on ports only (before 1.61).

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::error::{Error, Result};

/// Passes connections on until it is dropped; the socket's file stays behind.
#[derive(Debug)]
pub(super) struct Passage {
    task: JoinHandle<()>,
}

impl Passage {
    /// Listens on the socket, and gives the address where rclone is to listen: the wanted one, else a free port of loopback.
    pub(super) fn open(socket: &Path, wanted: Option<&str>) -> Result<(String, Self)> {
        let cannot = |source| Error::Volume {
            path: socket.to_owned(),
            source,
        };
        let address = match wanted {
            Some(address) => address.to_owned(),
            None => free_port().map_err(|source| Error::System {
                what: "looking for a free port",
                source,
            })?,
        };
        let port = address
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .ok_or_else(|| cannot(std::io::ErrorKind::InvalidInput.into()))?;
        // Left behind by a server that was killed.
        let _ = std::fs::remove_file(socket);
        let listener = UnixListener::bind(socket).map_err(cannot)?;
        let target = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let task = tokio::spawn(pass(listener, target));
        Ok((address, Self { task }))
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Taken by nobody at this moment; the network of a container is its own.
fn free_port() -> std::io::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.to_string())
}

async fn pass(listener: UnixListener, target: SocketAddr) {
    // Dropped with this task, they end with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            incoming = listener.accept() => match incoming {
                Ok((stream, _)) => drop(connections.spawn(connect(stream, target))),
                // Too many open files: some will be closed.
                Err(error) => {
                    tracing::warn!("cannot take a connection to rclone: {error}");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            },
            Some(_) = connections.join_next() => (),
        }
    }
}

/// Where rclone is not up, the connection is closed: the one who asks tries again.
async fn connect(mut stream: UnixStream, target: SocketAddr) {
    if let Ok(mut rclone) = TcpStream::connect(target).await {
        let _ = rclone.set_nodelay(true);
        let _ = copy_bidirectional(&mut stream, &mut rclone).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn what_comes_by_the_socket_arrives_at_the_port_and_back() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("rest.sock");
        std::fs::write(&socket, "left behind").unwrap();
        let (address, passage) = Passage::open(&socket, None).unwrap();

        // Nobody listens yet: closed, not left hanging.
        let mut early = UnixStream::connect(&socket).await.unwrap();
        assert_eq!(early.read(&mut [0; 8]).await.unwrap(), 0);

        let server = tokio::net::TcpListener::bind(&address).await.unwrap();
        let mut client = UnixStream::connect(&socket).await.unwrap();
        client.write_all(b"ask").await.unwrap();
        client.shutdown().await.unwrap();
        let (mut stream, _) = server.accept().await.unwrap();
        let mut asked = String::new();
        stream.read_to_string(&mut asked).await.unwrap();
        assert_eq!(asked, "ask");
        stream.write_all(b"answer").await.unwrap();
        drop(stream);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "answer");

        let mut open = UnixStream::connect(&socket).await.unwrap();
        let (_held, _) = server.accept().await.unwrap();
        drop(passage);
        assert_eq!(open.read(&mut [0; 8]).await.unwrap(), 0);
        assert!(UnixStream::connect(&socket).await.is_err());
    }

    #[tokio::test]
    async fn a_wanted_port_is_reached_by_loopback() {
        let folder = tempfile::tempdir().unwrap();
        for (wanted, folder) in [(":8080", "a"), ("127.0.0.1:8080", "b")]
            .map(|(wanted, name)| (wanted, folder.path().join(name)))
        {
            let (address, _passage) = Passage::open(&folder, Some(wanted)).unwrap();
            assert_eq!(address, wanted);
        }
    }
}
