//! Following the keeper of the login: what it knows is asked for again and again, until its place is free.

use std::time::Duration;

use crate::trouble::Trouble;
use crate::volume::Holder;

use super::{Part, neighbour};

/// Between two questions.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// Asks once, makes the answer known, and waits a little; the caller then tries to take the keeper's place.
pub(super) async fn follow(part: &mut Part, holder: Option<&Holder>) {
    let answer = tokio::select! {
        answer = neighbour::ask(&part.volume) => answer,
        _ = part.stop.wait_for(|stop| *stop) => return,
    };
    let answers = answer.is_some();
    match answer {
        Some(known) => drop(part.status.send_replace(known)),
        // It has just begun, or has just ended, or its socket is out of our reach.
        None => part.publish(Err(Trouble::Neighbour {
            holder: Holder::describe(holder),
        })),
    }
    let wish = tokio::select! {
        Some(wish) = part.wishes.recv() => wish,
        () = tokio::time::sleep(PAUSE) => return,
        _ = part.stop.wait_for(|stop| *stop) => return,
    };
    // Who did not answer an easy question is not asked a hard one.
    let end = if answers {
        neighbour::ask_for_renewal(&part.volume).await
    } else {
        None
    };
    // Who wished may have gone.
    let _ = wish.send(end.unwrap_or_else(|| {
        Err(Trouble::Neighbour {
            holder: Holder::describe(holder),
        })
    }));
}
