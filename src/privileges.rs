//! Nothing here needs root: a container or a job that was started as root goes on as the image's user.
//!
//! Ofelia's `docker exec` is root where a job has no `user =` line; files that it made in the volume as root would
//! lock out every later run.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::unistd::{AccessFlags, User, access, geteuid};

use crate::error::Error;
use crate::settings::Environment;

/// The image's Dockerfile sets it to the user that owns the volume.
pub(crate) const USER_VARIABLE: &str = "CLOUD_BACKUP_USER";

/// Who runs everything here: the image's user, else whoever we are.
#[must_use]
pub fn user_name(environment: &Environment) -> String {
    environment
        .get(USER_VARIABLE)
        .map(str::to_owned)
        .or_else(|| Some(User::from_uid(geteuid()).ok()??.name))
        .unwrap_or_else(|| geteuid().to_string())
}

/// Whose home a command has that somebody else than the image's user runs, where nothing can be kept in it: Docker takes it
/// from the user's entry in /etc/passwd, and makes up `/` for a number without one.
#[must_use]
pub fn strange_home(environment: &Environment) -> Option<String> {
    let user = User::from_name(environment.get(USER_VARIABLE)?).ok()??;
    let home = environment.home();
    let is_strange =
        geteuid() != user.uid && home != user.dir && access(&home, AccessFlags::W_OK).is_err();
    is_strange.then(|| {
        format!(
            "is {} for uid {}, and not the volume: run this as {name} (docker exec -u {name}; user = {name} in the schedule \
             file)",
            home.display(),
            geteuid(),
            name = user.name
        )
    })
}

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
