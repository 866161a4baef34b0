//! `config` and `reauth` beside a running server, or whoever else keeps the login: it is asked before a login whether it
//! can work with it, and a person is told of a wait for it.

use std::time::Duration;

use tokio::time::timeout;

use crate::error::Result;
use crate::keeper::Neighbour;
use crate::settings::Settings;
use crate::supervise::Interrupts;
use crate::trouble::Trouble;
use crate::volume::Volume;

use super::device_login::say;

/// An answer that takes longer is told to be waited for.
const SHORT: Duration = Duration::from_secs(6);

/// An error where a login with these settings would be one in vain, for who keeps the login has others.
///
/// Nobody is sent to the browser for that. Who is silent is no reason to refuse: it may take the login later.
pub(super) async fn require_same_settings(
    settings: &Settings,
    volume: &Volume,
    interrupts: &mut Interrupts,
) -> Result<()> {
    let Some(neighbour) = Neighbour::new(settings, volume) else {
        return Ok(());
    };
    // Nobody is asked where nobody is: to make the question takes time.
    if neighbour.silent().is_none() {
        return Ok(());
    }
    let answer = async { Ok(patiently(neighbour, neighbour.other_settings()).await) };
    match interrupts.unless(answer).await? {
        Some(trouble) => Err(trouble.into()),
        None => Ok(()),
    }
}

/// Waits for what a neighbour has to answer, and says so where that takes long.
pub(super) async fn patiently<T>(neighbour: Neighbour<'_>, answer: impl Future<Output = T>) -> T {
    tokio::pin!(answer);
    if let Ok(answer) = timeout(SHORT, &mut answer).await {
        return answer;
    }
    if let Some(Trouble::Neighbour { holder, .. }) = neighbour.silent() {
        say(&format!("Waiting for an answer of {holder} ..."));
    }
    answer.await
}
