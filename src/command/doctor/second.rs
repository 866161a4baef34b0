//! The second destination, which `copy` fills, looked at from the first: its settings, its storage, its repository.

use crate::command::access::with_access;
use crate::error::{Error, Result};
use crate::place::Place;
use crate::settings::{Destination, Problem, Settings};
use crate::supervise::Interrupts;
use crate::volume::Volume;

use super::ledger::Look;
use super::storage;

/// What is wrong with its settings: no backup fails for it.
pub(super) fn problems(settings: &Settings) -> Vec<Problem> {
    match settings.second() {
        Err(Error::Settings(problems)) if settings.has_second() => problems,
        _ => Vec::new(),
    }
}

/// `login_works`: gives credentials; of the login that opens the first, where one does. The only error is an interruption.
pub(super) async fn look(
    settings: &Settings,
    volume: &Volume,
    login_works: bool,
    interrupts: &mut Interrupts,
) -> Result<Look> {
    if Place::here() == Place::Host {
        return Ok(Look::passed("copy is a command of the image"));
    }
    if settings.destination == Destination::Copy {
        return Ok(Look::passed("DESTINATION is copy: all of this is about it"));
    }
    if !settings.has_second() {
        return Ok(Look::passed(
            "COPY_REMOTE is not set: there is no second destination",
        ));
    }
    let second = match settings.second() {
        Ok(second) => second,
        Err(error) => return Ok(storage::look(error, settings)),
    };
    if second.login.is_some() && settings.login.is_some() && !login_works {
        return Ok(Look::passed("there are no credentials"));
    }
    let bucket = with_access(&second, volume, async |access| {
        let ready = async { Ok(access.ready().await) };
        match interrupts.unless(ready).await? {
            Ok(()) => {
                let supply = access.supply();
                storage::bucket(&second, volume, supply.as_ref(), interrupts).await
            }
            Err(error) => Ok(storage::look(error, &second)),
        }
    });
    let bucket = match bucket.await {
        Err(stop @ Error::Interrupted { .. }) => return Err(stop),
        Err(error) => storage::look(error, &second),
        Ok(bucket) => bucket,
    };
    if !bucket.carries() {
        return Ok(bucket);
    }
    let (repository, _) = storage::repository(&second, volume, interrupts).await?;
    Ok(bucket.and(repository))
}
