//! Nothing here needs root: a container or a job that was started as root goes on as the image's user.
//!
//! Ofelia's `docker exec` is root where a job has no `user =` line; files that it made in the volume as root would
//! lock out every later run.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::unistd::{User, geteuid};

use crate::error::Error;

/// The image's Dockerfile sets it to the user that owns the volume.
const USER_VARIABLE: &str = "CLOUD_BACKUP_USER";

/// Replaces this process by the same command of the image's user, where it is root's; returns only what went wrong.
#[must_use]
pub fn give_up_root(args: &[OsString]) -> Option<Error> {
    let name = std::env::var(USER_VARIABLE).ok()?;
    if !geteuid().is_root() {
        return None;
    }
    let user = User::from_name(&name).ok()??;
    let (called, rest) = args.split_first()?;
    crate::log::say(format_args!(
        "cloud-backup: started as root, going on as {name} (in ofelia-config.ini: user = {name})"
    ));
    let source = Command::new("/proc/self/exe")
        .arg0(called)
        .args(rest)
        .env("HOME", user.dir)
        .uid(user.uid.as_raw())
        .gid(user.gid.as_raw())
        .exec();
    Some(Error::CannotStart {
        program: "cloud-backup".to_owned(),
        source,
    })
}
