//! One field of a cron expression: lists, ranges, steps and names, as robfig/cron v3 documents them.
//!
//! A `*` or `?` is remembered beside the values, because it decides how the two day fields go together.

use crate::schedule::shown;

/// Numbers from 0 to 63.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::schedule) struct Set(u64);

impl Set {
    /// Whether the number is one of them.
    pub(in crate::schedule) fn has(self, number: i8) -> bool {
        self.from(number) == Some(number)
    }

    /// The smallest one that is not below `number`.
    pub(in crate::schedule) fn from(self, number: i8) -> Option<i8> {
        let number = u32::try_from(number).ok()?;
        let above = self.0.checked_shr(number)?;
        (above != 0)
            .then(|| number + above.trailing_zeros())
            .and_then(|number| i8::try_from(number).ok())
    }

    /// How many there are.
    pub(in crate::schedule) fn len(self) -> u32 {
        self.0.count_ones()
    }
}

/// What a field says.
pub(super) struct Values {
    pub(super) set: Set,
    /// Whether it says "any", by a `*` or `?` without a step.
    pub(super) star: bool,
}

/// A kind of field.
pub(super) struct Field {
    name: &'static str,
    min: u8,
    max: u8,
    /// Of the numbers from `min` on.
    names: &'static [&'static str],
}

pub(super) const SECONDS: Field = Field::new("seconds", 0, 59, &[]);
pub(super) const MINUTES: Field = Field::new("minutes", 0, 59, &[]);
pub(super) const HOURS: Field = Field::new("hours", 0, 23, &[]);
pub(super) const DAYS: Field = Field::new("days of the month", 1, 31, &[]);
pub(super) const MONTHS: Field = Field::new(
    "months",
    1,
    12,
    &[
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ],
);
pub(super) const WEEKDAYS: Field = Field::new(
    "weekdays",
    0,
    6,
    &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
);

impl Field {
    const fn new(name: &'static str, min: u8, max: u8, names: &'static [&'static str]) -> Self {
        Self {
            name,
            min,
            max,
            names,
        }
    }

    /// Reads a comma-separated list of numbers, names and ranges.
    pub(super) fn parse(&self, text: &str) -> Result<Values, String> {
        let mut bits = 0;
        let mut star = false;
        for item in text.split(',') {
            let (range, step) = match item.split_once('/') {
                Some((range, step)) => (range, Some(self.step(step)?)),
                None => (item, None),
            };
            let any = matches!(range, "*" | "?");
            // As in robfig/cron: `*/2` restricts, `*/1` does not.
            star |= any && step.is_none_or(|step| step == 1);
            let (first, last) = if any {
                (self.min, self.max)
            } else {
                self.range(range, step.is_some())?
            };
            for number in (first..=last).step_by(step.unwrap_or(1)) {
                bits |= 1 << number;
            }
        }
        Ok(Values {
            set: Set(bits),
            star,
        })
    }

    /// `3`, `3-5`, or with a step `3`, which then means from 3 to the end.
    fn range(&self, text: &str, open: bool) -> Result<(u8, u8), String> {
        let Some((first, last)) = text.split_once('-') else {
            let number = self.number(text)?;
            return Ok((number, if open { self.max } else { number }));
        };
        let (first, last) = (self.number(first)?, self.number(last)?);
        if first > last {
            return Err(format!(
                "has {} among the {}, which ends before it begins: write it as a list of two ranges",
                shown(text),
                self.name
            ));
        }
        Ok((first, last))
    }

    fn number(&self, text: &str) -> Result<u8, String> {
        let name = text.to_ascii_lowercase();
        if let Some(number) = (self.min..)
            .zip(self.names)
            .find_map(|(number, known)| (*known == name).then_some(number))
        {
            return Ok(number);
        }
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if digits && (self.min..=self.max).contains(&number) => Ok(number),
            Ok(7) if digits && self.max == 6 => {
                Err("has the weekday 7: write 0 or SUN for Sunday".to_owned())
            }
            _ => Err(self.refuse(text)),
        }
    }

    fn step(&self, text: &str) -> Result<usize, String> {
        text.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| text.parse().ok())
            .flatten()
            .filter(|step| *step > 0)
            .ok_or_else(|| {
                format!(
                    "has the step {:?} among the {}: write a number from 1 on after the slash, such as */15",
                    shown(text),
                    self.name
                )
            })
    }

    fn refuse(&self, text: &str) -> String {
        let names = match (self.names.first(), self.names.last()) {
            (Some(first), Some(last)) => {
                format!(", or {} to {}", first.to_uppercase(), last.to_uppercase())
            }
            _ => String::new(),
        };
        format!(
            "has {:?} among the {}: they go from {} to {}{names}, with * - , and / between them",
            shown(text),
            self.name,
            self.min,
            self.max
        )
    }
}
