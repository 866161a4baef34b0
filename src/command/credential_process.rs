//! `credential-process`: the storage's credentials as the AWS SDKs and tools want them of an external process.

use std::io::Write;

use crate::credentials;
use crate::error::{Error, Result};
use crate::supervise::Interrupts;
use crate::trouble::Trouble;
use crate::volume::Volume;

use super::access::{PATIENCE, StorageAccess};

pub(super) async fn run() -> Result<u8> {
    let settings = super::settings()?;
    crate::log::start(settings.logging.warnings_only());
    let volume = Volume::open(&settings.home)?;
    let mut interrupts = Interrupts::new()?;
    let access = StorageAccess::open(&settings, &volume).await?;
    let end = match access.keeper() {
        Some(keeper) => {
            interrupts
                .unless(async { Ok(keeper.wait_for_credentials(PATIENCE).await?) })
                .await
        }
        None => Err(Trouble::NoLogin.into()),
    };
    access.close().await;
    writeln!(
        std::io::stdout(),
        "{}",
        credentials::credential_process(&end?)
    )
    .map_err(|source| Error::System {
        what: "writing the credentials",
        source,
    })?;
    Ok(0)
}
