//! `restic ARGUMENTS`: the real restic on our repository, its streams and its exit code untouched.

use std::ffi::OsString;

use crate::error::Result;
use crate::repository::Repository;
use crate::supervise::Interrupts;
use crate::volume::Volume;

use super::pass_through;
use super::with_repository::with_repository;

/// Commands of restic that need no repository: they work before anything is configured.
const WITHOUT_REPOSITORY: [&str; 5] = ["version", "help", "generate", "options", "self-update"];

pub(super) async fn run(args: Vec<OsString>) -> Result<u8> {
    if needs_no_repository(&args) {
        return pass_through::bare("restic", args).await;
    }
    let settings = super::settings()?;
    crate::log::start(settings.logging.warnings_only());
    let volume = Volume::open(&settings.home)?;
    let mut interrupts = Interrupts::new()?;
    with_repository(
        &settings,
        &volume,
        &mut interrupts,
        async |endpoint, interrupts| {
            let repository = interrupts
                .unless(Repository::new(&settings, &volume, endpoint))
                .await?;
            let is_init = args.iter().any(|arg| arg == "init");
            // Beside a first backup that makes one there would be two.
            let _lock = if is_init {
                Some(interrupts.unless(volume.lock_init()).await?)
            } else {
                None
            };
            if removes_stale_locks(&args) {
                repository.exclude_others()?;
            }
            let code = pass_through::run(&repository.invocation(args.clone()), interrupts).await?;
            // The repository that the user has made is the one to find from now on.
            if code == 0
                && is_init
                && let Err(error) = repository.pin().await
            {
                crate::log::say(format_args!(
                    "cloud-backup: warning: the repository's id is not kept in the volume: {error}"
                ));
            }
            Ok(code)
        },
    )
    .await
}

/// `restic unlock`, which takes the lock of another container of our host name for stale; `--remove-all` judges nothing.
fn removes_stale_locks(args: &[OsString]) -> bool {
    args.iter().any(|arg| arg == "unlock") && !args.iter().any(|arg| arg == "--remove-all")
}

fn needs_no_repository(args: &[OsString]) -> bool {
    args.first()
        .is_none_or(|first| WITHOUT_REPOSITORY.iter().any(|verb| first == verb))
        || pass_through::asks_for_help(args)
}
