//! `start-server`: serves the repository until it is told to stop, as the one server of its volume.

use std::convert::Infallible;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch::{Sender, channel};

use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::grace::Grace;
use crate::keeper::{Handle, Patience};
use crate::settings::{Access, Settings};
use crate::storage::{self, Listeners, Server};
use crate::supervise::Interrupts;
use crate::volume::{Holder, Lock, Serves, Volume};
use crate::watch;

use super::access::{self, StorageAccess};
use super::lock;
use super::schedule::Taken;

/// Between two tries to tell where the server listens, on a volume that is full.
const SIGN_AGAIN: Duration = Duration::from_secs(5);

/// Serves, and runs the jobs of a schedule file where one is named.
pub(super) async fn run(schedule: Option<PathBuf>) -> Result<u8> {
    let settings = super::settings()?;
    crate::log::start(settings.logging);
    let mut interrupts = Interrupts::new()?;
    access::require_login(&settings)?;
    let volume = Volume::open(&settings.home)?;
    let mut lock = lock::take(
        || volume.lock_server(),
        |holder| Error::AnotherServer {
            holder: Holder::describe(holder),
        },
    )
    .await?;
    let (ready, is_ready) = channel(false);
    let mut jobs = match schedule {
        Some(file) => Some(Taken::new(&file, &settings, &volume, is_ready).await?),
        None => None,
    };

    tell_access(&settings);
    access::with_access(&settings, &volume, async |access| {
        let parts = Parts {
            lock: &mut lock,
            jobs: &mut jobs,
            ready: &ready,
        };
        serve(&settings, &volume, parts, &mut interrupts, access).await
    })
    .await?;
    tracing::info!("stopped");
    Ok(0)
}

/// What the server holds beside the access to the storage.
struct Parts<'a> {
    lock: &'a mut Lock,
    jobs: &'a mut Option<Taken>,
    ready: &'a Sender<bool>,
}

/// Serves until a signal comes.
async fn serve(
    settings: &Settings,
    volume: &Volume,
    parts: Parts<'_>,
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
    let signed = parts.lock.sign(Some(signature.clone()));
    if let Err(error) = &signed {
        tracing::warn!("cannot tell in the volume where this server listens: {error}");
    }
    let end = tokio::select! {
        signal = interrupts.next() => {
            tracing::info!("stopping on {signal}");
            Ok(())
        }
        error = keep(parts.jobs.as_mut(), settings, volume) => Err(error),
        never = sign_later(parts.lock, signature), if signed.is_err() => match never {},
        never = tell(access.keeper(), server.endpoint(), settings, parts.ready) => match never {},
    };
    // Before what they use.
    if let Some(jobs) = parts.jobs.take() {
        jobs.scheduler.stop().await;
    }
    access.begin_to_close(Patience::Hurried);
    server.stop(Grace::new(settings.stop_grace).server()).await;
    let _ = std::fs::remove_file(socket);
    end
}

/// Runs the scheduled jobs, or watches over those that Ofelia runs; gives the error that ends it.
async fn keep(jobs: Option<&mut Taken>, settings: &Settings, volume: &Volume) -> Error {
    match jobs {
        Some(jobs) => jobs.keep(settings, volume).await,
        None => match watch::keep_beside_ofelia(settings, volume).await {},
    }
}

/// The volume may have room again: without the signature others wait in vain for it, the health check too.
async fn sign_later(lock: &mut Lock, signature: Serves) -> Infallible {
    loop {
        tokio::time::sleep(SIGN_AGAIN).await;
        if lock.sign(Some(signature.clone())).is_ok() {
            tracing::info!("it is told in the volume where this server listens");
            return std::future::pending().await;
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
    if settings.rest.append_only {
        tracing::info!("port {port} is append-only: nothing but locks can be removed by it");
    }
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

/// Logs how the login does, at each change, and when the repository is reached for the first time: then it is `ready`.
async fn tell(
    keeper: Option<Handle>,
    endpoint: &Endpoint,
    settings: &Settings,
    ready: &Sender<bool>,
) -> Infallible {
    let Some(mut keeper) = keeper else {
        ready.send_replace(tell_repository(endpoint, settings).await);
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
            ready.send_replace(tell_repository(endpoint, settings).await);
            is_ready = true;
        }
        status = keeper.changed().await;
    }
}

/// Gives whether it can be used.
async fn tell_repository(endpoint: &Endpoint, settings: &Settings) -> bool {
    let remote = &settings.remote;
    let there = endpoint.has_repository_now().await;
    match &there {
        Ok(true) => tracing::info!("ready: serving the repository at {remote}"),
        Ok(false) => {
            tracing::info!("ready: no repository yet at {remote}, the first backup makes it");
        }
        Err(error) => tracing::error!("up, but not healthy: {error}"),
    }
    there.is_ok()
}
