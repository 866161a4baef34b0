//! `healthcheck`: asks the server of this volume for the repository; Docker wants 0 for healthy and 1 for not.

use crate::error::{Error, Result};
use crate::repository::is_there_now;
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
        Some(endpoint) => {
            let there = is_there_now(&endpoint, &volume, &settings.remote).await?;
            let what = if there {
                "serving the repository"
            } else {
                "no repository yet"
            };
            Ok(format!("healthy: {what} at {}", settings.remote))
        }
        None => Err(Error::Unhealthy(
            "no server runs on this volume: docker compose up -d".to_owned(),
        )),
    }
}
