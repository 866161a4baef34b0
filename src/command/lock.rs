//! The locks that a container keeps for as long as it runs.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Error, Result};
use crate::volume::{Holder, Lock, Locking};

/// Who looks whether somebody holds a lock holds it for a moment; a container that stops, for a little longer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Takes a lock that somebody may hold for a moment; `taken` makes the error for one that is held for longer.
pub(super) async fn take(
    lock: impl Fn() -> Result<Locking>,
    taken: impl Fn(Option<&Holder>) -> Error,
) -> Result<Lock> {
    let until = Instant::now() + PATIENCE;
    loop {
        match lock()? {
            Locking::Ours(lock) => return Ok(lock),
            Locking::Held(holder) if Instant::now() >= until => {
                return Err(taken(holder.as_ref()));
            }
            Locking::Held(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
