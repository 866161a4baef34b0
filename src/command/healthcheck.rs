//! `healthcheck`: asks the server of this volume for the repository; Docker wants 0 for healthy and 1 for not.

use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::settings::Settings;
use crate::volume::Volume;

use super::with_repository::running_server;

pub(super) async fn run() -> Result<u8> {
    let healthy = check()
        .await
        .map_err(|error| Error::Unhealthy(error.to_string()))?;
    println!("{healthy}");
    Ok(0)
}

async fn check() -> Result<String> {
    let settings = super::settings()?;
    let volume = Volume::open(&settings.home)?;
    match running_server(&settings, &volume).await? {
        Some(endpoint) => repository(&settings, &volume, &endpoint).await,
        None => Err(Error::Unhealthy(
            "no server runs on this volume: docker compose up -d".to_owned(),
        )),
    }
}

async fn repository(settings: &Settings, volume: &Volume, endpoint: &Endpoint) -> Result<String> {
    let remote = settings.remote.as_str();
    // A list is asked of the storage each time; of the config rclone tells from its cache once it has seen it.
    let keys = endpoint.count("keys").await?;
    match (endpoint.has_config_now().await?, keys) {
        (true, 1..) => Ok(format!("healthy: serving the repository at {remote}")),
        (true, 0) => Err(Error::NoKeys),
        (false, 1..) => Err(Error::ConfigMissing {
            remote: remote.to_owned(),
            files: keys,
        }),
        (false, 0) => match volume.pinned_repository(remote)? {
            Some(id) => Err(Error::RepositoryGone {
                id: id.chars().take(8).collect(),
                remote: remote.to_owned(),
            }),
            None => Ok(format!("healthy: no repository yet at {remote}")),
        },
    }
}
