//! Short runs of oidc-agent's tools: whole output, bounded, and a deadline.

use std::ffi::OsString;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

use crate::error::Error;
use crate::settings::Environment;
use crate::supervise::{Invocation, end, exit_code, find_program};
use crate::trouble::Trouble;

/// Their outputs have some kB.
const LONGEST_OUTPUT: u64 = 256 * 1024;
/// They write the files of accounts with the mode that is left to them; a shell sets it, for Rust can not for a child
/// alone without `unsafe`.
///
/// Where there is no syslog they write their log to `/dev/console` (`LOG_CONS` of syslog(3)), which in a container with a
/// terminal is the user's screen. Nobody else opens it by that name, and what is open stays open.
const PRIVATE: &str = "umask 077; [ ! -O /dev/console ] || chmod 0 /dev/console; exec \"$@\"";

/// How a tool ended, and what it printed; tokens included.
#[derive(Debug)]
pub(super) struct Finished {
    name: &'static str,
    pub(super) status: ExitStatus,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Finished {
    /// The first of its lines that names an error, or else how it ended. Other lines may show a client's secret.
    pub(super) fn error(&self) -> String {
        let mut lines = self.stderr.lines().chain(self.stdout.lines());
        match lines.find(|line| line.starts_with("Error: ")) {
            Some(line) => line.to_owned(),
            None => format!("{} ended with code {}", self.name, exit_code(self.status)),
        }
    }
}

/// A tool without arguments yet, whose files are for this user only.
pub(super) fn invocation(
    name: &'static str,
    environment: &Environment,
    folder: &Path,
) -> Result<Invocation, Trouble> {
    let program = find_program(name, environment.path()).map_err(|error| broken(&error))?;
    let args: [OsString; 4] = ["-c".into(), PRIVATE.into(), name.into(), program.into()];
    Ok(Invocation {
        name,
        program: "/bin/sh".into(),
        args: args.into(),
        env: environment.for_agent(folder),
        death_signal: Signal::SIGTERM,
    })
}

/// A tool that cannot be started is a broken agent.
pub(super) fn broken(error: &Error) -> Trouble {
    Trouble::Agent {
        detail: error.to_string(),
    }
}

/// Runs it to its end; `None`: the deadline was over, and it was killed.
pub(super) async fn run(
    invocation: &Invocation,
    stdin: Stdio,
    deadline: Duration,
) -> Result<Option<Finished>, Trouble> {
    let mut child = invocation
        .command(true)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| broken(&invocation.cannot_start(error)))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let run = async { tokio::join!(text(out), text(err), child.wait()) };
    if let Ok((stdout, stderr, status)) = timeout(deadline, run).await {
        let status = status.map_err(|error| Trouble::Agent {
            detail: format!("{} is lost: {error}", invocation.name),
        })?;
        return Ok(Some(Finished {
            name: invocation.name,
            status,
            stdout,
            stderr,
        }));
    }
    let _ = end(&mut child, Signal::SIGKILL, Duration::ZERO).await;
    Ok(None)
}

async fn text(stream: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        let _ = stream.take(LONGEST_OUTPUT).read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Kills what is left of a group whose leader is gone.
pub(super) fn kill_group(group: Option<u32>) {
    if let Some(group) = group.and_then(|id| i32::try_from(id).ok()) {
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
}
