//! The repository for the length of a command: through the running server of the volume, else through one of our own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::grace::Grace;
use crate::settings::{Destination, Settings};
use crate::storage::{Listeners, Server};
use crate::supervise::Interrupts;
use crate::volume::{Holder, Serves, Volume};

use super::access::{StorageAccess, patience_after};
use super::login;

/// A server that holds the volume's lock tells within this time where it listens.
const SIGNING: Duration = Duration::from_secs(25);

/// Gives `work` the endpoint of the repository; a server that was started for it is gone afterwards.
///
/// Until `work` begins, a signal ends the command; from then on `work` has the signals. Where the storage fails for
/// want of credentials, the error is the reason why there are none.
pub async fn with_repository<T>(
    settings: &Settings,
    volume: &Volume,
    interrupts: &mut Interrupts,
    work: impl AsyncFnOnce(&Endpoint, &mut Interrupts) -> Result<T>,
) -> Result<T> {
    if let Some(endpoint) = interrupts.unless(running_server(settings, volume)).await? {
        interrupts
            .unless(login::require_credentials(settings, volume))
            .await?;
        let end = work(&endpoint, interrupts).await;
        return login::explain(end, login::known(settings, volume).await);
    }
    with_own_repository(settings, volume, interrupts, work).await
}

/// The same through a server of our own, whatever else runs on the volume.
pub async fn with_own_repository<T>(
    settings: &Settings,
    volume: &Volume,
    interrupts: &mut Interrupts,
    work: impl AsyncFnOnce(&Endpoint, &mut Interrupts) -> Result<T>,
) -> Result<T> {
    let access = StorageAccess::open(settings, volume).await?;
    let end = with_own_server(settings, volume, &access, interrupts, work).await;
    let known = access.keeper().map(|keeper| keeper.status());
    access.close(patience_after(&end)).await;
    login::explain(end, known)
}

async fn with_own_server<T>(
    settings: &Settings,
    volume: &Volume,
    access: &StorageAccess,
    interrupts: &mut Interrupts,
    work: impl AsyncFnOnce(&Endpoint, &mut Interrupts) -> Result<T>,
) -> Result<T> {
    interrupts.unless(access.ready()).await?;
    let folder = tempfile::Builder::new()
        .prefix("cloud-backup-")
        .tempdir()
        .map_err(|source| Error::System {
            what: "making a temporary folder",
            source,
        })?;
    let listeners = Listeners {
        socket: folder.path().join("rest.sock"),
        port: None,
    };
    let server = interrupts
        .unless(Server::start(
            settings,
            volume,
            &listeners,
            access.supply().as_ref(),
        ))
        .await?;
    let end = work(server.endpoint(), interrupts).await;
    access.begin_to_close(patience_after(&end));
    server.stop(Grace::new(settings.stop_grace).server()).await;
    end
}

/// The endpoint of the server that holds this volume, in this container or in another one.
///
/// `None` where there is none, where it serves the first destination and we are at the second, or where its socket cannot be reached from here: not every volume carries sockets.
pub async fn running_server(settings: &Settings, volume: &Volume) -> Result<Option<Endpoint>> {
    let until = Instant::now() + SIGNING;
    loop {
        let Some(holder) = volume.server()? else {
            return Ok(None);
        };
        let endpoint = |socket: PathBuf| Endpoint::socket(socket, &settings.rest.access);
        if let Some(Serves { socket, remote }) =
            holder.as_ref().and_then(|holder| holder.serves.as_ref())
        {
            if remote != settings.remote.as_str() {
                if settings.destination == Destination::Copy {
                    return Ok(None);
                }
                return Err(Error::OtherRemote {
                    server: remote.clone(),
                    ours: settings.remote.to_string(),
                });
            }
            let reachable = socket.exists() && is_ours(socket, volume, holder.as_ref());
            return reachable.then(|| endpoint(socket.clone())).transpose();
        }
        if Instant::now() >= until {
            // On a full volume it could not tell where it listens: that is where it listens by default.
            let socket = volume.socket();
            return if socket.exists() {
                endpoint(socket).map(Some)
            } else {
                Err(Error::NoAnswer { after: SIGNING })
            };
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A socket in the volume is the server's wherever we are; one outside of it only in the server's own container.
fn is_ours(socket: &Path, volume: &Volume, holder: Option<&Holder>) -> bool {
    socket.starts_with(volume.run_directory()) || holder.is_some_and(Holder::is_here)
}
