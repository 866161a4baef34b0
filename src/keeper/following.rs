//! Following the keeper of the login: what it knows is asked for again and again, until its place is free.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::volume::Holder;

use super::neighbour::silent;
use super::{Neighbour, Part, Status};

/// Between two questions.
pub(super) const PAUSE: Duration = Duration::from_secs(1);
/// A keeper that has just begun, or is about to end, may be silent this long.
const SILENCE: Duration = Duration::from_secs(3);

/// What one who follows remembers from question to question.
#[derive(Debug, Default)]
pub(super) struct Following {
    /// When the first question of those that got no answer was asked.
    silent_since: Option<Instant>,
}

impl Following {
    /// Asks once, makes the answer known, and waits a little; the caller then tries to take the keeper's place.
    pub(super) async fn follow(&mut self, part: &mut Part, holder: Option<&Holder>) {
        let asked = Instant::now();
        let Some(neighbour) = Neighbour::new(&part.settings, &part.volume) else {
            return;
        };
        let answer = tokio::select! {
            answer = neighbour.status() => answer,
            _ = part.stop.wait_for(Option::is_some) => return,
        };
        let answers = answer.is_some();
        match answer {
            Some(known) => {
                self.silent_since = None;
                part.status
                    .send_modify(|ours| *ours = learned(ours, known, Timestamp::now()));
            }
            None if self.silent_since.get_or_insert(asked).elapsed() < SILENCE => (),
            // Its socket is out of our reach, or it hangs.
            None => part.publish(Err(silent(&part.volume, holder))),
        }
        let wish = tokio::select! {
            Some(wish) = part.wishes.recv() => wish,
            () = tokio::time::sleep(PAUSE) => return,
            _ = part.stop.wait_for(Option::is_some) => return,
        };
        // Who did not answer an easy question is not asked a hard one.
        let end = if answers {
            tokio::select! {
                end = neighbour.renew() => end,
                _ = part.stop.wait_for(Option::is_some) => return,
            }
        } else {
            None
        };
        // Who wished may have gone.
        let _ = wish.send(end.unwrap_or_else(|| Err(silent(&part.volume, holder))));
    }
}

/// What the keeper knows; but good credentials are not given up for none, which is all that one who has just begun has.
fn learned(ours: &Status, known: Status, now: Timestamp) -> Status {
    let credentials = known.valid(now).or_else(|| ours.valid(now)).cloned();
    Status {
        credentials: credentials.or(known.credentials),
        ..known
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::tests::credentials;
    use crate::trouble::Trouble;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn status(name: &str, end: Option<i64>) -> Status {
        Status {
            credentials: end.map(|end| credentials(name, at(end))),
            ..Status::default()
        }
    }

    #[test]
    fn the_keepers_credentials_are_taken_and_ours_kept_where_it_has_none_that_are_good() {
        let now = at(100);
        for (ours, theirs, taken) in [
            (None, None, None),
            (None, Some(200), Some("theirs")),
            (Some(300), Some(200), Some("theirs")),
            (Some(300), Some(90), Some("ours")),
            (Some(300), None, Some("ours")),
            (Some(90), None, None),
            (Some(90), Some(80), Some("theirs")),
        ] {
            let learned = learned(&status("ours", ours), status("theirs", theirs), now);
            let name = learned.credentials.map(|taken| taken.access_key_id);
            assert_eq!(name.as_deref(), taken, "{ours:?} {theirs:?}");
        }
    }

    #[test]
    fn the_keepers_trouble_is_taken_with_our_credentials() {
        let trouble = Some(Trouble::NoLogin);
        let theirs = Status {
            trouble: trouble.clone(),
            tries: 3,
            ..Status::default()
        };
        let learned = learned(&status("ours", Some(300)), theirs, at(100));
        assert_eq!((learned.trouble.clone(), learned.tries), (trouble, 3));
        assert!(learned.answer(at(100)).unwrap().is_ok());
    }
}
