//! The server's part of `status`: what `healthcheck` asks, and who serves.

use serde::Serialize;
use tokio::time::timeout;

use super::Findings;
use crate::command::healthcheck::{DEADLINE, check};
use crate::error::{Error, Result};
use crate::settings::Settings;
use crate::volume::{Holder, Volume};

/// How the server does.
#[derive(Debug, Serialize)]
pub(super) struct Server {
    pub running: bool,
    pub healthy: bool,
    /// What it serves, or why it is not healthy.
    pub says: String,
    /// The id of its container.
    pub container: Option<String>,
    /// The host name of its container.
    pub host: Option<String>,
    /// When it was started.
    pub since: Option<String>,
}

/// What was found out.
pub(super) struct Found {
    running: bool,
    holder: Option<Holder>,
    health: Result<String>,
}

pub(super) async fn find(settings: &Settings, volume: &Volume) -> Found {
    let health = timeout(DEADLINE, check(settings, volume)).await;
    let holder = volume.server();
    Found {
        running: !matches!(holder, Ok(None)),
        holder: holder.ok().flatten().flatten(),
        health: health.unwrap_or(Err(Error::NoAnswer { after: DEADLINE })),
    }
}

impl Found {
    pub(super) fn told(self, findings: &mut Findings) -> Server {
        let healthy = self.health.is_ok();
        let says = match self.health {
            Ok(says) => says.trim_start_matches("healthy: ").to_owned(),
            Err(error) => findings.add_error("server", &error),
        };
        let holder = self.holder;
        Server {
            running: self.running,
            healthy,
            says,
            container: holder.as_ref().and_then(|holder| holder.container.clone()),
            host: holder.as_ref().map(|holder| holder.hostname.clone()),
            since: holder.map(|holder| holder.since),
        }
    }
}
