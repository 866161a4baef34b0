//! How much of the quota is used, how fast that grows, and when it is full. Pure: clock and history come in.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use crate::history::Run;
use crate::size::bytes;

/// From this part of the quota on it is told, in percent.
pub const WARN_FROM: u64 = 80;
/// So far back backups tell how fast the repository grows.
pub const WINDOW: SignedDuration = SignedDuration::from_hours(30 * 24);

const DAY: i64 = 24 * 60 * 60;
/// Beyond that many days the number tells nobody anything.
const FAR: u64 = 3650;

/// The storage of this user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Bytes.
    pub used: u64,
    /// Bytes.
    pub quota: u64,
    /// By how many bytes a day it grows; `None` where too few backups were made to tell.
    pub per_day: Option<u64>,
}

impl Usage {
    /// Rounded down.
    #[must_use]
    pub fn percent(&self) -> u64 {
        let percent = u128::from(self.used) * 100 / u128::from(self.quota.max(1));
        u64::try_from(percent).unwrap_or(u64::MAX)
    }

    /// Whether it is time to do something.
    #[must_use]
    pub fn is_low(&self) -> bool {
        self.percent() >= WARN_FROM
    }

    /// Whether nothing more is taken.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.used >= self.quota
    }

    /// Whole days until it is full, if it goes on like this.
    #[must_use]
    pub fn days_left(&self) -> Option<u64> {
        let per_day = self.per_day.filter(|bytes| *bytes > 0)?;
        Some(self.quota.saturating_sub(self.used) / per_day)
    }
}

impl fmt::Display for Usage {
    /// `85 % of the quota is used (170.0 GiB of 200.0 GiB); it grows by 1.2 GiB a day: full in 25 days`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (used, quota) = (bytes(self.used), bytes(self.quota));
        write!(
            f,
            "{} % of the quota is used ({used} of {quota})",
            self.percent()
        )?;
        match (self.per_day, self.days_left()) {
            (Some(per_day), Some(days)) if days > FAR => write!(
                f,
                "; it grows by {} a day: full in more than 10 years",
                bytes(per_day)
            ),
            (Some(per_day), Some(days)) => {
                let plural = if days == 1 { "" } else { "s" };
                write!(
                    f,
                    "; it grows by {} a day: full in {days} day{plural}",
                    bytes(per_day)
                )
            }
            (Some(_), None) => write!(f, "; it does not grow"),
            (None, _) => write!(f, "; how fast it grows is not known yet"),
        }
    }
}

/// By how many bytes a day the backups of these runs have made the repository grow until now, before compression and
/// before anything was forgotten; `None` where they do not span a day.
///
/// What the first of them has added is left out: it is as a rule the very first backup, which is made once.
#[must_use]
pub fn growth(runs: &[Run], now: Timestamp) -> Option<u64> {
    let backups = runs.iter().filter_map(|run| {
        let added = run.end()?.figures.bytes_added?;
        let started = run.beginning.started;
        let counts = run.beginning.command == "backup" && !run.beginning.dry_run && started <= now;
        counts.then_some((started, added))
    });
    // The clock may have been set back between two of them.
    let mut backups: Vec<(Timestamp, u64)> = backups.collect();
    backups.sort_unstable();
    let ((first, _), later) = backups.split_first()?;
    let span = now.duration_since(*first).as_secs();
    if span < DAY {
        return None;
    }
    let added: u128 = later.iter().map(|(_, added)| u128::from(*added)).sum();
    let per_day = added.saturating_mul(u128::from(DAY.unsigned_abs()));
    u64::try_from(per_day / u128::from(span.unsigned_abs())).ok()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::history::{Beginning, End, State};
    use crate::repository::Figures;

    const NOW: i64 = 1_800_000_000;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn backup(days_ago: i64, added: Option<u64>) -> Run {
        let started = at(NOW - days_ago * DAY);
        Run {
            beginning: Beginning {
                id: Uuid::nil(),
                command: "backup".to_owned(),
                args: Vec::new(),
                started_by: None,
                dry_run: false,
                started,
            },
            state: State::Ended(End {
                at: started,
                exit_code: 0,
                verdict: String::new(),
                skipped: None,
                figures: Figures {
                    bytes_added: added,
                    ..Figures::default()
                },
            }),
        }
    }

    #[test]
    fn growth_is_what_was_added_since_the_first_backup() {
        let growth = |runs: &[Run]| growth(runs, at(NOW));
        assert_eq!(growth(&[]), None);
        assert_eq!(growth(&[backup(0, Some(500))]), None, "not a day yet");
        assert_eq!(growth(&[backup(10, Some(500))]), Some(0));
        let mut runs = vec![
            backup(10, Some(1_000_000)),
            backup(5, Some(300)),
            backup(4, None),
            backup(0, Some(700)),
        ];
        assert_eq!(growth(&runs), Some(100));
        runs.push(backup(-3, Some(9_000_000)));
        runs[1].beginning.dry_run = true;
        assert_eq!(growth(&runs), Some(70), "neither dry runs nor the future");
        runs[3].beginning.command = "forget".to_owned();
        assert_eq!(growth(&runs), Some(0));
        let set_back = [
            backup(1, Some(300)),
            backup(10, Some(500)),
            backup(2, Some(u64::MAX)),
        ];
        assert_eq!(growth(&set_back[..2]), Some(30));
        assert_eq!(growth(&set_back), Some((u64::MAX / 10) + 30), "no overflow");
    }

    #[test]
    fn a_quota_is_low_from_80_percent_on() {
        let usage = |used, per_day| Usage {
            used,
            quota: 1000 << 20,
            per_day,
        };
        for (used, percent, low, full) in [
            (0, 0, false, false),
            ((800 << 20) - 1, 79, false, false),
            (800 << 20, 80, true, false),
            (1000 << 20, 100, true, true),
            (2000 << 20, 200, true, true),
        ] {
            let usage = usage(used, None);
            assert_eq!(
                (usage.percent(), usage.is_low(), usage.is_full()),
                (percent, low, full)
            );
        }
        assert_eq!(usage(900 << 20, Some(50 << 20)).days_left(), Some(2));
        assert_eq!(usage(1100 << 20, Some(50 << 20)).days_left(), Some(0));
        assert_eq!(usage(0, Some(0)).days_left(), None);
        assert_eq!(
            usage(850 << 20, Some(100 << 20)).to_string(),
            "85 % of the quota is used (850.0 MiB of 1000.0 MiB); it grows by 100.0 MiB a day: full in 1 day"
        );
        let slow = usage(850 << 20, Some(1000)).to_string();
        assert!(
            slow.ends_with("; it grows by 1000 B a day: full in more than 10 years"),
            "{slow}"
        );
        assert_eq!(
            usage(0, Some(0)).to_string(),
            "0 % of the quota is used (0 B of 1000.0 MiB); it does not grow"
        );
        assert!(usage(0, None).to_string().ends_with("not known yet"));
    }
}
