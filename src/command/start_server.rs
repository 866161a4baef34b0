//! `start-server`: serves the repository until it is told to stop, as the one server of its volume.

use std::convert::Infallible;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::grace::Grace;
use crate::keeper::{Handle, Patience};
use crate::settings::{Access, Settings};
use crate::storage::{self, Listeners, Server};
use crate::supervise::Interrupts;
use crate::volume::{Holder, Lock, Locking, Serves, Volume};
use crate::watch;

use super::access::{self, StorageAccess};

/// A job that looks whether a server runs holds the lock for a moment; a stopping server for a little longer.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn run() -> Result<u8> {
    let settings = super::settings()?;
    crate::log::start(settings.logging);
    let mut interrupts = Interrupts::new()?;
    access::require_login(&settings)?;
    let volume = Volume::open(&settings.home)?;
    let mut lock = lock(&volume).await?;

    tell_access(&settings);
    access::with_access(&settings, &volume, async |access| {
        serve(&settings, &volume, &mut lock, &mut interrupts, access).await
    })
    .await?;
    tracing::info!("stopped");
    Ok(0)
}

/// Serves until a signal comes.
async fn serve(
    settings: &Settings,
    volume: &Volume,
    lock: &mut Lock,
    interrupts: &mut Interrupts,
    access: &StorageAccess,
) -> Result<()> {
    let (socket, _folder) = socket(volume)?;
    let port = storage::address(&settings.rest.access, settings.rest.port);
    let listeners = Listeners {
        socket: socket.clone(),
        port: Some(port),
    };
    let server = interrupts
        .unless(Server::start(
            settings,
            volume,
            &listeners,
            access.supply().as_ref(),
        ))
        .await?;
    if server.is_patched() {
        tracing::warn!("{}", storage::RISKS);
    }
    let signature = Serves {
        socket: socket.clone(),
        remote: settings.remote.to_string(),
    };
    if let Err(error) = lock.sign(Some(signature)) {
        tracing::warn!("cannot tell in the volume where this server listens: {error}");
    }
    let signal = tokio::select! {
        signal = interrupts.next() => signal,
        never = tell(access.keeper(), server.endpoint(), settings) => match never {},
        never = watch::keep_beside_ofelia(settings, volume) => match never {},
    };
    tracing::info!("stopping on {signal}");
    access.begin_to_close(Patience::Hurried);
    server.stop(Grace::new(settings.stop_grace).server()).await;
    let _ = std::fs::remove_file(socket);
    Ok(())
}

async fn lock(volume: &Volume) -> Result<Lock> {
    let until = Instant::now() + LOCK_PATIENCE;
    loop {
        match volume.lock_server()? {
            Locking::Ours(lock) => return Ok(lock),
            Locking::Held(holder) if Instant::now() >= until => {
                return Err(Error::AnotherServer {
                    holder: Holder::describe(holder.as_ref()),
                });
            }
            Locking::Held(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Where the jobs reach the server: in the volume, so that other containers reach it too, where it carries sockets.
fn socket(volume: &Volume) -> Result<(PathBuf, Option<tempfile::TempDir>)> {
    let path = volume.socket();
    let _ = std::fs::remove_file(&path);
    match UnixListener::bind(&path) {
        Ok(_) => Ok((path, None)),
        Err(error) => {
            tracing::warn!(
                "the volume carries no sockets ({error}): jobs in this container use the server, one-shot containers \
                 start one of their own"
            );
            let folder = tempfile::tempdir().map_err(|source| Error::System {
                what: "making a temporary folder",
                source,
            })?;
            Ok((folder.path().join("rest.sock"), Some(folder)))
        }
    }
}

fn tell_access(settings: &Settings) {
    let port = settings.rest.port;
    match settings.rest.access {
        Access::Login { .. } => {
            tracing::info!("port {port} serves who has the user name and password");
        }
        Access::Anonymous => tracing::warn!(
            "port {port} serves everybody who reaches it: RESTIC_REST_ANONYMOUS=true"
        ),
        Access::Local => tracing::info!(
            "port {port} is closed to other containers; to open it set RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD"
        ),
    }
}

/// Logs how the login does, at each change, and when the repository is reached for the first time.
async fn tell(keeper: Option<Handle>, endpoint: &Endpoint, settings: &Settings) -> Infallible {
    let Some(mut keeper) = keeper else {
        tell_repository(endpoint, settings).await;
        return std::future::pending().await;
    };
    let mut told = None;
    let mut is_ready = false;
    let mut status = keeper.status();
    loop {
        let valid = status.valid(Timestamp::now()).map(|valid| valid.expiration);
        match (&status.trouble, valid) {
            (trouble, _) if *trouble == told => (),
            (None, _) => tracing::info!("the login works again"),
            (Some(trouble), None) => tracing::error!("{trouble}. {}", trouble.remedy()),
            (Some(trouble), Some(until)) => {
                tracing::error!(
                    "{trouble}; the credentials are good until {until}. {}",
                    trouble.remedy()
                );
            }
        }
        told.clone_from(&status.trouble);
        if valid.is_some() && !is_ready {
            tell_repository(endpoint, settings).await;
            is_ready = true;
        }
        status = keeper.changed().await;
    }
}

async fn tell_repository(endpoint: &Endpoint, settings: &Settings) {
    let remote = &settings.remote;
    match endpoint.has_repository_now().await {
        Ok(true) => tracing::info!("ready: serving the repository at {remote}"),
        Ok(false) => {
            tracing::info!("ready: no repository yet at {remote}, the first backup makes it");
        }
        Err(error) => tracing::error!("up, but not healthy: {error}"),
    }
}
