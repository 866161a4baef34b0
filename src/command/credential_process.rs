//! `credential-process`: the storage's credentials as the AWS SDKs and tools want them of an external process.

use std::io::Write;

use crate::credentials;
use crate::error::{Error, Result};
use crate::supervise::Interrupts;
use crate::volume::Volume;

use super::access::{PATIENCE, with_access};

pub(super) async fn run() -> Result<u8> {
    let settings = super::settings()?;
    crate::log::start(settings.logging.warnings_only());
    let volume = Volume::open(&settings.home)?;
    let mut interrupts = Interrupts::new()?;
    let end = with_access(&settings, &volume, async |access| {
        let keeper = access.keeper().ok_or_else(|| Error::NoLoginNeeded {
            remote: settings.remote.to_string(),
        })?;
        interrupts
            .unless(async { Ok(keeper.wait_for_credentials(PATIENCE).await?) })
            .await
    })
    .await?;
    writeln!(
        std::io::stdout(),
        "{}",
        credentials::credential_process(&end)
    )
    .map_err(|source| Error::System {
        what: "writing the credentials",
        source,
    })?;
    Ok(0)
}
