//! `oidc-token ARGUMENTS`: the real oidc-token, at the agent that keeps the login of this volume.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep};

use crate::error::{Error, Result};
use crate::keeper::Handle;
use crate::settings::Settings;
use crate::supervise::{Interrupts, Invocation, find_program, without_tokens};
use crate::trouble::Trouble;
use crate::volume::Volume;

use super::access::{PATIENCE, StorageAccess, with_access};
use super::pass_through;

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(300);

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

/// Asks the agent that is there; one that ends with the command that kept it is followed by another within seconds.
async fn at_the_agent(
    settings: &Settings,
    access: &StorageAccess,
    args: Vec<OsString>,
    interrupts: &mut Interrupts,
) -> Result<u8> {
    let keeper = access.keeper().ok_or_else(|| Error::NoLoginNeeded {
        remote: settings.remote.to_string(),
    })?;
    let until = Instant::now() + PATIENCE;
    loop {
        let socket = interrupts
            .unless(async { Ok(loaded(&keeper, until).await) })
            .await??;
        let invocation = invocation(settings, &socket, &args)?;
        let (code, errors) = pass_through::run_and_keep_errors(&invocation, interrupts).await?;
        if code != 0 && is_between_agents(&errors, settings, &args) && Instant::now() < until {
            let pause = async {
                sleep(PAUSE).await;
                Ok(())
            };
            interrupts.unless(pause).await?;
            continue;
        }
        // Providers quote refresh tokens in their errors.
        let _ = std::io::stderr().write_all(without_tokens(&errors).as_bytes());
        return Ok(code);
    }
}

/// The socket of an agent that has the login loaded; else why there is none.
///
/// Credentials may still be good while the agent is down. So where it is down a renewal, which needs it, tells the reason.
async fn loaded(keeper: &Handle, until: Instant) -> Result<PathBuf, Trouble> {
    // What comes after the token (STS) is of no concern here, so that only the agent counts.
    let mut trouble = keeper.wait_for_credentials(PATIENCE).await.err();
    loop {
        if let Some(socket) = keeper.status().agent {
            return Ok(socket);
        }
        if let Some(trouble) = trouble {
            return Err(trouble);
        }
        trouble = keeper.renew(PATIENCE).await.err();
        if trouble.is_none() && Instant::now() > until {
            return Err(Trouble::Agent {
                detail: "it has not loaded the login".to_owned(),
            });
        }
    }
}

fn invocation(settings: &Settings, socket: &Path, args: &[OsString]) -> Result<Invocation> {
    let mut env = settings
        .environment
        .for_agent(&settings.home.join(".oidc-agent"));
    env.push(("OIDC_SOCK".to_owned(), socket.display().to_string()));
    Ok(Invocation {
        name: "oidc-token",
        program: find_program("oidc-token", settings.environment.path())?,
        args: args.to_vec(),
        env,
        death_signal: Signal::SIGTERM,
    })
}

/// What oidc-token says while one agent has ended and the next has not loaded the account yet.
fn is_between_agents(errors: &str, settings: &Settings, args: &[OsString]) -> bool {
    let is_ours = |arg: &OsString| {
        settings
            .login
            .as_ref()
            .is_some_and(|login| arg == login.account.as_str())
    };
    errors.contains("did not receive any response")
        || (errors.contains("account not loaded") && args.iter().any(is_ours))
}
