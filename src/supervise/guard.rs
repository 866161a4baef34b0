//! A program that the kernel binds to nobody: this process stays as its parent and passes the signals on.
//!
//! prctl(2): the signal at the parent's death is cleared at the exec of a file that has capabilities. So such a program
//! is started by a process of ours that is bound in its place, and that ends as the program ends.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ExitCode, ExitStatus};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpid};
use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::{exit_code, program};

/// Runs the program to its end, which becomes ours; an error is one of its start.
///
/// Its group is ours, so that it may get a signal twice; restic takes the first one only.
pub(super) fn run(
    path: &Path,
    args: &[OsString],
    death_signal: Signal,
) -> std::io::Result<ExitCode> {
    let passed_on = [SIGINT, SIGTERM, death_signal as i32];
    let mut signals = Signals::new(passed_on.iter().chain(&[SIGCHLD]))?;
    let mut child = program(path, args).spawn()?;
    // It may have ended before the loop, which then finds its SIGCHLD.
    for signal in signals.forever() {
        if signal == SIGCHLD {
            if let Some(status) = child.try_wait()? {
                return Ok(end_as(status));
            }
        } else if let Ok(signal) = Signal::try_from(signal) {
            pass_on(&child, signal);
        }
    }
    child.wait().map(end_as)
}

fn pass_on(child: &Child, signal: Signal) {
    if let Ok(pid) = i32::try_from(child.id()) {
        // It is not reaped yet, so that the number is still its own.
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// Dies of the signal that the program died of, so that our parent sees the same.
fn end_as(status: ExitStatus) -> ExitCode {
    if let Some(signal) = status.signal() {
        // For a signal that has no handler of ours this is its default action too.
        let _ = signal_hook::low_level::emulate_default_handler(signal);
        let _ = Signal::try_from(signal).map(|signal| kill(getpid(), signal));
    }
    ExitCode::from(exit_code(status))
}
