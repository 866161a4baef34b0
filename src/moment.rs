//! Times and lengths of time for people, in the time zone that they live by (`TZ`). Pure: the clock comes in.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ZonedDateTime};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The units, from the largest on.
const UNITS: [(i64, &str); 4] = [
    (DAY, "day"),
    (HOUR, "hour"),
    (MINUTE, "minute"),
    (1, "second"),
];

/// `2026-11-26 02:03`: sorts, and leaves no doubt.
#[must_use]
pub fn date_and_time(time: Timestamp, zone: &TimeZone) -> String {
    let local = ZonedDateTime::new(time, zone.clone());
    local.strftime("%Y-%m-%d %H:%M").to_string()
}

/// `Thu 26 Nov 02:03`, with the year where it is not this one.
#[must_use]
pub fn day_and_time(time: Timestamp, zone: &TimeZone, now: Timestamp) -> String {
    let (local, today) = (
        ZonedDateTime::new(time, zone.clone()),
        ZonedDateTime::new(now, zone.clone()),
    );
    let format = if local.year() == today.year() {
        "%a %-d %b %H:%M"
    } else {
        "%a %-d %b %Y %H:%M"
    };
    local.strftime(format).to_string()
}

/// `Thu 26 Nov 02:03 (2 days ago)`
#[must_use]
pub fn seen_from(now: Timestamp, time: Timestamp, zone: &TimeZone) -> String {
    let passed = now.duration_since(time);
    let distance = match passed.as_secs() {
        0 => "now".to_owned(),
        1.. => format!("{} ago", about(passed)),
        _ => format!("in {}", about(passed)),
    };
    format!("{} ({distance})", day_and_time(time, zone, now))
}

/// `2 days and 7 hours`: the two largest units, rounded down.
#[must_use]
pub fn span(length: SignedDuration) -> String {
    let seconds = length.as_secs().abs();
    let Some(at) = UNITS.iter().position(|(unit, _)| seconds >= *unit) else {
        return count(0, "second");
    };
    let (unit, name) = UNITS[at];
    let first = count(seconds / unit, name);
    match UNITS.get(at + 1) {
        Some((smaller, name)) if seconds % unit >= *smaller => {
            format!("{first} and {}", count(seconds % unit / smaller, name))
        }
        _ => first,
    }
}

/// `2 days`: the largest unit, rounded down.
#[must_use]
pub fn about(length: SignedDuration) -> String {
    let seconds = length.as_secs().abs();
    let (unit, name) = UNITS
        .into_iter()
        .find(|(unit, _)| seconds >= *unit)
        .unwrap_or((1, "second"));
    count(seconds / unit, name)
}

fn count(number: i64, unit: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_span_has_its_two_largest_units() {
        for (seconds, two, one) in [
            (0, "0 seconds", "0 seconds"),
            (1, "1 second", "1 second"),
            (59, "59 seconds", "59 seconds"),
            (60, "1 minute", "1 minute"),
            (3599, "59 minutes and 59 seconds", "59 minutes"),
            (HOUR + 59, "1 hour", "1 hour"),
            (2 * DAY + 7 * HOUR + 59, "2 days and 7 hours", "2 days"),
            (DAY + 59 * MINUTE, "1 day", "1 day"),
            (400 * DAY + HOUR, "400 days and 1 hour", "400 days"),
        ] {
            let length = SignedDuration::from_secs(seconds);
            assert_eq!((&*span(length), &*about(length)), (two, one));
        }
    }

    #[test]
    fn a_time_is_told_in_its_zone_and_from_now() {
        let rome = TimeZone::get("Europe/Rome").unwrap();
        let then = time("2026-11-26T01:03:59Z");
        assert_eq!(date_and_time(then, &rome), "2026-11-26 02:03");
        for (now, told) in [
            ("2026-11-28T08:03:59Z", "Thu 26 Nov 02:03 (2 days ago)"),
            ("2026-11-26T01:03:59Z", "Thu 26 Nov 02:03 (now)"),
            ("2026-11-25T20:00:00Z", "Thu 26 Nov 02:03 (in 5 hours)"),
            (
                "2027-01-01T00:00:00Z",
                "Thu 26 Nov 2026 02:03 (35 days ago)",
            ),
        ] {
            assert_eq!(seen_from(time(now), then, &rome), told);
        }
    }
}
