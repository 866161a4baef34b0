//! Programs of the image as they are: our terminal, our streams, their exit code.

use std::ffi::OsString;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;
use tokio::process::Child;

use crate::error::{Error, Result};
use crate::supervise::{Interrupts, Invocation, exit_code, find_program};

/// In bytes; a program that says more is not heard to the end.
const LONGEST_ERRORS: u64 = 1024 * 1024;

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
    let child = invocation
        .command(false)
        .spawn()
        .map_err(|source| invocation.cannot_start(source))?;
    attend(child, interrupts).await
}

/// The same, but what it says on standard error is kept for the caller.
pub(super) async fn run_and_keep_errors(
    invocation: &Invocation,
    interrupts: &mut Interrupts,
) -> Result<(u8, String)> {
    let mut child = invocation
        .command(false)
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| invocation.cannot_start(source))?;
    let stderr = child.stderr.take();
    let read = async {
        let mut errors = Vec::new();
        if let Some(stderr) = stderr {
            // What cannot be read is not there.
            let _ = stderr.take(LONGEST_ERRORS).read_to_end(&mut errors).await;
        }
        String::from_utf8_lossy(&errors).into_owned()
    };
    let (code, errors) = tokio::join!(attend(child, interrupts), read);
    Ok((code?, errors))
}

async fn attend(mut child: Child, interrupts: &mut Interrupts) -> Result<u8> {
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
