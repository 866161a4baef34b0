//! Against a second calculation: a walk over all minutes of real time, or all days, that looks each one up.
//!
//! It shares neither the reading of fields nor any reckoning with the code under test, only jiff's local time of a
//! given moment.

use std::collections::HashMap;

use jiff::civil::{DateTime, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;

use super::{timetable, zone};

#[derive(Debug, Clone)]
enum Item {
    Any(i64),
    From(i64, i64),
    Range(i64, i64, i64),
}

#[derive(Debug, Clone)]
struct Field {
    items: Vec<Item>,
    min: i64,
}

impl Field {
    fn fits(&self, n: i64) -> bool {
        self.items.iter().any(|item| match *item {
            Item::Any(step) => (n - self.min) % step == 0,
            Item::From(a, step) => n >= a && (n - a) % step == 0,
            Item::Range(a, b, step) => a <= n && n <= b && (n - a) % step == 0,
        })
    }

    fn star(&self) -> bool {
        self.items.iter().any(|item| matches!(item, Item::Any(1)))
    }

    fn text(&self) -> String {
        let texts: Vec<String> = self
            .items
            .iter()
            .map(|item| match item {
                Item::Any(1) => "*".to_owned(),
                Item::Any(step) => format!("*/{step}"),
                Item::From(a, 1) => format!("{a}/1"),
                Item::From(a, step) => format!("{a}/{step}"),
                Item::Range(a, b, 1) if a == b => a.to_string(),
                Item::Range(a, b, 1) => format!("{a}-{b}"),
                Item::Range(a, b, step) => format!("{a}-{b}/{step}"),
            })
            .collect();
        texts.join(",")
    }
}

fn field(min: i64, max: i64, stars: u32) -> impl Strategy<Value = Field> {
    let number = min..=max;
    let item = prop_oneof![
        stars => Just(Item::Any(1)),
        1 => (1..=max).prop_map(Item::Any),
        1 => (number.clone(), 1..=max).prop_map(|(a, step)| Item::From(a, step)),
        4 => number.clone().prop_map(|a| Item::Range(a, a, 1)),
        1 => (number.clone(), number, 1..=4_i64)
            .prop_map(|(a, b, step)| Item::Range(a.min(b), a.max(b), step)),
    ];
    prop::collection::vec(item, 1..=3).prop_map(move |items| Field { items, min })
}

/// Seconds, minutes, hours, days, months, weekdays.
#[derive(Debug, Clone)]
struct Model([Field; 6]);

impl Model {
    fn text(&self) -> String {
        self.0.each_ref().map(Field::text).join(" ")
    }

    fn fits_day(&self, local: DateTime) -> bool {
        // Zeller's rule, 0 for Sunday.
        let (mut year, mut month) = (i64::from(local.year()), i64::from(local.month()));
        if month < 3 {
            (year, month) = (year - 1, month + 12);
        }
        let days = i64::from(local.day()) + 13 * (month + 1) / 5 + year + year / 4 - year / 100
            + year / 400;
        let [_, _, _, of_month, months, of_week] = &self.0;
        let (day, weekday) = (
            of_month.fits(local.day().into()),
            of_week.fits((days + 6) % 7),
        );
        months.fits(local.month().into())
            && if of_month.star() || of_week.star() {
                day && weekday
            } else {
                day || weekday
            }
    }

    fn fits_minute(&self, local: DateTime) -> bool {
        self.0[1].fits(local.minute().into())
            && self.0[2].fits(local.hour().into())
            && self.fits_day(local)
    }

    fn seconds(&self) -> impl Iterator<Item = i64> {
        (0..60).filter(|second| self.0[0].fits(*second))
    }

    fn every_hour(&self) -> bool {
        (0..24).all(|hour| self.0[2].fits(hour))
    }
}

fn seconds(n: i64) -> SignedDuration {
    SignedDuration::from_secs(n)
}

/// The runs from a full minute on, for some hours, by a look at each minute.
fn walk(model: &Model, zone: &TimeZone, start: Timestamp, hours: i64) -> Vec<Timestamp> {
    // From before any change of the clock that could matter for the first run.
    let minutes: Vec<(Timestamp, DateTime)> = (-26 * 60..hours * 60)
        .map(|minute| start + seconds(60 * minute))
        .map(|time| (time, zone.to_datetime(time)))
        .collect();
    let mut found = Vec::new();
    if model.every_hour() {
        for (time, local) in &minutes {
            if model.fits_minute(*local) {
                found.extend(model.seconds().map(|second| *time + seconds(second)));
            }
        }
    } else {
        let mut first: HashMap<DateTime, Timestamp> = HashMap::new();
        for (time, local) in &minutes {
            first.entry(*local).or_insert(*time);
        }
        let mut local = minutes[0].1;
        while local <= minutes[minutes.len() - 1].1 {
            if model.fits_minute(local) {
                match first.get(&local) {
                    Some(time) => {
                        found.extend(model.seconds().map(|second| *time + seconds(second)));
                    }
                    None => found.extend(
                        minutes
                            .iter()
                            .find(|(_, later)| *later > local)
                            .map(|(time, _)| *time),
                    ),
                }
            }
            local += 1.minute();
        }
    }
    found.retain(|time| *time > start);
    found.sort();
    found.dedup();
    found
}

/// The days around the changes of the clock, and others.
fn begin() -> impl Strategy<Value = (&'static str, DateTime)> {
    let change = prop_oneof![
        Just(("Europe/Rome", date(2027, 3, 27))),
        Just(("Europe/Rome", date(2026, 10, 24))),
        Just(("America/New_York", date(2027, 3, 13))),
        Just(("America/New_York", date(2026, 10, 31))),
        Just(("Australia/Lord_Howe", date(2026, 10, 3))),
        Just(("Australia/Lord_Howe", date(2027, 4, 3))),
        Just(("America/Santiago", date(2026, 9, 5))),
        Just(("America/Santiago", date(2027, 4, 3))),
        Just(("Pacific/Apia", date(2011, 12, 29))),
        Just(("Europe/Rome", date(2028, 2, 28))),
        Just(("UTC", date(2026, 12, 31))),
    ];
    (change, 0..48 * 60_i64)
        .prop_map(|((zone, date), minute)| (zone, date.at(0, 0, 0, 0) + minute.minutes()))
}

fn times() -> impl Strategy<Value = Model> {
    (
        prop::collection::vec(field(0, 59, 1), 1..=1),
        prop::collection::vec(field(0, 59, 3), 1..=1),
        field(0, 23, 6),
        field(1, 31, 30),
        field(1, 12, 30),
        field(0, 6, 30),
    )
        .prop_map(|(mut second, mut minute, hour, day, month, weekday)| {
            Model([
                second.remove(0),
                minute.remove(0),
                hour,
                day,
                month,
                weekday,
            ])
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_runs_of_three_days_are_those_of_a_walk_over_their_minutes((zone_name, local) in begin(), model in times()) {
        let Ok(schedule) = crate::schedule::Schedule::parse(&model.text()) else {
            // Only a day that no month has is refused: the walk finds none either.
            prop_assert!(!(0..1_461).any(|day| model.fits_day(date(2024, 1, 1).at(0, 0, 0, 0) + day.days())));
            return Ok(());
        };
        let zone = zone(zone_name);
        let start = zone.to_timestamp(local).unwrap();
        let timetable = crate::schedule::Timetable::new(schedule, zone.clone(), start);
        let walked = walk(&model, &zone, start, 72);
        let mut time = start;
        for (expected, place) in walked.iter().zip(0..500) {
            let next = timetable.next_after(time).unwrap();
            prop_assert_eq!(next, *expected, "run {} of {}", place, model.text());
            time = next;
        }
        if walked.len() < 500 {
            prop_assert!(timetable.next_after(time).is_none_or(|next| next >= start + seconds(72 * 3_600)));
        }
        let until = start + seconds(71 * 3_600);
        let latest = walked.iter().rev().find(|time| **time <= until).copied();
        prop_assert_eq!(timetable.latest_between(start, until), latest);
    }

    #[test]
    fn the_days_of_nine_years_are_those_of_a_walk_over_them(
        year in 1970..2110_i16,
        day in field(1, 31, 3),
        month in field(1, 12, 3),
        weekday in field(0, 6, 3),
    ) {
        let zero = Field { items: vec![Item::Range(0, 0, 1)], min: 0 };
        let model = Model([zero.clone(), zero.clone(), zero, day, month, weekday]);
        let start = date(year, 2, 27).at(0, 0, 0, 0);
        let walked: Vec<DateTime> = (1..9 * 366)
            .map(|day| start + day.days())
            .filter(|local| model.fits_day(*local))
            .take(60)
            .collect();
        if crate::schedule::Schedule::parse(&model.text()).is_err() {
            prop_assert_eq!(walked, vec![]);
            return Ok(());
        }
        let timetable = timetable(&model.text(), "UTC");
        let mut time = TimeZone::UTC.to_timestamp(start).unwrap();
        prop_assert!(!walked.is_empty());
        for expected in walked {
            time = timetable.next_after(time).unwrap();
            prop_assert_eq!(TimeZone::UTC.to_datetime(time), expected, "{}", model.text());
        }
    }
}
