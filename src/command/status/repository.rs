//! The repository's part of `status`: its snapshots and its size, through the running server or one of our own.

use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, timeout};

use super::Findings;
use crate::command::with_repository::with_repository;
use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::repository::{Group, Repository, is_there_now};
use crate::settings::Settings;
use crate::supervise::Interrupts;
use crate::volume::Volume;

/// What is not known after this time is told as that.
const DEADLINE: Duration = Duration::from_mins(1);
/// There is always this much time left for an answer.
const LEAST: Duration = Duration::from_secs(5);

/// How the repository stands.
#[derive(Debug, Serialize)]
pub(super) struct State {
    /// Where it is.
    pub remote: String,
    /// Whether there is one; `None` where that is not known.
    pub exists: Option<bool>,
    /// Why nothing is known of it.
    pub problem: Option<String>,
    /// What it takes on the storage; `None` where that was not known in time.
    pub size_bytes: Option<u64>,
    /// Its snapshots by host and paths.
    pub snapshots: Vec<Group>,
}

/// What was found out.
pub(in crate::command) struct Found {
    remote: String,
    /// `None` where there is no repository yet.
    pub contents: Result<Option<Contents>>,
}

/// What it holds.
pub(in crate::command) struct Contents {
    /// In bytes; `None` where that was not known in time.
    pub size: Option<u64>,
    pub snapshots: Vec<Group>,
}

/// The only error is an interruption.
pub(in crate::command) async fn find(
    settings: &Settings,
    volume: &Volume,
    interrupts: &mut Interrupts,
) -> Result<Found> {
    let until = Instant::now() + DEADLINE;
    // What goes before has deadlines of its own, and is not broken off: an agent in the middle of a refresh must end it.
    let contents = with_repository(
        settings,
        volume,
        interrupts,
        async |endpoint, interrupts| {
            let left = until.saturating_duration_since(Instant::now()).max(LEAST);
            let work = timeout(left, contents(settings, volume, endpoint, left));
            interrupts
                .unless(async {
                    work.await
                        .unwrap_or(Err(Error::NoAnswer { after: DEADLINE }))
                })
                .await
        },
    )
    .await;
    match contents {
        Err(error @ Error::Interrupted { .. }) => Err(error),
        contents => Ok(Found {
            remote: settings.remote.to_string(),
            contents,
        }),
    }
}

/// `None` where there is no repository yet.
async fn contents(
    settings: &Settings,
    volume: &Volume,
    endpoint: &Endpoint,
    left: Duration,
) -> Result<Option<Contents>> {
    if !is_there_now(endpoint, volume, &settings.remote).await? {
        return Ok(None);
    }
    let repository = Repository::new(settings, volume, endpoint).await?;
    // Beside each other; the size, which may take long, gives up a little earlier.
    let (snapshots, size) = tokio::join!(
        repository.snapshots(left),
        endpoint.size(left.saturating_sub(LEAST / 2))
    );
    Ok(Some(Contents {
        size,
        snapshots: snapshots?,
    }))
}

impl Found {
    pub(super) fn told(self, findings: &mut Findings) -> State {
        let (exists, problem, contents) = match self.contents {
            Ok(Some(contents)) => (Some(true), None, Some(contents)),
            Ok(None) => (Some(false), None, None),
            Err(error) => (None, Some(findings.add_error("repository", &error)), None),
        };
        let (size_bytes, mut snapshots) = match contents {
            Some(contents) => (contents.size, contents.snapshots),
            None => (None, Vec::new()),
        };
        for group in &mut snapshots {
            group.host = findings.redactor.text(&group.host);
            for path in &mut group.paths {
                *path = findings.redactor.text(path);
            }
        }
        State {
            remote: self.remote,
            exists,
            problem,
            size_bytes,
            snapshots,
        }
    }
}
