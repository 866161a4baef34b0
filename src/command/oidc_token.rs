//! `oidc-token ARGUMENTS`: the real oidc-token, at the agent that keeps the login of this volume.

use std::ffi::OsString;

use nix::sys::signal::Signal;

use crate::error::Result;
use crate::settings::Settings;
use crate::supervise::{Interrupts, Invocation, find_program};
use crate::trouble::Trouble;
use crate::volume::Volume;

use super::access::{PATIENCE, StorageAccess, with_access};
use super::pass_through;

pub(super) async fn run(args: Vec<OsString>) -> Result<u8> {
    if args.is_empty() || pass_through::asks_for_help(&args) {
        return pass_through::bare("oidc-token", args).await;
    }
    let settings = super::settings()?;
    crate::log::start(settings.logging.warnings_only());
    let volume = Volume::open(&settings.home)?;
    let mut interrupts = Interrupts::new()?;
    with_access(&settings, &volume, async |access| {
        at_the_agent(&settings, access, args, &mut interrupts).await
    })
    .await
}

async fn at_the_agent(
    settings: &Settings,
    access: &StorageAccess,
    args: Vec<OsString>,
    interrupts: &mut Interrupts,
) -> Result<u8> {
    let keeper = access.keeper().ok_or(Trouble::NoLogin)?;
    // What comes after the token (STS) is of no concern here, so that only the agent counts.
    let waited = interrupts
        .unless(async { Ok(keeper.wait_for_credentials(PATIENCE).await) })
        .await?;
    let Some(socket) = keeper.status().agent else {
        let no_agent = Trouble::Agent {
            detail: "it has not loaded the login".to_owned(),
        };
        return Err(waited.err().unwrap_or(no_agent).into());
    };
    let mut env = settings
        .environment
        .for_agent(&settings.home.join(".oidc-agent"));
    env.push(("OIDC_SOCK".to_owned(), socket.display().to_string()));
    let invocation = Invocation {
        name: "oidc-token",
        program: find_program("oidc-token", settings.environment.path())?,
        args,
        env,
        death_signal: Signal::SIGTERM,
    };
    pass_through::run(&invocation, interrupts).await
}
