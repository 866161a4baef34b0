//! `rclone ARGUMENTS`: the real rclone, with the login's storage in place as `infncloud:`.

use std::ffi::OsString;

use crate::error::Result;
use crate::settings::SECTION;
use crate::storage::Rclone;
use crate::supervise::Interrupts;
use crate::volume::Volume;

use super::access::with_access;
use super::pass_through;

/// Commands of rclone that need no storage: they work before anything is configured.
const WITHOUT_STORAGE: [&str; 4] = ["version", "help", "completion", "genautocomplete"];

pub(super) async fn run(args: Vec<OsString>) -> Result<u8> {
    let is_bare = |first: &OsString| WITHOUT_STORAGE.iter().any(|verb| first == verb);
    if args.first().is_none_or(is_bare) || pass_through::asks_for_help(&args) {
        return pass_through::bare("rclone", args).await;
    }
    let settings = super::settings()?;
    crate::log::start(settings.logging.warnings_only());
    let volume = Volume::open(&settings.home)?;
    let mut interrupts = Interrupts::new()?;
    with_access(&settings, &volume, async |access| {
        // Without credentials rclone tries for long, and does not say why.
        if args.iter().any(names_our_storage) {
            interrupts.unless(access.ready()).await?;
        }
        let rclone = Rclone::find(&settings, &volume, access.supply().as_ref()).await?;
        pass_through::run(&rclone.invocation(args), &mut interrupts).await
    })
    .await
}

fn names_our_storage(arg: &OsString) -> bool {
    arg.to_string_lossy()
        .strip_prefix(SECTION)
        .is_some_and(|rest| rest.starts_with([':', ',']))
}
