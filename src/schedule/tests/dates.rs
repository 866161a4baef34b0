//! Month ends, leap days, weekdays, steps and ranges, each with its list of runs.

use super::{runs, timetable, utc};

fn in_utc(schedule: &str, after: &str, until: &str) -> Vec<String> {
    runs(schedule, "UTC", after, until)
        .into_iter()
        .map(|run| run.replace("+00:00", ""))
        .collect()
}

#[test]
fn the_last_days_of_months_come_where_they_exist() {
    assert_eq!(
        in_utc("0 0 4 31 * *", "2026-01-01T00:00", "2027-01-01T00:00"),
        [
            "01-31 04:00:00",
            "03-31 04:00:00",
            "05-31 04:00:00",
            "07-31 04:00:00",
            "08-31 04:00:00",
            "10-31 04:00:00",
            "12-31 04:00:00"
        ]
    );
    assert_eq!(
        in_utc("@monthly", "2026-11-15T00:00", "2027-02-01T00:00"),
        ["12-01 00:00:00", "01-01 00:00:00", "02-01 00:00:00"]
    );
    assert_eq!(
        in_utc("59 59 23 30 * *", "2027-01-30T23:59:59", "2027-04-01T00:00"),
        ["03-30 23:59:59"]
    );
}

#[test]
fn a_leap_day_comes_after_four_years_or_eight() {
    let timetable = timetable("0 0 0 29 2 *", "Europe/Rome");
    let mut time = utc("2095-06-01T00:00:00Z");
    let mut days = Vec::new();
    for _ in 0..3 {
        time = timetable.next_after(time).unwrap();
        days.push(time.to_string());
    }
    assert_eq!(
        days,
        [
            "2096-02-28T23:00:00Z",
            "2104-02-28T23:00:00Z",
            "2108-02-28T23:00:00Z"
        ]
    );
}

#[test]
fn nothing_comes_after_the_end_of_the_calendar() {
    for schedule in ["@yearly", "@hourly", "* * * * * *", "@every 1h"] {
        let timetable = timetable(schedule, "UTC");
        assert_eq!(timetable.next_after(jiff::Timestamp::MAX), None);
    }
}

#[test]
fn one_of_two_restricted_day_fields_is_enough() {
    // November 2026 begins on a Sunday.
    assert_eq!(
        in_utc("0 0 3 13 * FRI", "2026-11-01T00:00", "2026-11-30T00:00"),
        [
            "11-06 03:00:00",
            "11-13 03:00:00",
            "11-20 03:00:00",
            "11-27 03:00:00"
        ]
    );
    assert_eq!(
        in_utc(
            "0 0 3 10 nov MON-TUE",
            "2026-11-01T00:00",
            "2026-11-12T00:00"
        ),
        [
            "11-02 03:00:00",
            "11-03 03:00:00",
            "11-09 03:00:00",
            "11-10 03:00:00"
        ]
    );
}

#[test]
fn with_a_star_in_one_day_field_the_other_decides() {
    let fridays = ["11-06 03:00:00", "11-13 03:00:00"];
    for days in ["*", "?", "*/1", "*,7"] {
        assert_eq!(
            in_utc(
                &format!("0 0 3 {days} * FRI"),
                "2026-11-01T00:00",
                "2026-11-14T00:00"
            ),
            fridays,
            "{days}"
        );
    }
    for weekdays in ["*", "?", "?/1"] {
        assert_eq!(
            in_utc(
                &format!("0 0 3 6,13 * {weekdays}"),
                "2026-11-01T00:00",
                "2026-11-30T00:00"
            ),
            fridays,
            "{weekdays}"
        );
    }
}

#[test]
fn a_step_restricts_a_day_field() {
    // robfig/cron v3: `*/15` is no star, so Mondays come too.
    assert_eq!(
        in_utc("0 0 3 */15 * MON", "2026-11-01T12:00", "2026-11-17T00:00"),
        ["11-02 03:00:00", "11-09 03:00:00", "11-16 03:00:00"]
    );
    assert_eq!(
        in_utc("0 0 3 */10 * *", "2026-11-01T12:00", "2026-12-02T00:00"),
        ["11-11 03:00:00", "11-21 03:00:00", "12-01 03:00:00"]
    );
}

#[test]
fn steps_begin_where_their_range_begins() {
    assert_eq!(
        in_utc(
            "0 5/20 9-11/2 * * *",
            "2026-11-02T00:00",
            "2026-11-03T00:00"
        ),
        [
            "11-02 09:05:00",
            "11-02 09:25:00",
            "11-02 09:45:00",
            "11-02 11:05:00",
            "11-02 11:25:00",
            "11-02 11:45:00"
        ]
    );
    assert_eq!(
        in_utc(
            "10-50/20 0 0 2 NOV ?",
            "2026-01-01T00:00",
            "2026-12-01T00:00"
        ),
        ["11-02 00:00:10", "11-02 00:00:30", "11-02 00:00:50"]
    );
    assert_eq!(
        in_utc(
            "0 0 12 * * Sun,3,FRI-SAT",
            "2026-11-01T00:00",
            "2026-11-09T00:00"
        ),
        [
            "11-01 12:00:00",
            "11-04 12:00:00",
            "11-06 12:00:00",
            "11-07 12:00:00",
            "11-08 12:00:00"
        ]
    );
}

#[test]
fn the_names_stand_for_their_fields() {
    for (name, after, next) in [
        ("@yearly", "2026-11-24T10:00:00Z", "2027-01-01T00:00:00Z"),
        ("@annually", "2026-11-24T10:00:00Z", "2027-01-01T00:00:00Z"),
        ("@monthly", "2026-11-24T10:00:00Z", "2026-12-01T00:00:00Z"),
        ("@weekly", "2026-11-24T10:00:00Z", "2026-11-29T00:00:00Z"),
        ("@daily", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z"),
        ("@midnight", "2026-11-24T23:59:59Z", "2026-11-25T00:00:00Z"),
        ("@hourly", "2026-11-24T23:00:00.5Z", "2026-11-25T00:00:00Z"),
    ] {
        assert_eq!(
            timetable(name, "UTC").next_after(utc(after)),
            Some(utc(next)),
            "{name}"
        );
    }
}

#[test]
fn a_distance_counts_from_its_anchor_and_not_from_the_start() {
    let timetable = timetable("@every 1h30m", "UTC");
    for (after, next) in [
        ("2026-01-01T00:00:00Z", "2026-01-01T01:30:00Z"),
        ("2026-01-01T01:29:59.9Z", "2026-01-01T01:30:00Z"),
        ("2026-01-01T01:30:00Z", "2026-01-01T03:00:00Z"),
        ("2026-11-24T10:00:00Z", "2026-11-24T10:30:00Z"),
        // A clock that was wrong when the job was first seen does not hold it up.
        ("2025-12-31T20:00:00Z", "2025-12-31T21:00:00Z"),
    ] {
        assert_eq!(timetable.next_after(utc(after)), Some(utc(next)), "{after}");
    }
}

#[test]
fn a_part_of_a_second_puts_no_run_off() {
    let timetable = timetable("*/10 * * * * *", "UTC");
    for (after, next) in [
        ("2026-11-24T10:00:09.999999999Z", "2026-11-24T10:00:10Z"),
        ("2026-11-24T10:00:10Z", "2026-11-24T10:00:20Z"),
        ("2026-11-24T10:00:10.000000001Z", "2026-11-24T10:00:20Z"),
        ("1969-12-31T23:59:49.5Z", "1969-12-31T23:59:50Z"),
    ] {
        assert_eq!(timetable.next_after(utc(after)), Some(utc(next)), "{after}");
    }
}
