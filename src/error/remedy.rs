//! What to do next after an error: one sentence, with the line to type where there is one.

use std::borrow::Cow;
use std::io::ErrorKind;

use nix::sys::signal::Signal;

use super::Error;
use crate::reading::Reading;

/// How a command is typed, on either destination.
const LINE: &str = "run --rm cloud-backup ";
const LINE_AT_SECOND: &str = "run --rm -e DESTINATION=copy cloud-backup ";

/// Where the storage has told what is wrong with it.
const CHECK_STORAGE: &str = "Nothing was lost. Check the permissions, the space and the quota there: docker compose run --rm \
                             cloud-backup doctor";

/// A text with its commands as they are typed on the second destination.
pub(crate) fn typed_at_second(text: &str) -> String {
    text.replace(LINE, LINE_AT_SECOND)
}

impl Error {
    /// What to do next, as one sentence; `None` where the error itself says it.
    #[must_use]
    pub fn remedy(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::TooManySnapshots(surplus) => Some(surplus.remedy()),
            Self::AbsenceNotProven { because } => because.remedy(),
            Self::AtSecond { because, .. } => because.remedy_at_second(),
            Self::Restore(refusal) => Some(refusal.remedy()),
            Self::ProbeFailed { place, detail, .. } => Some(place.remedy(detail).into()),
            Self::Restic {
                complaint: Some(_), ..
            }
            | Self::StorageFailing {
                complaint: Some(_), ..
            } => Some(CHECK_STORAGE.into()),
            other => other.fixed_remedy().map(Cow::Borrowed),
        }
    }

    /// The same for what `copy` has met at the second destination.
    fn remedy_at_second(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::WrongPassword => {
                "Set COPY_PASSWORD to the password that the second repository was made with; where it is not set it is \
                 RESTIC_PASSWORD."
                    .into()
            }
            Self::RepositoryGone { .. } => {
                "Nothing was initialised. Check COPY_REMOTE and the storage; to begin a new repository there on purpose: \
                 docker compose run --rm -e DESTINATION=copy cloud-backup restic init"
                    .into()
            }
            Self::ServerFailed { .. } => {
                "Check COPY_REMOTE and the storage; rclone's own words are above.".into()
            }
            Self::NoAnswer { .. } => {
                "Check COPY_REMOTE, and whether its storage can be reached: docker compose run --rm cloud-backup doctor".into()
            }
            Self::NotConfigured { .. } => {
                "Write the section into that file (docker compose run --rm cloud-backup rclone config) or into .env \
                 (RCLONE_CONFIG_NAME_TYPE=... and so on), or set COPY_REMOTE to a directory in a volume."
                    .into()
            }
            // A command in it is one on the second destination; a login that opens both is the same there.
            other => {
                let remedy = other.remedy()?;
                return Some(typed_at_second(&remedy).into());
            }
        })
    }

    /// The same for what has one and the same remedy whatever its details.
    fn fixed_remedy(&self) -> Option<&'static str> {
        Some(match self {
            Self::Settings(_) => {
                "Correct the .env file (or the environment of the job), then try again."
            }
            Self::ScheduleFile { .. }
            | Self::Schedule { .. }
            | Self::LogFolder { .. }
            | Self::AnotherScheduler { .. } => return self.remedy_of_schedule(),
            Self::NotConfigured { .. } => {
                "For the storage of your login set OIDC_PASSWORD, then: docker compose run --rm cloud-backup config. For \
                 another one write its section into that file (docker compose run --rm cloud-backup rclone config) or into \
                 .env (RCLONE_CONFIG_NAME_TYPE=... and so on), or set BACKUP_REMOTE to a directory in the volume."
            }
            Self::Login(_)
            | Self::NoLoginNeeded { .. }
            | Self::OtherPerson { .. }
            | Self::OwnerUnknown { .. }
            | Self::AlreadyLoggingIn { .. }
            | Self::LoginInterrupted { .. } => return self.remedy_of_login(),
            Self::Volume { .. } | Self::InContainer { .. } | Self::SameRepository => {
                return self.remedy_of_place();
            }
            Self::AnotherServer { .. } => {
                "Stop that container first, or give this one a volume of its own."
            }
            Self::AlreadyRunning { .. } => {
                "Nothing to do if that run ends well; else look at why it takes so long."
            }
            Self::OtherRemote { .. } => {
                "Nothing was changed. For the server to take the new settings: docker compose up -d --force-recreate"
            }
            Self::LocksInUse => {
                "Wait for it to end. restic unlock --remove-all removes all locks, where surely nobody is working."
            }
            Self::ProgramMissing { .. } | Self::CannotStart { .. } => {
                "Use the image as it is built by the Dockerfile, or install the program."
            }
            Self::ServerFailed { .. } => {
                "Check BACKUP_REMOTE and the storage; the log of the server has more."
            }
            Self::NoAnswer { .. } => {
                "See whether the server is healthy: docker compose ps, docker compose logs cloud-backup."
            }
            Self::StorageFailing { .. } => {
                "Nothing was changed. See docker compose logs cloud-backup for what the storage said; it is tried again \
                 at the next run."
            }
            Self::StorageForbidden { .. } => {
                "Nothing was changed. Check that the account may read and write the backup path."
            }
            Self::Unauthorised => {
                "The running server has other values than this job: docker compose up -d --force-recreate."
            }
            Self::ConfigMissing { .. } => {
                "Nothing was initialised: the data may still be there. Look for a copy of the file config. Only where \
                 restic init was broken off, and the storage holds nothing but the folder keys, delete that folder."
            }
            Self::RepositoryGone { .. } => {
                "Nothing was initialised. Check BACKUP_REMOTE and the storage; to begin a new repository there on \
                 purpose: docker compose run --rm cloud-backup restic init"
            }
            Self::NoRepository { .. } => {
                "Make one by the first backup, or by: docker compose run --rm cloud-backup restic init"
            }
            Self::Incomplete { files, .. } => remedy_of_incomplete(files),
            Self::NothingFound => {
                "Check the host directory in the volumes of compose.yaml: Docker makes an empty one for a path that \
                 does not exist. Where it is empty for now, put a file in it."
            }
            Self::NotRemoved => "The output names them; the next run tries again.",
            Self::NothingCopied { .. }
            | Self::Unequal { .. }
            | Self::NoSnapshot { .. }
            | Self::NoRoom { .. } => {
                return self.remedy_of_snapshots();
            }
            Self::WrongPassword => {
                "Set RESTIC_PASSWORD to the password that the repository was made with; without it the data cannot be read. \
                 (With DESTINATION=copy it is COPY_PASSWORD.)"
            }
            Self::NoKeys => {
                "Check the permissions of the storage; do not initialise it again: the data may still be there."
            }
            Self::Locked { .. } | Self::Interrupted { .. } | Self::Killed { .. } => {
                return self.remedy_of_end();
            }
            Self::Restic { .. } => "The output has restic's own words.",
            Self::TooManySnapshots(_)
            | Self::Restore(_)
            | Self::AbsenceNotProven { .. }
            | Self::AtSecond { .. }
            | Self::ProbeFailed { .. }
            | Self::Unhealthy(_)
            | Self::System { .. } => return None,
        })
    }

    /// The same for where something is kept.
    fn remedy_of_place(&self) -> Option<&'static str> {
        Some(match self {
            Self::Volume { source, .. }
                if matches!(
                    source.kind(),
                    ErrorKind::StorageFull | ErrorKind::QuotaExceeded
                ) =>
            {
                "Make room on the disk that has the volume (docker system df -v), then try again."
            }
            Self::Volume { .. } => {
                "The volume at /home/user must be writable by uid 1000 (docker compose run --rm --user root --entrypoint chown \
                 cloud-backup -R user /home/user), and have space left."
            }
            Self::InContainer { .. } => {
                "Choose a directory in the volume, such as /home/user/storage, or mount one of the VM in compose.yaml: \
                 - /mnt/disk:/storage"
            }
            Self::SameRepository => {
                "COPY_REMOTE names the place of the backups in another way, or one to which its files were copied without \
                 restic: choose another place."
            }
            _ => return None,
        })
    }

    /// The same for a run that others kept from its work, or ended.
    fn remedy_of_end(&self) -> Option<&'static str> {
        Some(match self {
            Self::Locked { .. } => {
                "Wait for the other run to end. Where it is gone for good, and surely nobody else is working: docker \
                 compose run --rm cloud-backup restic unlock --remove-all"
            }
            Self::Interrupted {
                signal: Signal::SIGALRM,
            } => {
                "What was uploaded is kept: the next run goes on from there. See why it takes so long, or give the job a \
                 longer timeout in the schedule file."
            }
            Self::Interrupted { .. } => {
                "What was uploaded is kept: the next run goes on from there."
            }
            Self::Killed { .. } => {
                "See the memory of the machine (dmesg, docker stats); the next run tries again."
            }
            _ => return None,
        })
    }

    /// The same for what `verify` and `copy` do not find.
    fn remedy_of_snapshots(&self) -> Option<&'static str> {
        Some(match self {
            Self::Unequal { .. } => {
                "The source was changed without a new time, its disk is failing, or the repository is damaged. Compare the \
                 named files by hand (restic restore), and read all of the data: docker compose run --rm cloud-backup \
                 verify --read-data-subset=100%"
            }
            Self::NothingCopied { .. } => {
                "Correct the options of copy (--host, --tag, --path, IDs). What is there: docker compose run --rm cloud-backup \
                 restic snapshots"
            }
            Self::NoSnapshot { .. } => {
                "Set RESTIC_HOST of verify to that of backup, or back up first."
            }
            Self::NoRoom { .. } => {
                "Make room there, or set TMPDIR to a folder that uid 1000 may write and that has room."
            }
            _ => return None,
        })
    }

    /// The same for the schedule file.
    fn remedy_of_schedule(&self) -> Option<&'static str> {
        Some(match self {
            Self::ScheduleFile { source, .. } if source.kind() == ErrorKind::IsADirectory => {
                "Docker makes a folder for a file that is not there: remove the folder, put ofelia-config.ini in its \
                 place beside compose.yaml, then: docker compose up -d --force-recreate"
            }
            Self::ScheduleFile { source, .. } if source.kind() == ErrorKind::PermissionDenied => {
                "It must be readable for uid 1000: chmod 644 ofelia-config.ini, or, to keep its ping URLs from other users, \
                 chown 1000 and chmod 600; then: docker compose up -d --force-recreate"
            }
            Self::ScheduleFile { .. } => {
                "Mount it into the container, readable for uid 1000: - ./ofelia-config.ini:/etc/ofelia/config.ini:ro"
            }
            Self::Schedule { .. } => {
                "Correct these lines of the file, then: docker compose up -d --force-recreate"
            }
            Self::LogFolder { .. } => {
                "It must be writable by uid 1000: a named volume as in compose.no-socket.yaml, or a host directory after \
                 chown 1000:1000. Or remove the line: then the output of jobs is in docker compose logs."
            }
            Self::AnotherScheduler { .. } => {
                "One is enough: stop that container first, or start this one without --schedule."
            }
            _ => return None,
        })
    }

    /// The same for what only commands of the login meet.
    fn remedy_of_login(&self) -> Option<&'static str> {
        Some(match self {
            Self::Login(trouble) => trouble.remedy(),
            Self::NoLoginNeeded { .. } => {
                "The login is for the storage infncloud: leave BACKUP_REMOTE empty, or set it to a path that begins with \
                 infncloud:, and set OIDC_PASSWORD."
            }
            Self::OtherPerson { .. } | Self::OwnerUnknown { .. } => {
                "Log in as the same person, in a private window of the browser if need be; or, to switch: docker compose \
                 run --rm cloud-backup reauth --force"
            }
            Self::AlreadyLoggingIn { .. } => {
                "End it there (approve the login, or Ctrl-C), or stop that container by docker stop; then try again."
            }
            Self::LoginInterrupted { .. } => {
                "Nothing was changed but what the screen calls saved. Type the command again."
            }
            _ => return None,
        })
    }
}

/// By restic's sentences on the files that are missing: some may have the system's word for a refusal (EACCES).
fn remedy_of_incomplete(files: &[String]) -> &'static str {
    if files.iter().any(|file| file.ends_with("permission denied")) {
        Reading::here().remedy()
    } else {
        "The snapshot holds all other files. Check the named ones, or exclude them with --exclude."
    }
}
