//! What the watch has told already, and when it looks again. Pure: the clock comes in.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::Standing;

/// What lasts is told again after this time; and so often the watch looks at least.
pub const AGAIN: SignedDuration = SignedDuration::from_hours(24);
/// It looks no sooner than that.
const PAUSE: SignedDuration = SignedDuration::from_secs(1);

/// What was told, by the job's name.
#[derive(Debug, Default)]
pub struct Memory(HashMap<String, Told>);

#[derive(Debug, Clone, Copy)]
struct Told {
    at: Timestamp,
    /// The success, or the planning, since which there was none: after another one the trouble is a new one.
    since: Option<Timestamp>,
}

impl Memory {
    /// Which of these jobs must be told of now, by their places, and when to look again.
    pub fn look(&mut self, jobs: &[(&str, &Standing)], now: Timestamp) -> (Vec<usize>, Timestamp) {
        let mut to_tell = Vec::new();
        let later = |time: Timestamp, by| time.checked_add(by).unwrap_or(Timestamp::MAX);
        let mut next = later(now, AGAIN);
        for (place, (name, standing)) in jobs.iter().enumerate() {
            if !standing.is_overdue() && !standing.keeps_failing {
                self.0.remove(*name);
                let overdue = standing.terms.and_then(|terms| terms.overdue_from);
                next = overdue.map_or(next, |overdue| next.min(overdue));
                continue;
            }
            let since = standing.success();
            let told = self.0.get_mut(*name).filter(|told| told.since == since);
            let at = match told {
                // A clock that went back: the time since then is not known, and begins anew.
                Some(told) if told.at > now => {
                    told.at = now;
                    now
                }
                Some(told) if now.duration_since(told.at) < AGAIN => told.at,
                _ => {
                    to_tell.push(place);
                    self.0.insert((*name).to_owned(), Told { at: now, since });
                    now
                }
            };
            next = next.min(later(at, AGAIN));
        }
        self.0
            .retain(|known, _| jobs.iter().any(|(name, _)| name == known));
        (to_tell, next.max(later(now, PAUSE)))
    }
}

#[cfg(test)]
mod tests;
