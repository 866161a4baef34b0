//! The proof of the whole way: a token, credentials, and an object listed, written and deleted under the backup path.

use crate::error::Result;
use crate::identity::expiry::Expiry;
use crate::keeper;
use crate::settings::Settings;
use crate::storage::probe;
use crate::volume::Volume;

use super::access::{PATIENCE, StorageAccess};
use super::device_login::say;

/// Goes the whole way and tells each step; a running server takes the login in use first.
pub(super) async fn chain(
    settings: &Settings,
    volume: &Volume,
    expiry: Option<Expiry>,
) -> Result<()> {
    let is_served = keeper::ask_for_renewal(volume).await;
    let access = StorageAccess::open(settings, volume).await?;
    let end = steps(settings, volume, &access).await;
    access.close().await;
    end?;
    if matches!(is_served, Some(Ok(()))) {
        say("The running server has taken it.");
    }
    if let Some(expiry) = expiry {
        say(&format!("\nThe login is good until {expiry}."));
    }
    Ok(())
}

async fn steps(settings: &Settings, volume: &Volume, access: &StorageAccess) -> Result<()> {
    if let Some(keeper) = access.keeper() {
        let credentials = keeper.wait_for_credentials(PATIENCE).await?;
        say(&format!(
            "Token: ok. Credentials for the storage: ok, until {}.",
            credentials.expiration
        ));
    }
    probe::list_write_delete(settings, volume, access.supply().as_ref()).await?;
    say(&format!(
        "Storage: listing, writing and deleting in {}: ok.",
        settings.remote
    ));
    Ok(())
}
