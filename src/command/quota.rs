//! How much of the quota is used: for `doctor`, and as a warning in the report of a backup, which it never fails.
//!
//! RGW tells what the user's bucket holds by one request (`storage::bucket`); elsewhere it is the size of the repository, by
//! the lists of the REST server.

use std::time::Duration;

use jiff::Timestamp;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::credentials::Credentials;
use crate::repository::Repository;
use crate::settings::Settings;
use crate::storage::bucket;
use crate::usage::{Usage, WINDOW, growth};
use crate::volume::Volume;

use super::login;

/// All that a backup waits for it.
const DEADLINE: Duration = Duration::from_secs(5);

/// The bytes in the bucket of the login's storage; `None` where that does not tell.
pub(super) async fn bucket_used(
    settings: &Settings,
    credentials: &Credentials,
    deadline: Duration,
) -> Option<u64> {
    let storage = &settings.login.as_ref()?.storage;
    let bucket = settings.remote.bucket()?;
    bucket::bytes_used(storage, bucket, credentials, &settings.trust, deadline).await
}

/// So many bytes are used; `None` where there is no quota.
pub(super) async fn usage(settings: &Settings, volume: &Volume, used: u64) -> Option<Usage> {
    let quota = settings.quota?;
    let history = volume.history();
    let now = Timestamp::now();
    let reading = spawn_blocking(move || {
        let runs = history.since(now.checked_sub(WINDOW).ok()?).ok()?;
        growth(&runs, now)
    });
    Some(Usage {
        used,
        quota,
        per_day: reading.await.ok().flatten(),
    })
}

/// The warning for the report of a backup; `None` where there is room, no quota, or no answer within 5 s.
pub(super) async fn warning(repository: &Repository<'_>) -> Option<String> {
    let settings = repository.settings();
    settings.quota?;
    let volume = repository.volume();
    let look = async {
        let known = login::known(settings, volume).await;
        let credentials = known.and_then(|known| known.valid(Timestamp::now()).cloned());
        let told = match &credentials {
            Some(credentials) => bucket_used(settings, credentials, DEADLINE).await,
            None => None,
        };
        let used = match told {
            Some(used) => used,
            None => repository.size(DEADLINE).await?,
        };
        usage(settings, volume, used).await
    };
    let usage = timeout(DEADLINE, look).await.ok()??;
    usage.is_low().then(|| {
        format!("warning: {usage}. What to do: docker compose run --rm cloud-backup doctor")
    })
}
