//! Keeping the login: one renewal after the other, ahead of time, until this process is told to stop.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::credentials::Credentials;
use crate::trouble::Trouble;

use super::renewal::Renewer;
use super::{Part, Patience, Status, Terms, Wish, neighbour};

/// How often it is looked whether there is a new login, whether the agent lives, and what the clock says: a machine
/// that slept, or whose clock was set, is noticed too.
const TICK: Duration = Duration::from_secs(3);
/// After this part of their life credentials are renewed: rclone asks for new ones 5 minutes before their end.
const RENEW_AFTER: (i64, i64) = (2, 3);
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pauses before another try: while there are no credentials, and while the old ones are still good.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE_IF_VALID: Duration = Duration::from_mins(1);
/// What needs a person is tried again after this, for a person can end it elsewhere (a policy signed in a browser).
const PAUSE_FOR_A_PERSON: Duration = Duration::from_mins(2);

/// Runs the agent and renews the credentials until the stop.
pub(super) async fn keep(part: &mut Part) {
    let terms = Terms::new(&part.login, &part.settings.trust);
    part.status.send_modify(|status| status.terms = Some(terms));
    let answering = neighbour::serve(part.handle.clone(), &part.login, &part.volume);
    let mut renewer = match Renewer::new(part, answering.is_some()) {
        Ok(renewer) => renewer,
        Err(trouble) => {
            wait_for_room(part, trouble).await;
            return;
        }
    };
    let mut failures = 0;
    let mut waiting: Vec<Wish> = Vec::new();
    loop {
        let end = tokio::select! {
            end = renewer.renew() => end,
            _ = part.stop.wait_for(Option::is_some) => break,
        };
        failures = if end.is_ok() { 0 } else { failures + 1 };
        let outcome = end.as_ref().map(|_| ()).map_err(Clone::clone);
        let agent = renewer.socket();
        part.status.send_modify(|status| status.agent = agent);
        // What was true when the renewal began, be it before a new login, may be no answer to who has come since: it is
        // one where the login is the same and has just worked, and where nothing was known at all.
        let answers_all =
            (end.is_ok() || part.status.borrow().tries == 0) && !renewer.has_new_login();
        part.publish(end);
        if answers_all {
            waiting.extend(std::iter::from_fn(|| part.wishes.try_recv().ok()));
        }
        for wish in waiting.drain(..) {
            // Who wished may have gone.
            let _ = wish.send(outcome.clone());
        }
        let due = Due::after(&part.status.borrow(), failures);
        tokio::select! {
            () = until(&due, &mut renewer) => (),
            Some(wish) = part.wishes.recv() => waiting.push(wish),
            _ = part.stop.wait_for(Option::is_some) => break,
        }
        waiting.extend(std::iter::from_fn(|| part.wishes.try_recv().ok()));
    }
    let patience = part.stop.borrow().unwrap_or(Patience::Hurried);
    renewer.end(patience).await;
    drop(answering);
}

/// What an agent needs cannot be made, as on a full volume: this is told, and after a while the caller begins anew.
async fn wait_for_room(part: &mut Part, trouble: Trouble) {
    part.publish(Err(trouble.clone()));
    let pause = tokio::time::sleep(LONGEST_PAUSE);
    tokio::pin!(pause);
    loop {
        tokio::select! {
            () = &mut pause => return,
            // Who wished may have gone.
            Some(wish) = part.wishes.recv() => drop(wish.send(Err(trouble.clone()))),
            _ = part.stop.wait_for(Option::is_some) => return,
        }
    }
}

/// When the next renewal is due.
#[derive(Debug, PartialEq, Eq)]
enum Due {
    /// At this time of the day.
    At(Timestamp),
    /// After this long.
    After(Duration),
    /// Only with another login.
    WithAnotherLogin,
}

impl Due {
    fn after(status: &Status, failures: u32) -> Self {
        let now = Timestamp::now();
        match (&status.trouble, status.valid(now)) {
            (None, Some(credentials)) => Self::At(renewal_time(credentials, now)),
            (None, None) => Self::After(pause(failures.max(1), LONGEST_PAUSE)),
            (
                Some(
                    Trouble::NoLogin
                    | Trouble::WrongPassword
                    | Trouble::OtherIssuer { .. }
                    | Trouble::OtherAccount { .. },
                ),
                _,
            ) => Self::WithAnotherLogin,
            (Some(trouble), _) if trouble.needs_a_person() => Self::After(PAUSE_FOR_A_PERSON),
            (Some(_), Some(credentials)) => {
                // At the latest when they end, from when on it is tried more often.
                let left = credentials.expiration.duration_since(now).unsigned_abs();
                let pause = pause(failures, LONGEST_PAUSE_IF_VALID);
                Self::After(pause.min(left.max(SHORTEST_PAUSE)))
            }
            (Some(_), None) => Self::After(pause(failures, LONGEST_PAUSE)),
        }
    }

    /// How long it is until then, after this long of waiting; `None` where it is due.
    fn left(&self, waited: Duration) -> Option<Duration> {
        let left = match self {
            Self::At(time) => {
                let seconds = time.as_second() - Timestamp::now().as_second();
                Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
            }
            Self::After(pause) => pause.saturating_sub(waited),
            Self::WithAnotherLogin => TICK,
        };
        (!left.is_zero()).then_some(left)
    }
}

fn renewal_time(credentials: &Credentials, now: Timestamp) -> Timestamp {
    let left = credentials.expiration.as_second() - now.as_second();
    let (part, whole) = RENEW_AFTER;
    Timestamp::from_second(now.as_second() + (left * part / whole).max(1)).unwrap_or(now)
}

/// 1 s, 2 s, 4 s, ... up to the longest.
fn pause(failures: u32, longest: Duration) -> Duration {
    let doublings = failures.saturating_sub(1).min(10);
    longest.min(Duration::from_secs(1 << doublings))
}

/// Waits until the next renewal is due, be it for a new login or an agent that has ended.
async fn until(due: &Due, renewer: &mut Renewer) {
    let begun = Instant::now();
    while let Some(left) = due.left(begun.elapsed()) {
        // It is slept first: an agent that ends again and again is not started more often than this.
        tokio::time::sleep(left.min(TICK)).await;
        if renewer.needs_a_new_start() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(trouble: Option<Trouble>, seconds_left: Option<i64>) -> Status {
        Status {
            credentials: seconds_left.map(|left| {
                let end = Timestamp::now() + jiff::SignedDuration::from_secs(left);
                crate::keeper::tests::credentials("KEY", end)
            }),
            trouble,
            ..Status::default()
        }
    }

    fn unreachable() -> Trouble {
        Trouble::ProviderUnreachable {
            issuer: String::new(),
            detail: String::new(),
        }
    }

    #[test]
    fn good_credentials_are_renewed_when_two_thirds_of_their_life_are_over() {
        let Due::At(time) = Due::after(&status(None, Some(3600)), 0) else {
            panic!("a time")
        };
        let seconds = time.as_second() - Timestamp::now().as_second();
        assert!((2398..=2400).contains(&seconds), "{seconds}");
    }

    #[test]
    fn a_failure_is_tried_again_soon_and_then_more_rarely() {
        let after = |failures, left| Due::after(&status(Some(unreachable()), left), failures);
        let seconds = |seconds| Due::After(Duration::from_secs(seconds));
        assert_eq!(
            [1, 2, 3, 4, 5, 99].map(|n| after(n, None)),
            [1, 2, 4, 8, 10, 10].map(seconds)
        );
        assert_eq!(
            [1, 6, 7, 99].map(|n| after(n, Some(600))),
            [1, 32, 60, 60].map(seconds)
        );
    }

    #[test]
    fn the_end_of_the_credentials_is_not_slept_through() {
        for (left, least, most) in [(20, 19, 20), (1, 1, 1), (0, 10, 10)] {
            let Due::After(pause) = Due::after(&status(Some(unreachable()), Some(left)), 99) else {
                panic!("a pause")
            };
            let bounds = Duration::from_secs(least)..=Duration::from_secs(most);
            assert!(bounds.contains(&pause), "{left}: {pause:?}");
        }
    }

    #[test]
    fn what_is_due_is_not_waited_for() {
        let seconds = Duration::from_secs;
        assert_eq!(Due::After(seconds(5)).left(seconds(2)), Some(seconds(3)));
        assert_eq!(Due::After(seconds(5)).left(seconds(5)), None);
        assert_eq!(Due::At(Timestamp::UNIX_EPOCH).left(seconds(0)), None);
        assert_eq!(Due::WithAnotherLogin.left(seconds(9999)), Some(TICK));
    }

    #[test]
    fn what_a_new_login_alone_can_mend_is_not_tried_again() {
        let after = |trouble| Due::after(&status(Some(trouble), None), 1);
        assert_eq!(after(Trouble::WrongPassword), Due::WithAnotherLogin);
        let ended = Trouble::LoginEnded {
            detail: String::new(),
        };
        assert_eq!(after(ended), Due::After(PAUSE_FOR_A_PERSON));
    }
}
