//! The duration after `@every`, in the syntax of Go's `time.ParseDuration`: `90m`, `1h30m`, `1.5h`.
//!
//! Ofelia's library drops what is below a second and takes less than a second as one; here both are refused.

use crate::schedule::shown;

/// Nanoseconds.
const SECOND: u64 = 1_000_000_000;

/// The longer name of two with the same beginning comes first.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", SECOND),
    ("m", 60 * SECOND),
    ("h", 3_600 * SECOND),
];

/// The seconds of what stands after `@every`.
pub(super) fn parse(text: &str) -> Result<i64, String> {
    let words = text.trim();
    if words.is_empty() {
        return Err("has @every without a duration: write one such as @every 24h".to_owned());
    }
    if let Some((hour, minute)) = time_of_day(words) {
        return Err(format!(
            "has a time of the day after @every, which Ofelia refuses and then never runs the job: for every day at \
             that time write 0 {minute} {hour} * * *"
        ));
    }
    let wrong = || {
        format!(
            "has {:?} after @every: write hours, minutes and seconds such as 24h, 1h30m or 90s",
            shown(words)
        )
    };
    // `@every24h` is no word of Ofelia's.
    if !text.starts_with(' ') {
        return Err(wrong());
    }
    let nanoseconds = nanoseconds(words.strip_prefix('+').unwrap_or(words)).ok_or_else(wrong)?;
    if nanoseconds == 0 || !nanoseconds.is_multiple_of(SECOND) {
        return Err(
            "has a duration after @every that is not made of whole seconds: write at least 1s"
                .to_owned(),
        );
    }
    i64::try_from(nanoseconds / SECOND).map_err(|_| wrong())
}

fn nanoseconds(mut text: &str) -> Option<u64> {
    let mut total = 0_u64;
    loop {
        let (whole, rest) = digits(text);
        let (fraction, rest) = rest.strip_prefix('.').map_or(("", rest), digits);
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let end = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        let (_, unit) = UNITS.iter().find(|(known, _)| *known == name)?;
        let whole = if whole.is_empty() {
            0
        } else {
            whole.parse().ok()?
        };
        total = total
            .checked_add(unit.checked_mul(whole)?)?
            .checked_add(part(fraction, *unit)?)?;
        // As in Go: not beyond 290 years.
        i64::try_from(total).ok()?;
        if rest.is_empty() {
            return Some(total);
        }
        text = rest;
    }
}

/// The digits after the point, of a unit.
fn part(fraction: &str, mut unit: u64) -> Option<u64> {
    let mut total = 0;
    for digit in fraction.chars() {
        if !unit.is_multiple_of(10) && digit != '0' {
            // Finer than a nanosecond.
            return None;
        }
        unit /= 10;
        total += unit * u64::from(digit.to_digit(10)?);
    }
    Some(total)
}

fn digits(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

/// The hour and minute of a word such as `03:00`.
fn time_of_day(text: &str) -> Option<(u8, u8)> {
    text.split_whitespace().find_map(|word| {
        let (hour, minute) = word.split_once(':')?;
        let hour = hour.parse().ok().filter(|hour| *hour < 24)?;
        let minute = minute.parse().ok().filter(|minute| *minute < 60)?;
        Some((hour, minute))
    })
}
