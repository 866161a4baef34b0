//! What is told of a login: how long it lasts or why it does not, and what to type. Asks nobody; the time is given.
//!
//! The first line is read on a telephone, so it holds the days and the date. Days are rounded down, never up.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::identity::expiry::{Expiry, Source};
use crate::report::Report;
use crate::trouble::Trouble;

/// The exit code of a login that still works and ends soon.
const ENDS_SOON: u8 = 1;
/// Where it cannot be known whether the login works, or until when.
const UNKNOWN: u8 = 69;
const DAY: u64 = 24 * 60 * 60;
const HOUR: u64 = 60 * 60;

const ANY_TIME: &str = "To renew it at any time: docker compose run --rm cloud-backup reauth";
const BEFORE_THAT: &str = "Log in again before that: docker compose run --rm cloud-backup reauth";
/// For a login whose end is not known: this program notes the time of the new one.
const TO_KNOW: &str = "Log in again to be sure: docker compose run --rm cloud-backup reauth";

/// What was found out.
#[derive(Debug)]
pub(super) struct Finding {
    /// When it ends; `None` where nobody knows.
    pub expiry: Result<Option<Expiry>, Trouble>,
    /// How a real refresh ended, with the exchange for credentials of the storage.
    pub refresh: Result<(), Trouble>,
    /// From which clocks this machine's own differs by more than clocks may.
    pub clocks: Vec<Trouble>,
    /// `TOKEN_WARN_DAYS`
    pub warn_days: u16,
}

impl Finding {
    /// The exit code and what is told: the provider's refusal counts first, then the date.
    pub(super) fn judge(&self, now: Timestamp) -> (u8, Report) {
        let later = self.latest_clock();
        let now = later.map_or(now, |(behind, _)| now.checked_add(behind).unwrap_or(now));
        let (code, mut report) = self.judge_at(now);
        for clock in self.wrong_clocks() {
            let counted = match later {
                Some((_, latest)) if latest == clock => ", by which the days are counted",
                _ => "",
            };
            report.summary.push(format!("Note: {clock}{counted}"));
        }
        if let Some(clock) = self.wrong_clocks().next()
            && report.remedy.as_deref() != Some(clock.remedy())
        {
            report.summary.push(clock.remedy().to_owned());
        }
        (code, report)
    }

    fn judge_at(&self, now: Timestamp) -> (u8, Report) {
        let date = self.expiry.as_ref().ok().copied().flatten();
        match &self.refresh {
            Err(Trouble::LoginEnded { detail }) => ended(detail, date, now),
            Err(trouble) if !trouble.is_about_the_storage() => self.unproven(trouble, date, now),
            Ok(()) | Err(Trouble::Clock { .. }) => self.works(now),
            Err(trouble) => {
                let (code, mut report) = self.works(now);
                let note = format!("Note: the login works, but {trouble}");
                report.summary.push(note);
                (code, report)
            }
        }
    }

    /// The clocks that ours was compared with, each once; the renewal's own comparison is told where no other was made.
    fn wrong_clocks(&self) -> impl Iterator<Item = &Trouble> {
        let of_refresh = match &self.refresh {
            Err(clock @ Trouble::Clock { .. }) if self.clocks.is_empty() => Some(clock),
            _ => None,
        };
        self.clocks.iter().chain(of_refresh)
    }

    /// The one of them that ours is most behind, and by how much: by our own the alert would come too late.
    fn latest_clock(&self) -> Option<(SignedDuration, &Trouble)> {
        self.wrong_clocks()
            .filter_map(|clock| match clock {
                Trouble::Clock { ahead, .. } if *ahead < 0 => {
                    Some((-SignedDuration::from_secs(*ahead), clock))
                }
                _ => None,
            })
            .max_by_key(|(behind, _)| *behind)
    }

    /// The provider has given a token.
    fn works(&self, now: Timestamp) -> (u8, Report) {
        match &self.expiry {
            Ok(Some(expiry)) => match expiry.left(now) {
                Some(left) => self.by_date(expiry, left),
                None => self.outlives(expiry),
            },
            Ok(None) => unknown("it works, but nobody knows when it ends", TO_KNOW),
            Err(trouble) => {
                let (code, mut report) = failed(trouble);
                let works = "A refresh has worked; only when the login ends is not known.";
                report.summary.push(works.to_owned());
                (code, report)
            }
        }
    }

    /// It works after its end: a clock is wrong, or what was known of the end.
    fn outlives(&self, expiry: &Expiry) -> (u8, Report) {
        let why = format!(
            "it still works, but was to end on {expiry}: is the clock of this machine right?"
        );
        let clock = self.wrong_clocks().next();
        unknown(&why, clock.map_or(TO_KNOW, Trouble::remedy))
    }

    fn by_date(&self, expiry: &Expiry, left: Duration) -> (u8, Report) {
        let days = Left(left);
        if self.is_soon(left) {
            let verdict = format!("The login ends in {days}, on {expiry}");
            (ENDS_SOON, report(verdict, BEFORE_THAT))
        } else {
            let verdict = format!("The login is good for {days}, until {expiry}");
            (0, report(verdict, ANY_TIME))
        }
    }

    fn is_soon(&self, left: Duration) -> bool {
        left <= Duration::from_secs(u64::from(self.warn_days) * DAY)
    }

    /// The provider has given no token, and not because the login has ended; the date is told beside it.
    fn unproven(&self, trouble: &Trouble, date: Option<Expiry>, now: Timestamp) -> (u8, Report) {
        let (code, mut report) = failed(trouble);
        let Some(expiry) = date else {
            return (code, report);
        };
        match expiry.left(now) {
            None if expiry.source != Source::Estimate && code == UNKNOWN => {
                ended(&trouble.to_string(), date, now)
            }
            None => {
                report.summary.push(format!("It was to end on {expiry}"));
                (code, report)
            }
            Some(left) if self.is_soon(left) => {
                let days = Left(left);
                let soon = format!("By its date the login ends in {days}, on {expiry}");
                report.summary.extend([soon, BEFORE_THAT.to_owned()]);
                (code, report)
            }
            Some(_) => {
                let later = format!("By its date the login lasts until {expiry}");
                report.summary.push(later);
                (code, report)
            }
        }
    }
}

/// A service client has no login that ends: that it gets a token is all there is to prove.
pub(super) fn of_service(client: &str, token: &Result<(), Trouble>) -> (u8, Report) {
    let works = format!("The service client {client} gets tokens: there is no login that ends");
    match token {
        Ok(()) => (
            0,
            Report {
                verdict: works,
                ..Report::default()
            },
        ),
        Err(trouble) if trouble.is_about_the_storage() => (
            0,
            Report {
                verdict: works,
                summary: vec![format!("Note: the client gets tokens, but {trouble}")],
                ..Report::default()
            },
        ),
        Err(trouble) => {
            let (code, mut report) = failed(trouble);
            report.verdict = format!("Check of the service client failed: {trouble}");
            (code, report)
        }
    }
}

/// The login has ended, on its day or before it.
fn ended(detail: &str, date: Option<Expiry>, now: Timestamp) -> (u8, Report) {
    let trouble = Trouble::LoginEnded {
        detail: detail.to_owned(),
    };
    let (verdict, more) = match date {
        Some(expiry) if expiry.left(now).is_some() => (
            format!("The login has ended before its time: {detail}"),
            Some(format!("It was to last until {expiry}")),
        ),
        Some(expiry) if expiry.source != Source::Estimate => (
            format!("The login has ended, on {expiry}"),
            Some(detail.to_owned()),
        ),
        _ => (format!("The login has ended: {detail}"), None),
    };
    let mut report = report(verdict, trouble.remedy());
    report.summary.extend(more);
    (trouble.exit_code(), report)
}

fn unknown(why: &str, remedy: &str) -> (u8, Report) {
    let verdict = format!("Check of the login failed: {why}");
    (UNKNOWN, report(verdict, remedy))
}

fn failed(trouble: &Trouble) -> (u8, Report) {
    let code = match trouble.exit_code() {
        known @ (77 | 78) => known,
        _ => UNKNOWN,
    };
    let verdict = format!("Check of the login failed: {trouble}");
    (code, report(verdict, trouble.remedy()))
}

fn report(verdict: String, remedy: &str) -> Report {
    Report {
        verdict,
        remedy: Some(remedy.to_owned()),
        ..Report::default()
    }
}

/// A time for people, rounded down: whole days, and hours or minutes where there are few.
struct Left(Duration);

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (days, hours) = (seconds / DAY, seconds % DAY / HOUR);
        match (days, hours) {
            (0, 0) => f.write_str(&count(seconds / 60, "minute")),
            (0, hours) => f.write_str(&count(hours, "hour")),
            (1, hours @ 1..) => write!(f, "1 day and {}", count(hours, "hour")),
            (days, _) => f.write_str(&count(days, "day")),
        }
    }
}

fn count(number: u64, unit: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural}")
}

#[cfg(test)]
mod tests;
