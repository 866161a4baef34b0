//! What to do about each finding, with the line to type in it, as it is typed where the program runs.

use std::borrow::Cow;

use super::Finding;
use crate::error::Error;
use crate::place::Place;
use crate::trouble::Trouble;

const UP: &str = "docker compose up -d --force-recreate";
const DOCTOR: &str = "docker compose run --rm cloud-backup doctor";
const REAUTH: &str = "docker compose run --rm cloud-backup reauth";

impl Finding {
    /// What to do, with the line to type in it.
    #[must_use]
    pub fn line(&self, place: Place) -> String {
        let remedy = match place {
            Place::Image => self.remedy(),
            // Nothing runs on a host that would have to be started anew: it is looked once more.
            Place::Host => self
                .remedy_on_host()
                .map_or_else(|| self.remedy().replace(UP, DOCTOR).into(), Cow::Borrowed),
        };
        // Some remedies of errors leave it at what to look at.
        let has_line = ["docker ", "timedatectl ", "df -h ", "apt-get "]
            .iter()
            .any(|line| remedy.contains(line));
        let whole = if has_line {
            remedy
        } else {
            let then = if remedy.ends_with(['.', ')']) {
                " Then"
            } else {
                "; then"
            };
            format!("{remedy}{then}: {DOCTOR}").into()
        };
        place.typed(&whole).into_owned()
    }

    fn remedy(&self) -> Cow<'static, str> {
        match self {
            Self::Setting(_) => format!("Correct .env, then: {UP}").into(),
            Self::Name { near, job, .. } => {
                let place = match job {
                    Some(_) => "in the schedule file",
                    None => "in .env",
                };
                format!("Write {near} {place}, or remove the line, then: {UP}").into()
            }
            Self::HostName { .. } => {
                format!("Set hostname in compose.yaml, or RESTIC_HOST, then: {UP}").into()
            }
            Self::DiskLow { .. } => {
                "Make room on the disk that has the volume; what takes it: docker system df -v".into()
            }
            Self::ScheduleElsewhere { ours, .. } => format!(
                "Write container = {ours} in the schedule file. If this container has another name (docker compose ps), set \
                 CONTAINER_NAME to that. Then: {UP}"
            )
            .into(),
            Self::SourceMissing { path, .. } => format!(
                "Correct the job's path, or mount it, under volumes in compose.yaml (- /host/directory:{path}), then: {UP}"
            )
            .into(),
            Self::SourceEmpty { path } => format!(
                "Correct the host directory of {path} under volumes in compose.yaml, then: {UP}. Where it is empty for now, \
                 put a file in it."
            )
            .into(),
            Self::SourceUnreadable { reading, .. } => reading.remedy().into(),
            Self::Login(trouble) => trouble.remedy().into(),
            Self::LoginEnds { .. } => format!("Log in again: {REAUTH}").into(),
            Self::Scope { .. } => "Correct OIDC_SCOPE, or let the client have it at the login service, then log in anew: \
                                   docker compose run --rm cloud-backup config --force"
                .into(),
            Self::OtherUser { login, .. } => format!(
                "If the bucket is yours, set AAI_USER={login}, then: {UP}. Else log in as its owner: {REAUTH} --force"
            )
            .into(),
            Self::Volume(error) | Self::Schedule(error) | Self::Storage(error) => of_error(error),
            Self::CheckWrong { .. } => {
                format!("Put the ping URL of your check there, then: {UP}").into()
            }
            Self::CheckMissing { .. } => {
                format!("Make the check, or correct the URL, then: {UP}").into()
            }
            Self::CheckUnreachable { .. } => {
                "Check the URL and the network of this machine; reports are tried again with each run.".into()
            }
            Self::CheckRefused { .. } => {
                format!("Put the ping URL of your check there, by its UUID, then: {UP}").into()
            }
            Self::ProgramMissing { .. }
            | Self::ProgramOld { .. }
            | Self::ProgramUntested { .. }
            | Self::PatchedRclone => {
                format!("Use the image as it is built by the Dockerfile: docker compose pull, then: {UP}").into()
            }
            Self::Quota(_) => "Keep fewer snapshots: docker compose exec cloud-backup forget --keep-within 14d --prune. Or \
                               ask for more room, and set QUOTA."
                .into(),
        }
    }

    /// Where it is another one than in the image.
    fn remedy_on_host(&self) -> Option<&'static str> {
        Some(match self {
            Self::Volume(_) => {
                "~/.cloud-backup must be yours, and its disk have room: ls -ld ~/.cloud-backup; df -h ~"
            }
            Self::DiskLow { .. } => "Make room on the disk that has your home: df -h ~",
            Self::Login(Trouble::OtherSettings { .. }) => {
                "Wait for the command that keeps the login to end."
            }
            Self::ProgramMissing { .. }
            | Self::ProgramOld { .. }
            | Self::ProgramUntested { .. }
            | Self::PatchedRclone => {
                "Use Debian's own, as root: apt-get install --no-install-recommends oidc-agent-cli rclone"
            }
            Self::Quota(_) => "Keep fewer backups, or ask for more room, and set QUOTA.",
            _ => return None,
        })
    }
}

fn of_error(error: &Error) -> Cow<'static, str> {
    let because = match error {
        Error::AtSecond { because, .. } => &**because,
        other => other,
    };
    match because {
        // It names the variable of its destination by itself.
        Error::ProbeFailed { place, detail, .. } => {
            format!("{}; then: {DOCTOR}", place.advice(detail)).into()
        }
        _ => error
            .remedy()
            .unwrap_or("See the server's log: docker compose logs cloud-backup".into()),
    }
}
