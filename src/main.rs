//! The entrypoint: the library does the work, this turns its end into a message and an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    cloud_backup::run(&std::env::args_os().collect::<Vec<_>>())
}
