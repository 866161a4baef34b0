//! `healthcheck`: asks the server of this volume for the repository; Docker wants 0 for healthy and 1 for not.

use std::io::Write;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::repository::is_there_now;
use crate::settings::Settings;
use crate::volume::Volume;

use super::login;
use super::with_repository::running_server;

/// Below the image's `HEALTHCHECK --timeout`, so that there is time to say what is wrong.
pub(super) const DEADLINE: Duration = Duration::from_secs(12);

pub(super) async fn run() -> Result<u8> {
    let check = async {
        let settings = super::settings()?;
        let volume = Volume::open(&settings.home)?;
        check(&settings, &volume).await
    };
    let healthy = tokio::time::timeout(DEADLINE, check)
        .await
        .unwrap_or(Err(Error::NoAnswer { after: DEADLINE }))
        .map_err(|error| Error::Unhealthy(error.to_string()))?;
    // Docker may not be listening.
    let _ = writeln!(std::io::stdout(), "{healthy}");
    Ok(0)
}

/// Why the server of this volume is healthy; an error says why it is not.
pub(super) async fn check(settings: &Settings, volume: &Volume) -> Result<String> {
    match running_server(settings, volume).await? {
        Some(endpoint) => {
            login::require_health(settings, volume).await?;
            let there = is_there_now(&endpoint, volume, &settings.remote).await?;
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
