//! The backup of a research-cloud VM, as a library: `main` only prints and exits.
//!
//! The data goes one way: environment -> settings -> command -> storage -> repository -> outcome -> report and exit
//! code. `docs/architecture.md` tells it whole.

#![deny(clippy::print_stderr, clippy::print_stdout)]

use std::ffi::OsString;
use std::process::ExitCode;

pub mod cli;
pub mod clock;
pub mod command;
pub mod credentials;
pub mod endpoint;
pub mod error;
pub mod fold;
pub mod grace;
pub mod history;
pub mod http_date;
pub mod identity;
pub mod in_container;
pub mod init;
pub mod jwt;
pub mod keeper;
pub mod log;
pub mod moment;
pub mod place;
pub mod plan;
pub mod privileges;
pub mod reading;
pub mod report;
pub mod repository;
pub mod restore;
pub mod schedule;
pub mod scheduler;
pub mod settings;
pub mod size;
pub mod storage;
pub mod supervise;
pub mod trouble;
pub mod trust;
pub mod unreachable;
pub mod usage;
pub mod volume;
pub mod watch;

use error::{Error, Result};

/// `EX_USAGE` of `sysexits.h`: clap's own 2 is a code of restic.
const USAGE: u8 = 64;

/// Runs a command line and gives its exit code; an error is told on standard error.
#[must_use]
pub fn run(args: &[OsString]) -> ExitCode {
    supervise::withhold_hangup();
    place::Place::find();
    if args.get(1).is_some_and(|arg| arg == supervise::BOUND) {
        return supervise::become_bound(&args[2..]).unwrap_or_else(|error| {
            crate::log::say(format_args!(
                "cloud-backup: cannot start {:?}: {error}",
                args.get(3)
            ));
            ExitCode::from(126)
        });
    }
    let cli = match cli::Cli::read(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to standard output and is no error.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
        }
    };
    if let Some(error) = privileges::give_up_root(args) {
        tell(&error);
        return ExitCode::from(error.exit_code());
    }
    let end = if init::is_needed() {
        supervised(args)
    } else {
        command::run(cli)
    };
    ExitCode::from(end.unwrap_or_else(|error| {
        tell(&error);
        error.exit_code()
    }))
}

fn supervised(args: &[OsString]) -> Result<u8> {
    let grace = settings::stop_grace(std::env::var("STOP_GRACE").ok().as_deref());
    init::run(args, grace::Grace::new(grace))
}

/// One line for what happened, one for what to do.
fn tell(error: &Error) {
    crate::log::say(format_args!("cloud-backup: {error}"));
    if let Some(remedy) = error.remedy() {
        crate::log::say(format_args!("  -> {remedy}"));
    }
}
