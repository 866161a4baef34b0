//! Child processes: how they are started, watched, streamed, stopped and restarted.
//!
//! Every child is bound to its parent (it gets a signal when the parent dies), has an explicit environment, and is
//! waited for with a deadline. Could-not-start, exited n and killed-by-signal stay three different things.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal, killpg};
use nix::unistd::Pid;
use tokio::process::Child;

use crate::error::{Error, Result};

mod guard;
mod redact;
mod service;
mod stream;
mod tokens;

pub use redact::Redactor;
pub use service::{Lines, Service, State};
pub use stream::{Content, Interrupts, Output, Stop, Streamed, Tail, stream};
pub use tokens::without_tokens;

/// The hidden first argument that makes this program become another one, bound to the life of its parent.
pub const BOUND: &str = "__bound";

/// A program with its arguments and its whole environment.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// What it is called in messages.
    pub name: &'static str,
    /// The file to run.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its whole environment.
    pub env: Vec<(String, String)>,
    /// What it gets when this process dies: restic wants SIGINT to release its lock.
    pub death_signal: Signal,
}

impl Invocation {
    /// The command that starts it, in a process group of its own or in ours (as a terminal's Ctrl-C needs it).
    #[must_use]
    pub fn command(&self, own_group: bool) -> tokio::process::Command {
        let mut command = std::process::Command::new("/proc/self/exe");
        command
            .arg0("cloud-backup")
            .arg(BOUND)
            .arg(self.death_signal.as_str())
            .arg(&self.program)
            .args(&self.args);
        command
            .env_clear()
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        if own_group {
            command.process_group(0);
        }
        let mut command = tokio::process::Command::from(command);
        command.kill_on_drop(true);
        command
    }

    /// The same as an expression of duct, for short runs whose output is wanted whole: bound to the thread that starts it.
    pub fn expression(&self) -> duct::Expression {
        let bound = [
            BOUND.into(),
            self.death_signal.as_str().into(),
            self.program.clone().into(),
        ];
        duct::cmd(
            "/proc/self/exe",
            bound.into_iter().chain(self.args.iter().cloned()),
        )
        .full_env(
            self.env
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        )
        .stdin_null()
        .unchecked()
    }

    /// The error for a start that failed.
    #[must_use]
    pub fn cannot_start(&self, source: std::io::Error) -> Error {
        Error::CannotStart {
            program: self.name.to_owned(),
            source,
        }
    }
}

/// Becomes the program that follows [`BOUND`]: asks for a signal at the parent's death, then replaces itself.
///
/// Returns when that failed, and at the end of a program that cannot be bound, which has a [`guard`] instead.
pub fn become_bound(args: &[OsString]) -> std::io::Result<ExitCode> {
    let [signal, path, rest @ ..] = args else {
        return Err(std::io::ErrorKind::InvalidInput.into());
    };
    let signal = signal
        .to_str()
        .and_then(|name| name.parse::<Signal>().ok())
        .unwrap_or(Signal::SIGTERM);
    nix::sys::prctl::set_pdeathsig(signal)?;
    // The parent may have died before the call above: then the orphan belongs to PID 1 already.
    if nix::unistd::getppid() == Pid::from_raw(1) {
        return Err(std::io::ErrorKind::BrokenPipe.into());
    }
    let path = Path::new(path);
    if path == Path::new(crate::reading::PRIVILEGED) {
        return guard::run(path, rest, signal);
    }
    Err(program(path, rest).exec())
}

/// A program that restic's question for the holder of a lock does not end, see [`withhold_hangup`].
///
/// A blocked signal, as there, Go unblocks at its start; an ignored one it leaves alone.
fn program(path: &Path, args: &[OsString]) -> std::process::Command {
    let mut command = std::process::Command::new("env");
    command
        .args(["--ignore-signal=HUP", "--"])
        .arg(path)
        .args(args);
    command
}

/// Keeps SIGHUP from this process and its threads.
///
/// restic sends it to the number that a lock names, to see whether the holder lives (its `lock_unix.go`). Where the
/// lock was left by another container of our host name, that number means one of ours: PID 1, the server, rclone.
pub fn withhold_hangup() {
    // Fails only for a signal that does not exist.
    let _ = SigSet::from(Signal::SIGHUP).thread_block();
}

/// Finds a program in `PATH`, passing over the links to this program itself.
pub fn find_program(name: &str, path: &str) -> Result<PathBuf> {
    let ourselves = std::env::current_exe()
        .and_then(|exe| exe.canonicalize())
        .ok();
    std::env::split_paths(path)
        .map(|folder| folder.join(name))
        .find(|file| is_executable(file) && file.canonicalize().ok() != ourselves)
        .ok_or_else(|| Error::ProgramMissing {
            program: name.to_owned(),
        })
}

fn is_executable(file: &Path) -> bool {
    file.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// 128 + n, as shells give it for a program killed by signal n.
#[must_use]
pub fn signal_exit_code(signal: Signal) -> u8 {
    u8::try_from(128 + signal as i32).unwrap_or(u8::MAX)
}

/// How a program ended, as one number: its exit code, or 128 + the signal's number.
#[must_use]
pub fn exit_code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(255);
    u8::try_from(code).unwrap_or(u8::MAX)
}

/// Asks a child's process group to end by `signal`, waits for `grace`, then kills it; the child is reaped in any case.
pub async fn end(
    child: &mut Child,
    signal: Signal,
    grace: Duration,
) -> std::io::Result<ExitStatus> {
    signal_group(child, signal);
    if let Ok(status) = tokio::time::timeout(grace, child.wait()).await {
        return status;
    }
    signal_group(child, Signal::SIGKILL);
    child.wait().await
}

/// Sends a signal to the group that the child leads; one that is gone needs none.
pub(crate) fn signal_group(child: &Child, signal: Signal) {
    if let Some(group) = child.id().and_then(|id| i32::try_from(id).ok()) {
        let _ = killpg(Pid::from_raw(group), signal);
    }
}
