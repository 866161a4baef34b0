//! The words of a schedule: six fields with the seconds first, `@daily` and its kin, `@every`, and a `TZ=` in front.
//!
//! The syntax is that of robfig/cron v3 as Ofelia sets it up, in its package documentation ("CRON Expression Format").
//! Unlike there, a mistake is told together with what to write instead, and five fields are one: Ofelia takes the
//! first of them as the seconds. When the times come is not told here but in `calendar` and `timetable`.

use std::fmt;

use jiff::tz::TimeZone;

use super::calendar::Fields;
use super::shown;

mod every;
mod field;

pub(super) use field::Set;

/// A schedule that comes at least once, as the file words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    zone: Option<TimeZone>,
    times: Times,
}

/// What a schedule says about time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Times {
    /// Times of the calendar.
    Calendar(Fields),
    /// Whole seconds from one run to the next, counted from an anchor.
    Every(i64),
}

/// The names for schedules, and what they stand for.
const DESCRIPTORS: [(&str, &str); 7] = [
    ("@yearly", "0 0 0 1 1 *"),
    ("@annually", "0 0 0 1 1 *"),
    ("@monthly", "0 0 0 1 * *"),
    ("@weekly", "0 0 0 * * 0"),
    ("@daily", "0 0 0 * * *"),
    ("@midnight", "0 0 0 * * *"),
    ("@hourly", "0 0 * * * *"),
];

impl Schedule {
    /// Reads a schedule; an error is a sentence that fits after the key's name, with what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (zone, words) = zone_prefix(text)?;
        let times = if words.starts_with('@') {
            descriptor(words)?
        } else {
            Times::Calendar(fields(words)?)
        };
        Ok(Self {
            text: text.to_owned(),
            zone,
            times,
        })
    }

    /// The zone that `TZ=` or `CRON_TZ=` in front of the fields names.
    #[must_use]
    pub fn zone(&self) -> Option<&TimeZone> {
        self.zone.as_ref()
    }

    /// Whether it counts from a beginning (`@every`), so that the words alone do not tell when its times are.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        matches!(self.times, Times::Every(_))
    }

    pub(super) fn times(&self) -> &Times {
        &self.times
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Takes `TZ=Europe/Rome` or `CRON_TZ=Europe/Rome` off the front.
fn zone_prefix(text: &str) -> Result<(Option<TimeZone>, &str), String> {
    let Some(rest) = text
        .strip_prefix("CRON_TZ=")
        .or_else(|| text.strip_prefix("TZ="))
    else {
        return Ok((None, text));
    };
    let (name, words) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    match TimeZone::get(name) {
        Ok(zone) => Ok((Some(zone), words.trim_start())),
        Err(_) => Err(format!(
            "names a time zone that is not known, {}: write one such as TZ=Europe/Rome",
            shown(name)
        )),
    }
}

fn descriptor(words: &str) -> Result<Times, String> {
    if let Some(duration) = words.strip_prefix("@every") {
        return every::parse(duration).map(Times::Every);
    }
    if let Some((_, expression)) = DESCRIPTORS.iter().find(|(name, _)| *name == words) {
        return fields(expression).map(Times::Calendar);
    }
    Err(format!(
        "has the unknown word {}: use @hourly, @daily, @weekly, @monthly, @yearly or @every, in small letters and \
         alone, or six fields such as 0 0 2 * * *",
        shown(words)
    ))
}

fn fields(words: &str) -> Result<Fields, String> {
    let words: Vec<&str> = words.split_whitespace().collect();
    let [seconds, minutes, hours, days, months, weekdays] = words[..] else {
        return Err(wrong_number(&words));
    };
    let days = field::DAYS.parse(days)?;
    let weekdays = field::WEEKDAYS.parse(weekdays)?;
    let fields = Fields {
        seconds: field::SECONDS.parse(seconds)?.set,
        minutes: field::MINUTES.parse(minutes)?.set,
        hours: field::HOURS.parse(hours)?.set,
        days: days.set,
        months: field::MONTHS.parse(months)?.set,
        weekdays: weekdays.set,
        either_day: !days.star && !weekdays.star,
    };
    if fields.never_comes() {
        return Err(
            "never comes: none of its months has such a day; write a day that exists, such as 28 for February"
                .to_owned(),
        );
    }
    Ok(fields)
}

fn wrong_number(words: &[&str]) -> String {
    let fields = "six fields: seconds, minutes, hours, day of the month, month, weekday";
    match words {
        [] => "is empty: write six fields such as 0 0 2 * * * for every day at 02:00:00".to_owned(),
        five if five.len() == 5 => format!(
            "has five fields, and Ofelia reads the first of five as the seconds: put the seconds in front, 0 {}",
            shown(&five.join(" "))
        ),
        other => format!(
            "has {} fields: write {fields}, such as 0 0 2 * * *",
            other.len()
        ),
    }
}
