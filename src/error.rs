//! Everything that can go wrong, as sentences for a person: what happened, what to do, which exit code.
//!
//! Own codes follow `sysexits.h`; restic's codes pass through unchanged. `docs/exit-codes.md` is the table.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::repository::Surplus;
use crate::restore::Refusal as NotRestored;
use crate::schedule::Refusal;
use crate::settings::Problem;
use crate::storage::Place;
use crate::trouble::Trouble;

mod remedy;
pub(crate) use remedy::typed_at_second;
mod words;

use words::{Problems, at_second, incomplete, interrupted, of_others, unequal};

/// Shorthand for a result of this program.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a command ended without success.
///
/// `Display` gives a fragment that fits after "Backup of /data failed: "; [`Error::remedy`] the next step.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The environment does not make a configuration; all problems at once.
    #[error("the configuration has {}", Problems(.0))]
    Settings(Vec<Problem>),
    /// The remote names a section that `rclone.conf` does not have.
    #[error("not configured yet: {} has no section [{section}]", file.display())]
    NotConfigured {
        /// The section, which is the part of the remote before the colon.
        section: String,
        /// The configuration file that was read.
        file: PathBuf,
    },
    /// A command of the login where there is none to be had.
    #[error("the storage {remote} needs no login, so there is none")]
    NoLoginNeeded {
        /// The remote path.
        remote: String,
    },
    /// The schedule file cannot be read.
    #[error("cannot read the schedule file {}: {source}", file.display())]
    ScheduleFile {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The schedule file asks for what cannot be kept; all of it at once.
    #[error("the schedule file {} has {}", file.display(), Problems(refusals))]
    Schedule {
        /// The file.
        file: PathBuf,
        /// What is wrong, by line.
        refusals: Vec<Refusal>,
    },
    /// The folder for the logs of runs cannot be written to.
    #[error("cannot write to save-folder {}: {source}", folder.display())]
    LogFolder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A second scheduler on one volume.
    #[error("another scheduler uses this volume: {holder}")]
    AnotherScheduler {
        /// Which container runs it, and since when.
        holder: String,
    },
    /// The login, or what it opens, does not work.
    #[error(transparent)]
    Login(#[from] Trouble),
    /// Somebody else logged in than the one whose login it was.
    #[error("you logged in as {new}, and the login so far was {old}'s: nothing was changed")]
    OtherPerson {
        /// Whose it was.
        old: String,
        /// Who logged in now.
        new: String,
    },
    /// Somebody logged in who is not the user that is set, where nobody knows whose the old login was.
    #[error(
        "you logged in as {new}, AAI_USER is {set}, and whose the login so far was is not known: nothing was changed"
    )]
    OwnerUnknown {
        /// Who logged in now.
        new: String,
        /// `AAI_USER`, or that it is not set.
        set: String,
    },
    /// The probe of the storage failed.
    #[error("the storage lets us not {doing}: {detail}")]
    ProbeFailed {
        /// What was tried.
        doing: &'static str,
        /// What rclone said.
        detail: String,
        /// Which storage it was.
        place: Box<Place>,
    },
    /// The repository would be kept in the container itself.
    #[error("{remote} is a place in the container, which goes with it")]
    InContainer {
        /// The directory.
        remote: String,
    },
    /// The second destination is the first by another name.
    #[error("the repository there is that of the backups itself, by its ID")]
    SameRepository,
    /// A file or folder of the volume cannot be used.
    #[error("cannot use {}: {source}", path.display())]
    Volume {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A second server on one volume.
    #[error("another server uses this volume: {holder}")]
    AnotherServer {
        /// Which container holds the volume, and since when.
        holder: String,
    },
    /// Somebody logs in already.
    #[error("config or reauth is running already: {holder}")]
    AlreadyLoggingIn {
        /// Which container runs it, and since when.
        holder: String,
    },
    /// The same job runs already.
    #[error("the same job is still running: {holder}")]
    AlreadyRunning {
        /// Which container runs it, and since when.
        holder: String,
    },
    /// The running server serves another remote than this command is meant for.
    #[error("the running server serves {server}, and this command is meant for {ours}")]
    OtherRemote {
        /// The server's remote path.
        server: String,
        /// Ours.
        ours: String,
    },
    /// Locks would be judged where their holders cannot be seen.
    #[error("restic is at work on this volume, and from here its lock would look stale")]
    LocksInUse,
    /// A program is not in `PATH`.
    #[error("the program {program} is not in PATH")]
    ProgramMissing {
        /// Its name.
        program: String,
    },
    /// A program is there and could not be started.
    #[error("cannot start {program}: {source}")]
    CannotStart {
        /// Its name.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// rclone ended, or did not come up, where it had to serve.
    #[error("rclone does not serve the repository: {last_words}")]
    ServerFailed {
        /// The last lines that rclone printed.
        last_words: String,
    },
    /// No answer from the server.
    #[error("the server gave no answer within {}", humantime::format_duration(*.after))]
    NoAnswer {
        /// How long it was waited.
        after: Duration,
    },
    /// The server answers, the storage behind it does not work.
    #[error(
        "the storage does not work: {}",
        of_storage(&format!("the server answered {status} for {what}"), complaint.as_ref())
    )]
    StorageFailing {
        /// The HTTP status.
        status: u16,
        /// The resource that was asked for.
        what: &'static str,
        /// What the storage has said, where that is known.
        complaint: Option<String>,
    },
    /// The storage refuses the credentials.
    #[error("the storage refuses access: the server answered 403 for {what}")]
    StorageForbidden {
        /// The resource that was asked for.
        what: &'static str,
    },
    /// The server wants other credentials than ours.
    #[error("the server refuses RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD")]
    Unauthorised,
    /// What `copy` has met at the second destination.
    #[error("at the second destination {remote}: {}", at_second(because))]
    AtSecond {
        /// Its remote path.
        remote: String,
        /// What failed there.
        because: Box<Error>,
    },
    /// There may be a repository: nothing may be initialised.
    #[error("no repository is seen, but that there is none is not proven: {because}")]
    AbsenceNotProven {
        /// What came instead of two empty listings.
        because: Box<Error>,
    },
    /// Parts of a repository are there, its config is not.
    #[error(
        "the repository's config is missing in {remote}, but {files} key or snapshot files are there"
    )]
    ConfigMissing {
        /// The remote path.
        remote: String,
        /// How many key and snapshot files the listings show.
        files: usize,
    },
    /// The storage holds no repository though this volume has backed up to one.
    #[error("repository {id} is gone from {remote}: nothing is left there")]
    RepositoryGone {
        /// The first characters of the pinned repository id.
        id: String,
        /// The remote path.
        remote: String,
    },
    /// There is no repository, for a command that does not make one.
    #[error("there is no repository at {remote}")]
    NoRepository {
        /// The remote path.
        remote: String,
    },
    /// Some files are not in the snapshot.
    #[error("{}", incomplete(*.count))]
    Incomplete {
        /// The first unreadable or missing files, one sentence each.
        files: Vec<String>,
        /// How many there were.
        count: usize,
    },
    /// The sources hold no file at all.
    #[error("no file was found there")]
    NothingFound,
    /// restic could not delete all it should.
    #[error("some snapshots could not be removed")]
    NotRemoved,
    /// All was done, and more snapshots are left than should be.
    #[error("{0}")]
    TooManySnapshots(Box<Surplus>),
    /// What was restored is not what was backed up; the list has one line for each file.
    #[error("{}", unequal(files))]
    Unequal {
        /// The files, each with what is wrong.
        files: Vec<String>,
    },
    /// restic ended well, and has not copied what was asked for.
    #[error("nothing was copied: {why}")]
    NothingCopied {
        /// What restic was asked for and has not found.
        why: String,
    },
    /// There is nothing of this host that could be restored.
    #[error(
        "no snapshot of the host {host} is in the repository{}",
        of_others(others)
    )]
    NoSnapshot {
        /// The host that was looked for.
        host: String,
        /// Those that are there.
        others: Vec<String>,
    },
    /// The disk cannot take what is to be restored.
    #[error(
        "{} has {} MiB free, and {} MiB are needed there",
        folder.display(), .free >> 20, (.needed >> 20) + 1
    )]
    NoRoom {
        /// The folder for temporary files.
        folder: PathBuf,
        /// So many bytes are free.
        free: u64,
        /// So many are needed.
        needed: u64,
    },
    /// The repository has keys, and none opens with our password.
    #[error("RESTIC_PASSWORD is not the password of this repository")]
    WrongPassword,
    /// The repository's key files cannot be listed: no password would open it.
    #[error("the repository's keys are missing or cannot be read in the storage")]
    NoKeys,
    /// Somebody else works on the repository.
    #[error("the repository is locked by {holder}")]
    Locked {
        /// Who, as restic names it.
        holder: String,
    },
    /// The run was ended by a stop of the container or by the user; by SIGALRM at the end of its time.
    #[error("{}", interrupted(*.signal))]
    Interrupted {
        /// The signal we got.
        signal: Signal,
    },
    /// The same of a command that logs in.
    #[error("it was interrupted by {signal}")]
    LoginInterrupted {
        /// The signal we got.
        signal: Signal,
    },
    /// The program was killed by a signal that we did not send.
    #[error("{program} was killed by {signal}{}", if *.signal == Signal::SIGKILL { " (out of memory?)" } else { "" })]
    Killed {
        /// Its name.
        program: String,
        /// The signal.
        signal: Signal,
    },
    /// restic failed in another way.
    #[error("{}", said(message, complaint.as_ref()))]
    Restic {
        /// restic's exit code.
        code: u8,
        /// restic's own words.
        message: String,
        /// What the storage has said, where it was the storage that failed, and that is known.
        complaint: Option<String>,
    },
    /// A restore that does not begin, or has not restored all.
    #[error(transparent)]
    Restore(#[from] NotRestored),
    /// The server is not healthy.
    #[error("{0}")]
    Unhealthy(String),
    /// Something that the operating system should always give.
    #[error("{what}: {source}")]
    System {
        /// What was being done.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// What the storage has complained of before what came of it here.
fn of_storage(here: &str, complaint: Option<&String>) -> String {
    complaint.map_or_else(
        || here.to_owned(),
        |complaint| format!("{complaint} ({here})"),
    )
}

/// restic's words; where it was the storage that failed, with that before them.
pub(crate) fn said(message: &str, complaint: Option<&String>) -> String {
    match complaint {
        Some(_) => format!(
            "the storage does not work: {}",
            of_storage(message, complaint)
        ),
        None => message.to_owned(),
    }
}

impl Error {
    /// Whether a stop waits for us: the end of a job's time hurries nobody.
    #[must_use]
    pub fn is_hurried(&self) -> bool {
        match self {
            Self::Interrupted { signal }
            | Self::LoginInterrupted { signal }
            | Self::Restore(NotRestored::Interrupted { signal, .. }) => *signal != Signal::SIGALRM,
            Self::AtSecond { because, .. } => because.is_hurried(),
            _ => false,
        }
    }

    /// The exit code: restic's own where restic ran, else one of `sysexits.h`.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Unhealthy(_) => 1,
            Self::Login(trouble) => trouble.exit_code(),
            Self::Restore(refusal) => refusal.exit_code(),
            Self::AtSecond { because, .. } => because.exit_code(),
            Self::Incomplete { .. }
            | Self::NothingFound
            | Self::NotRemoved
            | Self::TooManySnapshots(_) => 3,
            Self::RepositoryGone { .. }
            | Self::NoRepository { .. }
            | Self::ConfigMissing { .. } => 10,
            Self::Locked { .. } => 11,
            Self::WrongPassword | Self::NoKeys => 12,
            Self::Unequal { .. } | Self::NoSnapshot { .. } | Self::NothingCopied { .. } => 65,
            Self::ServerFailed { .. }
            | Self::NoAnswer { .. }
            | Self::StorageFailing { .. }
            | Self::ProbeFailed { .. }
            | Self::AbsenceNotProven { .. } => 69,
            Self::System { .. } => 71,
            Self::Volume { .. }
            | Self::LogFolder { .. }
            | Self::NoRoom { .. }
            | Self::InContainer { .. } => 73,
            Self::AnotherServer { .. }
            | Self::AnotherScheduler { .. }
            | Self::AlreadyLoggingIn { .. }
            | Self::AlreadyRunning { .. }
            | Self::LocksInUse => 75,
            Self::StorageForbidden { .. }
            | Self::Unauthorised
            | Self::OtherPerson { .. }
            | Self::OwnerUnknown { .. } => 77,
            Self::Settings(_)
            | Self::ScheduleFile { .. }
            | Self::Schedule { .. }
            | Self::NotConfigured { .. }
            | Self::SameRepository
            | Self::NoLoginNeeded { .. }
            | Self::OtherRemote { .. } => 78,
            Self::CannotStart { .. } => 126,
            Self::ProgramMissing { .. } => 127,
            // As timeout(1) has it.
            Self::Interrupted {
                signal: Signal::SIGALRM,
            } => 124,
            Self::Interrupted { .. } | Self::LoginInterrupted { .. } => 130,
            Self::Killed { signal, .. } => crate::supervise::signal_exit_code(*signal),
            Self::Restic { code, .. } => *code,
        }
    }
}

#[cfg(test)]
mod tests;
