//! The storage itself: what a backup does in it, the server in front of it, and the repository.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::timeout;

use crate::command::copy::at_second;
use crate::command::status::repository;
use crate::command::with_repository::running_server;
use crate::error::{Error, Result};
use crate::repository::require_to_last;
use crate::settings::{Destination, Remote, Settings};
use crate::size::bytes;
use crate::storage::probe::{self, Missing};
use crate::storage::{Place, Supply, require_section};
use crate::supervise::Interrupts;
use crate::volume::{Holder, Volume};

use super::configuration;
use super::finding::Finding;
use super::ledger::Look;

/// All four steps of the probe together.
const PROBE: Duration = Duration::from_mins(1);
/// A server that has just been started tells within this time where it listens, and answers.
const SERVER: Duration = Duration::from_secs(40);

/// An object is listed, written, read and deleted under the backup path.
///
/// The only error is an interruption.
pub(super) async fn bucket(
    settings: &Settings,
    volume: &Volume,
    supply: Option<&Supply>,
    interrupts: &mut Interrupts,
) -> Result<Look> {
    let proof = async {
        require_to_last(&settings.remote)?;
        if supply.is_none() {
            require_section(settings)?;
        }
        let left = Missing::Told;
        probe::write_list_read_delete(settings, volume, supply, left, interrupts, |_| ()).await
    };
    let made = missing(&settings.remote);
    let end = timeout(PROBE, proof).await;
    // A path that was mistyped is not to be there afterwards. What somebody has put there meanwhile stays.
    for directory in made {
        let _ = std::fs::remove_dir(directory);
    }
    let end = end.unwrap_or_else(|_| {
        Err(Error::ProbeFailed {
            doing: "read and write",
            detail: format!("no end within {}", humantime::format_duration(PROBE)),
            place: Box::new(Place::of(settings)),
        })
    });
    Ok(match end {
        Ok(()) => Look::good(format!(
            "listing, writing, reading and deleting in {}",
            settings.remote
        )),
        Err(error @ Error::Interrupted { .. }) => return Err(error),
        Err(error) => look(error, settings),
    })
}

/// The directories on the way to a directory of ours that are not there yet, the innermost first.
fn missing(remote: &Remote) -> Vec<PathBuf> {
    let way = remote.directory().into_iter().flat_map(Path::ancestors);
    let missing = way.take_while(|directory| !directory.exists());
    missing.map(Path::to_owned).collect()
}

/// The running server, if there is one.
pub(super) async fn server(settings: &Settings, volume: &Volume) -> Look {
    let asked = async {
        let Some(endpoint) = running_server(settings, volume).await? else {
            return Ok(false);
        };
        if endpoint.answers().await {
            return Ok(true);
        }
        Err(Error::NoAnswer { after: SERVER / 4 })
    };
    let end = timeout(SERVER, asked)
        .await
        .unwrap_or(Err(Error::NoAnswer { after: SERVER }));
    let holder = volume.server().ok().flatten();
    match (end, holder) {
        (Ok(true), holder) => {
            let holder = Holder::describe(holder.flatten().as_ref());
            Look::good(format!("runs in {holder}"))
        }
        (Ok(false), Some(holder)) => {
            let holder = Holder::describe(holder.as_ref());
            let but = match settings.destination {
                Destination::First => "out of reach from here",
                Destination::Copy => "for the first destination: this command has one of its own",
            };
            Look::good(format!("runs in {holder}, {but}"))
        }
        (Ok(false), None) => Look::good(
            "none runs, this command has one of its own (to start it: docker compose up -d)",
        ),
        (Err(error), _) => look(error, settings),
    }
}

/// The repository and its password, and how many bytes it takes; the only error is an interruption.
pub(super) async fn repository(
    settings: &Settings,
    volume: &Volume,
    interrupts: &mut Interrupts,
) -> Result<(Look, Option<u64>)> {
    let found = repository::find(settings, volume, interrupts).await?;
    Ok(match found.contents {
        Ok(Some(contents)) => {
            let count: usize = contents.snapshots.iter().map(|group| group.count).sum();
            let snapshots = match count {
                1 => "1 snapshot".to_owned(),
                several => format!("{several} snapshots"),
            };
            let size = contents.size.map(bytes);
            let size = size.map_or_else(String::new, |size| format!(", {size}"));
            let password = password_of(settings);
            let good = format!("{password} opens it; {snapshots}{size}");
            (Look::good(good), contents.size)
        }
        Ok(None) => {
            let first = match settings.destination {
                Destination::First => "backup",
                Destination::Copy => "copy",
            };
            let good = format!("none yet, the first {first} makes it");
            (Look::good(good), Some(0))
        }
        Err(error) => (look(error, settings), None),
    })
}

/// The variable that has it.
fn password_of(settings: &Settings) -> &'static str {
    const OF_COPIES: &str = "COPY_PASSWORD";
    let is_own = settings.environment.get(OF_COPIES).is_some();
    match settings.destination {
        Destination::Copy if is_own => OF_COPIES,
        _ => "RESTIC_PASSWORD",
    }
}

/// Trouble of the login is told as that, wherever it is met; a missing program is told with its version. What is met at the
/// second destination says so.
pub(super) fn look(error: Error, settings: &Settings) -> Look {
    match error {
        Error::ProgramMissing { .. } => Look::passed(error.to_string()),
        Error::Settings(problems) => configuration::wrong(&problems, []),
        error if settings.destination == Destination::Copy => {
            Look::found(Finding::Storage(at_second(error, settings)))
        }
        Error::Login(trouble) => Look::found(Finding::Login(trouble)),
        error => Look::found(Finding::Storage(error)),
    }
}
