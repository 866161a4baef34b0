//! All that `doctor` finds wrong, as data: what it is, how grave, why it matters, and the line to type.
//!
//! docs/doctor.md has a row for each; a test holds the two against each other. What other parts of the program know as an
//! error or a trouble keeps its words and its remedy; why it matters is told here (`why`).

use std::path::PathBuf;

use serde::Serialize;

use crate::error::Error;
use crate::reading::Reading;
use crate::size::bytes;
use crate::storage::RISKS;
use crate::trouble::Trouble;
use crate::usage::Usage;

use super::why;

mod remedy;

/// How grave it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Backups may go on, and something is not as it should be.
    Warning,
    /// Backups, or the report of them, cannot work like this.
    Error,
}

/// One thing that is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Finding {
    /// A setting that cannot be right, in its own words.
    #[error("{0}")]
    Setting(String),
    /// A variable that nothing reads, near to one of ours.
    #[error("{name} is set{}, and nothing reads it: the setting is called {near}", of_job(.job.as_deref()))]
    Name {
        /// As it stands there.
        name: String,
        /// The setting.
        near: String,
        /// The job that sets it, where it is not the container's.
        job: Option<String>,
    },
    /// The host name is the container's id.
    #[error("the host name is {name}, the id of this container")]
    HostName {
        /// The host name.
        name: String,
    },
    /// The volume cannot be used.
    #[error("{0}")]
    Volume(Error),
    /// There is little room on the disk.
    #[error("{} has {} free", .place.display(), bytes(*.free))]
    DiskLow {
        /// The volume.
        place: PathBuf,
        /// In bytes.
        free: u64,
    },
    /// The schedule file cannot be read, or asks for what cannot be kept.
    #[error("{0}")]
    Schedule(Error),
    /// No backup of the schedule file is for this container.
    #[error("no backup is for this container, which is {ours}: the job {job} is for {container}")]
    ScheduleElsewhere {
        /// The first such job.
        job: String,
        /// Its container.
        container: String,
        /// What ours is called.
        ours: String,
    },
    /// A job backs up what is not there.
    #[error("{path} is not there, and the job {job} backs it up")]
    SourceMissing {
        /// What is backed up.
        path: String,
        /// The job's name.
        job: String,
    },
    /// There is nothing in a directory to back up.
    #[error("{path} is empty")]
    SourceEmpty {
        /// What is backed up.
        path: String,
    },
    /// There are files that a backup cannot read.
    #[error("{path} has what a backup may not read: {example}{}", and_more(*.count))]
    SourceUnreadable {
        /// What is backed up.
        path: String,
        /// One of them.
        example: String,
        /// How many were seen.
        count: usize,
        /// What the container lets restic read.
        reading: Reading,
    },
    /// What keeps us from the storage, in its own words.
    #[error("{0}")]
    Login(Trouble),
    /// The login has not much time left.
    #[error("the login ends in {left}")]
    LoginEnds {
        /// For a person.
        left: String,
    },
    /// The token allows less than was asked for.
    #[error("the token lacks what OIDC_SCOPE asks for: {missing}")]
    Scope {
        /// Separated by spaces.
        missing: String,
    },
    /// The login is somebody else's than the bucket.
    #[error("the login is that of {login}, and AAI_USER is {set}")]
    OtherUser {
        /// `preferred_username`
        login: String,
        /// `AAI_USER`
        set: String,
    },
    /// The storage, the server or the repository, in its own words.
    #[error("{0}")]
    Storage(Error),
    /// A check's URL is none.
    #[error("{problem}{}", of_job(.job.as_deref()))]
    CheckWrong {
        /// With the variable's name.
        problem: String,
        /// The job that sets it, where it is not the container's.
        job: Option<String>,
    },
    /// There is no such check.
    #[error("{check}{}: there is no such check", of_job(.job.as_deref()))]
    CheckMissing {
        /// The variable, and where it leads.
        check: String,
        /// As above.
        job: Option<String>,
    },
    /// No answer from where reports go.
    #[error("{check}{}: no report gets there: {reason}", of_job(.job.as_deref()))]
    CheckUnreachable {
        /// The variable, and where it leads.
        check: String,
        /// What was seen.
        reason: String,
        /// As above.
        job: Option<String>,
    },
    /// An answer that takes no report.
    #[error("{check}{}: the report is not taken: {reason}", of_job(.job.as_deref()))]
    CheckRefused {
        /// The variable, and where it leads.
        check: String,
        /// What was answered.
        reason: String,
        /// As above.
        job: Option<String>,
    },
    /// A program of the image is missing or says nothing.
    #[error("{program} is missing, or does not tell its version")]
    ProgramMissing {
        /// Its name.
        program: &'static str,
    },
    /// A program is older than it may be.
    #[error("{program} is {found}, and {least} or newer is needed")]
    ProgramOld {
        /// Its name.
        program: &'static str,
        /// Its version.
        found: String,
        /// The oldest that is known to work.
        least: &'static str,
    },
    /// A program is of another generation than what was tested.
    #[error("{program} is {found}, and what was tested is {tested}")]
    ProgramUntested {
        /// Its name.
        program: &'static str,
        /// Its version.
        found: String,
        /// What docs/parts.md was found with.
        tested: &'static str,
    },
    /// INFN's patched rclone.
    #[error("{RISKS}")]
    PatchedRclone,
    /// The quota is nearly, or wholly, used.
    #[error("{0}")]
    Quota(Usage),
}

/// From so many seconds on S3 refuses every request (`RequestTimeTooSkewed`).
const S3_CLOCK: u64 = 15 * 60;

impl Finding {
    /// Its name in docs/doctor.md and in the JSON; it stays the same.
    #[must_use]
    pub fn id(&self) -> &'static str {
        match self {
            Self::Setting(_) => "setting-wrong",
            Self::Name { .. } => "name-unknown",
            Self::HostName { .. } => "host-name",
            Self::Volume(_) => "volume",
            Self::DiskLow { .. } => "disk-low",
            Self::Schedule(_) => "schedule",
            Self::ScheduleElsewhere { .. } => "schedule-elsewhere",
            Self::SourceMissing { .. } => "source-missing",
            Self::SourceEmpty { .. } => "source-empty",
            Self::SourceUnreadable { .. } => "source-unreadable",
            Self::Login(trouble) => why::of_trouble(trouble).0,
            Self::LoginEnds { .. } => "login-ends",
            Self::Scope { .. } => "token-scope",
            Self::OtherUser { .. } => "other-user",
            Self::Storage(error) => why::of_error(error).0,
            Self::CheckWrong { .. } => "check-wrong",
            Self::CheckMissing { .. } => "check-missing",
            Self::CheckUnreachable { .. } => "check-unreachable",
            Self::CheckRefused { .. } => "check-refused",
            Self::ProgramMissing { .. } => "program-missing",
            Self::ProgramOld { .. } => "program-old",
            Self::ProgramUntested { .. } => "program-untested",
            Self::PatchedRclone => "rclone-patched",
            Self::Quota(usage) if usage.is_full() => "quota-full",
            Self::Quota(_) => "quota-low",
        }
    }

    /// How grave it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::Login(Trouble::Clock { ahead, .. }) if ahead.unsigned_abs() < S3_CLOCK => {
                Severity::Warning
            }
            Self::Quota(usage) if !usage.is_full() => Severity::Warning,
            Self::Name { .. }
            | Self::HostName { .. }
            | Self::DiskLow { .. }
            | Self::ScheduleElsewhere { .. }
            | Self::SourceEmpty { .. }
            | Self::SourceUnreadable { .. }
            | Self::LoginEnds { .. }
            | Self::Scope { .. }
            | Self::OtherUser { .. }
            | Self::CheckWrong { .. }
            | Self::CheckMissing { .. }
            | Self::CheckUnreachable { .. }
            | Self::CheckRefused { .. }
            | Self::ProgramUntested { .. }
            | Self::PatchedRclone => Severity::Warning,
            Self::Setting(_)
            | Self::Volume(_)
            | Self::Schedule(_)
            | Self::SourceMissing { .. }
            | Self::Login(_)
            | Self::Storage(_)
            | Self::ProgramMissing { .. }
            | Self::ProgramOld { .. }
            | Self::Quota(_) => Severity::Error,
        }
    }

    /// Why it matters, in one sentence.
    #[must_use]
    pub fn why(&self) -> &'static str {
        match self {
            Self::Login(trouble) => why::of_trouble(trouble).1,
            Self::Storage(error) => why::of_error(error).1,
            other => why::of(other),
        }
    }
}

fn of_job(job: Option<&str>) -> String {
    job.map(|job| format!(" (job {job})")).unwrap_or_default()
}

fn and_more(count: usize) -> String {
    match count {
        0 | 1 => String::new(),
        count => format!(" and {} more", count - 1),
    }
}

#[cfg(test)]
mod tests;
