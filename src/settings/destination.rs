//! The two destinations: the repository of the backups, and the second one that `copy` fills.
//!
//! `DESTINATION=copy` makes any command one on the second. What is wrong with `COPY_REMOTE` fails `copy` and no backup.

use secrecy::SecretString;

use super::login::{self, Flow, Login};
use super::remote::{self, Remote};
use super::{Given, Problem};
use crate::place as program;

/// The variable that chooses.
pub(super) const DESTINATION: &str = "DESTINATION";
const COPY: &str = "copy";

/// Which of the two a command works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Destination {
    /// The repository that backups are made to.
    #[default]
    First,
    /// The one that `copy` fills: `DESTINATION=copy`.
    Copy,
}

/// One destination: where, opened by which login, with which password.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub remote: Remote,
    pub login: Option<Login>,
    /// On a host it may be missing.
    pub password: Option<SecretString>,
}

/// The second destination, as far as the settings make one.
#[derive(Debug, Clone, Default)]
pub(super) enum Wish {
    /// `COPY_REMOTE` is not set.
    #[default]
    None,
    /// The command is one on the second destination already.
    ThatItself,
    Place(Box<Place>),
    Wrong(Vec<Problem>),
}

impl Wish {
    pub(super) fn is_there(&self) -> bool {
        matches!(self, Self::Place(_) | Self::Wrong(_))
    }

    pub(super) fn problems(&self) -> &[Problem] {
        match self {
            Self::Wrong(problems) => problems,
            _ => &[],
        }
    }

    /// The place to copy to; else why there is none.
    pub(super) fn place(&self) -> Result<Place, Vec<Problem>> {
        match self {
            Self::Place(place) => Ok(Place::clone(place)),
            Self::Wrong(problems) => Err(problems.clone()),
            Self::None => Err(vec![missing()]),
            Self::ThatItself => Err(vec![Problem::new(
                DESTINATION,
                "must be empty here: copies come from the first destination",
            )]),
        }
    }
}

/// One loss would take both.
pub(super) fn same_place() -> Problem {
    Problem::new(
        "COPY_REMOTE",
        "is where the backups are themselves, or one place lies in the other: choose another place",
    )
}

fn missing() -> Problem {
    Problem::new(
        "COPY_REMOTE",
        "is missing: the second destination, a remote of rclone such as nas:backup/VM1 or an absolute directory",
    )
}

pub(super) fn parse(value: Option<&str>, problems: &mut Vec<Problem>) -> Destination {
    match value.map(str::trim) {
        None => Destination::First,
        Some(COPY) => Destination::Copy,
        Some(_) => {
            problems.push(Problem::new(
                DESTINATION,
                "must be empty, or copy for the second destination",
            ));
            Destination::First
        }
    }
}

/// Where this command works; `None` where that has problems.
pub(super) fn place(
    destination: Destination,
    given: &Given<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Place> {
    match destination {
        Destination::First => first(given, problems),
        Destination::Copy => second(given, problems),
    }
}

/// Where `copy` copies to from there.
pub(super) fn wish(destination: Destination, given: &Given<'_>, from: Option<&Place>) -> Wish {
    if destination == Destination::Copy {
        return Wish::ThatItself;
    }
    if given.raw.copy_remote.is_none() {
        return Wish::None;
    }
    let mut problems = Vec::new();
    let place = second(given, &mut problems);
    if let (Some(from), Some(place)) = (from, &place)
        && from.remote.overlaps(&place.remote)
    {
        problems.push(same_place());
    }
    match place {
        Some(place) if problems.is_empty() => Wish::Place(Box::new(place)),
        _ => Wish::Wrong(problems),
    }
}

fn first(given: &Given<'_>, problems: &mut Vec<Problem>) -> Option<Place> {
    let raw = given.raw;
    let remote = remote::parse(
        raw.backup_remote.as_deref(),
        &remote::Account {
            needs_person: given.flow == Flow::Device,
            user: raw.aai_user.as_deref(),
            password: raw.oidc_password.is_some(),
            name: raw.s3_bucket.as_deref(),
            bucket: raw.backup_bucket.as_deref(),
            bucket_path: raw.backup_bucket_path.as_deref(),
        },
        problems,
    );
    let password = raw.restic_password.clone();
    if password.is_none() && program::Place::here() == program::Place::Image {
        problems.push(super::no_restic_password());
    }
    let is_named = raw.backup_remote.is_some();
    let login = login::parse(given, remote.as_ref(), is_named, problems);
    Some(Place {
        remote: remote?,
        login,
        password: password.map(Into::into),
    })
}

fn second(given: &Given<'_>, problems: &mut Vec<Problem>) -> Option<Place> {
    let raw = given.raw;
    if raw.copy_remote.is_none() {
        problems.push(missing());
    }
    let remote = raw
        .copy_remote
        .as_deref()
        .and_then(|text| remote::explicit_remote("COPY_REMOTE", text.trim(), problems));
    let password = raw.copy_password.as_ref().or(raw.restic_password.as_ref());
    if password.is_none() {
        problems.push(Problem::new(
            "COPY_PASSWORD",
            "is missing: the password of the second repository, where RESTIC_PASSWORD is not set",
        ));
    }
    let login = login::parse(given, remote.as_ref(), true, problems);
    Some(Place {
        remote: remote?,
        login,
        password: Some(password?.clone().into()),
    })
}
