//! `rclone ARGUMENTS`: the real rclone, with the login's storage in place as `infncloud:`.

use std::ffi::OsString;

use crate::error::Result;
use crate::settings::SECTION;
use crate::storage::Rclone;
use crate::supervise::Interrupts;
use crate::volume::Volume;

use super::access::{require_login, with_access};
use super::pass_through;

/// Commands of rclone that need no storage: they work before anything is configured.
const WITHOUT_STORAGE: [&str; 5] = [
    "version",
    "help",
    "completion",
    "genautocomplete",
    "obscure",
];

pub(super) async fn run(args: Vec<OsString>) -> Result<u8> {
    let is_bare = |first: &OsString| WITHOUT_STORAGE.iter().any(|verb| first == verb);
    if args.first().is_none_or(is_bare) || pass_through::asks_for_help(&args) {
        return pass_through::bare("rclone", args).await;
    }
    let settings = super::settings()?;
    crate::log::start(settings.logging.warnings_only());
    let volume = Volume::open(&settings.home)?;
    let mut interrupts = Interrupts::new()?;
    let needs_login = args.iter().any(names_our_storage);
    if !needs_login && require_login(&settings).is_err() {
        let rclone = Rclone::find(&settings, &volume, None).await?;
        return pass_through::run(&rclone.invocation(args), &mut interrupts).await;
    }
    with_access(&settings, &volume, async |access| {
        // Without credentials rclone tries for long, and does not say why.
        if needs_login {
            interrupts.unless(access.ready()).await?;
        }
        let rclone = Rclone::find(&settings, &volume, access.supply().as_ref()).await?;
        pass_through::run(&rclone.invocation(args), &mut interrupts).await
    })
    .await
}

/// As a remote of its own, or as an option's.
fn names_our_storage(arg: &OsString) -> bool {
    arg.to_string_lossy().split('=').any(|part| {
        part.strip_prefix(SECTION)
            .is_some_and(|rest| rest.starts_with([':', ',']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_storage_is_known_by_its_name() {
        let names = |arg: &str| names_our_storage(&arg.into());
        for arg in [
            "infncloud:",
            "infncloud:/jdoe",
            "infncloud,chunk_size=16M:/jdoe",
            "--backup-dir=infncloud:/jdoe",
        ] {
            assert!(names(arg), "{arg}");
        }
        for arg in [
            "infncloud",
            "infncloud2:/jdoe",
            "/infncloud:",
            "mine:infncloud:",
            "-v",
        ] {
            assert!(!names(arg), "{arg}");
        }
    }
}
