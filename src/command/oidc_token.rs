//! `oidc-token ARGUMENTS`: the real oidc-token, at the agent that keeps the login of this volume.
//!
//! A service client has no agent: its token is asked for here, by the same words.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep, timeout};

use crate::error::{Error, Result};
use crate::identity::service::Service;
use crate::keeper::Handle;
use crate::settings::Settings;
use crate::supervise::{Interrupts, Invocation, find_program, without_tokens};
use crate::trouble::Trouble;
use crate::volume::Volume;

use super::access::{PATIENCE, StorageAccess, with_access};
use super::pass_through;

mod service;

/// Exit codes above it are those of programs that a signal has ended.
const SIGNALLED: u8 = 128;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(300);
/// What the keeper in another process knows is known here within this time.
const NEWS: Duration = Duration::from_secs(5);
/// The program waits for its agent, and so for the login service, without an end.
const PROGRAM: Duration = Duration::from_secs(20);
/// A refresh, by a fresh agent if need be.
const RENEWAL: Duration = Duration::from_mins(1);

pub(super) async fn run(args: Vec<OsString>) -> Result<u8> {
    if args.is_empty() || pass_through::asks_for_help(&args) {
        return pass_through::bare("oidc-token", args).await;
    }
    let settings = super::settings()?;
    crate::log::start(settings.logging.warnings_only());
    let volume = Volume::open(&settings.home)?;
    let mut interrupts = Interrupts::new()?;
    if let Some(login) = &settings.login
        && let Some(service) = Service::of(login, &settings.trust)
    {
        let token = async { service::token(service, &login.account, &args).await };
        return interrupts.unless(token).await;
    }
    with_access(&settings, &volume, async |access| {
        at_the_agent(&settings, access, args, &mut interrupts).await
    })
    .await
}

/// Asks the agent that is there; where it fails for the login of ours a renewal tells why, or brings an agent that works.
async fn at_the_agent(
    settings: &Settings,
    access: &StorageAccess,
    args: Vec<OsString>,
    interrupts: &mut Interrupts,
) -> Result<u8> {
    let keeper = access.keeper().ok_or_else(|| Error::NoLoginNeeded {
        remote: settings.remote.to_string(),
    })?;
    let is_ours = settings
        .login
        .as_ref()
        .is_some_and(|login| args.iter().any(|arg| arg == login.account.as_str()));
    let mut may_renew = is_ours;
    let until = Instant::now() + PATIENCE;
    loop {
        let socket = interrupts
            .unless(async { Ok(loaded(&keeper).await) })
            .await??;
        let invocation = invocation(settings, &socket, &args)?;
        let run = pass_through::run_and_keep_errors(&invocation, interrupts);
        let end = match timeout(PROGRAM, run).await {
            Ok(end) => Some(end?),
            Err(_) => None,
        };
        // Whoever ended it by a signal wants no second try.
        let is_final = matches!(end, Some((code, _)) if code == 0 || code > SIGNALLED);
        if between_agents(end.as_ref()) && Instant::now() < until {
            interrupts
                .unless(async {
                    sleep(PAUSE).await;
                    Ok(())
                })
                .await?;
            continue;
        }
        if is_final || !may_renew {
            let (code, errors) = end.ok_or_else(no_answer)?;
            // Providers quote refresh tokens in their errors.
            let _ = std::io::stderr().write_all(without_tokens(&errors).as_bytes());
            return Ok(code);
        }
        may_renew = false;
        interrupts
            .unless(async { Ok(renewed(&keeper).await) })
            .await??;
    }
}

/// Whether one agent has ended, and the next is not there or has not loaded the account yet: within seconds it has, as
/// each command that kept the login is followed by another one.
fn between_agents(end: Option<&(u8, String)>) -> bool {
    end.is_some_and(|(code, errors)| *code == 1 && errors.contains("did not receive any response"))
}

/// A real refresh by the keeper, with a new agent where the old one is of no use.
async fn renewed(keeper: &Handle) -> Result<(), Trouble> {
    match keeper.renew(RENEWAL).await {
        // What comes after the token (STS) is of no concern here.
        Err(trouble) if !trouble.is_about_the_storage() => Err(trouble),
        _ => Ok(()),
    }
}

fn no_answer() -> Trouble {
    Trouble::Agent {
        detail: format!("no answer within {}", humantime::format_duration(PROGRAM)),
    }
}

/// The socket of an agent that has the login loaded; else why there is none.
///
/// Credentials may still be good while the agent is down. So where it is down a renewal, which needs it, tells the reason.
async fn loaded(keeper: &Handle) -> Result<PathBuf, Trouble> {
    let trouble = keeper.wait_for_credentials(PATIENCE).await.err();
    if let Some(socket) = keeper.status().agent {
        return Ok(socket);
    }
    if let Some(trouble) = trouble {
        return Err(trouble);
    }
    renewed(keeper).await?;
    let mut keeper = keeper.clone();
    let news = async {
        let mut status = keeper.status();
        loop {
            if let Some(socket) = status.agent {
                return socket;
            }
            status = keeper.changed().await;
        }
    };
    timeout(NEWS, news).await.map_err(|_| Trouble::Agent {
        detail: "it has not loaded the login".to_owned(),
    })
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
