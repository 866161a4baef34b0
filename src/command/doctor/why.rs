//! Why a finding matters, and what those are called that other parts of the program word.

use crate::error::Error;
use crate::trouble::Trouble;

use super::finding::Finding;

type Named = (&'static str, &'static str);

/// Why this one matters; not for what [`of_trouble`] and [`of_error`] have.
pub(super) fn of(finding: &Finding) -> &'static str {
    match finding {
        Finding::Setting(_) => "With it no command works, or not as you want it.",
        Finding::Name { .. } => "What you meant to set is not set: the default holds.",
        Finding::HostName { .. } => {
            "restic tells machines apart by it: with each new container forget leaves the snapshots of the last one, and \
             backups read all files anew."
        }
        Finding::Volume(_) => {
            "The login, the locks and the history are kept there: without it nothing runs."
        }
        Finding::DiskLow { .. } => {
            "restic's cache, the login and the restores of verify need room: on a full disk a renewed login can be lost."
        }
        Finding::Schedule(_) => {
            "status, the watch over jobs that do not run and the scheduler read the jobs there."
        }
        Finding::SourceMissing { .. } => "The backup lacks it, and ends with 3 or 1.",
        Finding::ScheduleElsewhere { .. } => {
            "Where there is no container of that name, nobody runs the job, and nobody is told."
        }
        Finding::SourceEmpty { .. } => {
            "Docker makes an empty directory for a host path that does not exist: there is nothing to back up."
        }
        Finding::SourceUnreadable { .. } => "The backup lacks these files, and ends with 3.",
        Finding::LoginEnds { .. } => "When it has ended, no backup runs until somebody logs in.",
        Finding::Scope { .. } => {
            "Without offline_access a login lasts an hour, without profile it has no name."
        }
        Finding::OtherUser { .. } => {
            "The bucket has the name of AAI_USER: it may be another person's, or a new one that nobody looks for."
        }
        Finding::CheckWrong { .. }
        | Finding::CheckMissing { .. }
        | Finding::CheckUnreachable { .. }
        | Finding::CheckRefused { .. } => "Nobody is told when this job fails.",
        Finding::ProgramMissing { .. } => "Nothing works without it.",
        Finding::ProgramOld { .. } => {
            "It lacks what we build on: an old rclone calls a full repository none while its credentials fail."
        }
        Finding::ProgramUntested { .. } => "What it does otherwise is not known to us.",
        Finding::PatchedRclone => {
            "The token can end up in logs, and a full repository can look like none."
        }
        Finding::Quota(usage) if usage.is_full() => "The storage takes no more: backups fail.",
        Finding::Quota(_) => "When it is full, backups fail after a quarter of an hour of tries.",
        Finding::Login(_) | Finding::Storage(_) => "",
    }
}

/// What a trouble is called, and why it matters.
pub(super) fn of_trouble(trouble: &Trouble) -> Named {
    const NO_WAY: &str = "Without a login there is no way to the storage: no backup runs.";
    const NO_TOKEN: &str = "No token, no credentials, no backup.";
    const NO_CREDENTIALS: &str = "Without its credentials nothing can be stored.";
    match trouble {
        Trouble::NoLogin => ("no-login", NO_WAY),
        Trouble::WrongPassword => ("login-password", NO_WAY),
        Trouble::OtherIssuer { .. } => ("login-issuer", NO_WAY),
        Trouble::OtherAccount { .. } => ("login-account", NO_WAY),
        Trouble::OtherSettings { .. } => (
            "server-settings",
            "The server still works with the old ones, and jobs beside it fail.",
        ),
        Trouble::Agent { .. } => ("agent", "It keeps the login and renews it."),
        // Whoever keeps the login has not come to an end within our deadline.
        Trouble::Neighbour { .. } | Trouble::NoToken { .. } => (
            "keeper-silent",
            "Only one process of a volume may renew the login: all others ask that one.",
        ),
        Trouble::ProviderUnreachable { .. } => ("login-service-unreachable", NO_TOKEN),
        Trouble::ProviderUntrusted { .. } => (
            "login-service-untrusted",
            "Whoever answers may be somebody else, who would get the login.",
        ),
        Trouble::ProviderFailing { .. } => ("login-service-failing", NO_TOKEN),
        Trouble::WrongIssuer { .. } => (
            "login-service-name",
            "The storage compares the issuer letter by letter, and refuses tokens of another one.",
        ),
        Trouble::LoginEnded { .. } => ("login-ended", NO_WAY),
        Trouble::LoginRefused { .. } | Trouble::Declined | Trouble::CodeExpired => {
            ("login-refused", NO_WAY)
        }
        Trouble::ServiceRefused { .. } => ("service-refused", NO_TOKEN),
        Trouble::ClientRefused { .. }
        | Trouble::OwnClientRefused { .. }
        | Trouble::NotRegistered { .. } => ("client-refused", NO_TOKEN),
        Trouble::StsUnreachable { .. } => ("storage-unreachable", NO_CREDENTIALS),
        Trouble::StsUntrusted { .. } => (
            "storage-untrusted",
            "Whoever answers may be somebody else, who would get the token.",
        ),
        Trouble::StsFailing { .. } => ("sts-failing", NO_CREDENTIALS),
        Trouble::TokenRefused { .. } => ("token-refused", NO_CREDENTIALS),
        Trouble::NoSubject => (
            "token-subject",
            "The storage knows by it whose bucket is whose.",
        ),
        Trouble::RoleRefused { .. } => ("role-refused", NO_CREDENTIALS),
        Trouble::SessionRefused { .. } => ("session-refused", NO_CREDENTIALS),
        Trouble::Clock { .. } => (
            "clock",
            "Tokens and credentials are judged by it: from 15 minutes on the storage refuses every request.",
        ),
    }
}

/// The same of an error of the storage, the server or the repository.
pub(super) fn of_error(error: &Error) -> Named {
    match error {
        Error::AtSecond { because, .. } => of_error(because),
        Error::ProbeFailed { .. } => ("storage-refuses", "A backup does all of this there."),
        Error::InContainer { .. } => (
            "storage-in-container",
            "With the next container all that was backed up there is gone.",
        ),
        Error::NotConfigured { .. } => ("remote-unknown", "rclone does not know where that is."),
        Error::OtherRemote { .. } | Error::Unauthorised => (
            "server-settings",
            "The server still works with the old ones, and jobs beside it fail.",
        ),
        Error::WrongPassword => (
            "repository-password",
            "Without it nothing can be read or restored, and no backup is added.",
        ),
        Error::RepositoryGone { .. } => (
            "repository-gone",
            "All backups so far are gone, or the path is another one.",
        ),
        Error::NoKeys | Error::ConfigMissing { .. } => (
            "repository-damaged",
            "Without them nothing can be read or restored.",
        ),
        Error::Login(trouble) => of_trouble(trouble),
        _ => (
            "repository-unreadable",
            "A backup asks the same, and fails with it.",
        ),
    }
}
