//! Programs of the image as they are: our terminal, our streams, their exit code.

use std::ffi::OsString;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::error::{Error, Result};
use crate::supervise::{Interrupts, Invocation, exit_code, find_program};

/// Whether only help is asked for, which works before anything is configured.
pub(super) fn asks_for_help(args: &[OsString]) -> bool {
    args.iter().any(|arg| arg == "--help" || arg == "-h")
}

/// Runs a program without settings of ours, for its help or its version.
pub(super) async fn bare(name: &'static str, args: Vec<OsString>) -> Result<u8> {
    let path = std::env::var("PATH").unwrap_or_default();
    let env = ["HOME", "PATH", "TERM"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)))
        .collect();
    let invocation = Invocation {
        name,
        program: find_program(name, &path)?,
        args,
        env,
        death_signal: Signal::SIGINT,
    };
    run(&invocation, &mut Interrupts::new()?).await
}

/// Lets the program have our terminal and our streams, passes signals on, and gives its exit code.
pub(super) async fn run(invocation: &Invocation, interrupts: &mut Interrupts) -> Result<u8> {
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
                let status = status.map_err(|source| Error::System {
                    what: "waiting for a program",
                    source,
                })?;
                return Ok(exit_code(status));
            }
            // From a terminal it has got it already.
            signal = interrupts.next() => {
                if let Some(pid) = pid {
                    let _ = kill(pid, signal);
                }
            }
        }
    }
}
