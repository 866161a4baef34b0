//! Whether there is a repository; that there is none is said only where it is proven.
//!
//! A 404 on the config proves nothing: rclone answers it with expired credentials too. So the listings of keys and of
//! snapshots must succeed and be empty, and the volume must not have seen a repository at this remote before.

use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::in_container::is_in_container;
use crate::settings::Remote;
use crate::volume::Volume;

/// Whether there is a repository; a server that fails is asked again for a while.
pub(super) async fn is_there(
    endpoint: &Endpoint,
    volume: &Volume,
    remote: &Remote,
) -> Result<bool> {
    if endpoint.has_repository().await? {
        return Ok(true);
    }
    prove_absence(endpoint, volume, remote).await?;
    Ok(false)
}

/// The same, asked once.
pub async fn is_there_now(endpoint: &Endpoint, volume: &Volume, remote: &Remote) -> Result<bool> {
    if endpoint.has_repository_now().await? {
        return Ok(true);
    }
    prove_absence(endpoint, volume, remote).await?;
    Ok(false)
}

/// That the place is no directory of the container itself: what is kept there goes with it.
pub fn require_to_last(remote: &Remote) -> Result<()> {
    match remote.directory() {
        Some(directory) if is_in_container(directory) => Err(Error::InContainer {
            remote: remote.to_string(),
        }),
        _ => Ok(()),
    }
}

async fn prove_absence(endpoint: &Endpoint, volume: &Volume, remote: &Remote) -> Result<()> {
    let unproven = |because| Error::AbsenceNotProven {
        because: Box::new(because),
    };
    let keys = endpoint.count("keys").await.map_err(unproven)?;
    let snapshots = endpoint.count("snapshots").await.map_err(unproven)?;
    let files = keys + snapshots;
    if files > 0 {
        return Err(Error::ConfigMissing {
            remote: remote.to_string(),
            files,
        });
    }
    match volume.pinned_repository(remote.as_str())? {
        Some(id) => Err(Error::RepositoryGone {
            id: id.chars().take(8).collect(),
            remote: remote.to_string(),
        }),
        None => Ok(()),
    }
}
