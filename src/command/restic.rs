//! `restic ARGUMENTS`: the real restic on our repository, its streams and its exit code untouched.

use std::ffi::OsString;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::error::{Error, Result};
use crate::repository::Repository;
use crate::supervise::{Interrupts, Invocation, exit_code, find_program};
use crate::volume::Volume;

use super::with_repository::with_repository;

/// Commands of restic that need no repository: they work before anything is configured.
const WITHOUT_REPOSITORY: [&str; 5] = ["version", "help", "generate", "options", "self-update"];

pub(super) async fn run(args: Vec<OsString>) -> Result<u8> {
    if needs_no_repository(&args) {
        return bare(args).await;
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
            let code = pass_through(&repository.invocation(args.clone()), interrupts).await?;
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
    let help = |arg: &OsString| arg == "--help" || arg == "-h";
    args.first()
        .is_none_or(|first| WITHOUT_REPOSITORY.iter().any(|verb| first == verb))
        || args.iter().any(help)
}

async fn bare(args: Vec<OsString>) -> Result<u8> {
    let path = std::env::var("PATH").unwrap_or_default();
    let env = ["HOME", "PATH", "TERM"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)))
        .collect();
    let program = find_program("restic", &path)?;
    let invocation = Invocation {
        name: "restic",
        program,
        args,
        env,
        death_signal: Signal::SIGINT,
    };
    pass_through(&invocation, &mut Interrupts::new()?).await
}

/// Lets the program have our terminal and our streams, passes signals on, and gives its exit code.
async fn pass_through(invocation: &Invocation, interrupts: &mut Interrupts) -> Result<u8> {
    let mut child = invocation
        .command(false)
        .spawn()
        .map_err(|source| invocation.cannot_start(source))?;
    let pid = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .map(Pid::from_raw);
    loop {
        tokio::select! {
            status = child.wait() => {
                let status = status.map_err(|source| Error::System { what: "waiting for restic", source })?;
                return Ok(exit_code(status));
            }
            // From a terminal restic has got it already; it takes only the first one to heart.
            signal = interrupts.next() => {
                if let Some(pid) = pid {
                    let _ = kill(pid, signal);
                }
            }
        }
    }
}
