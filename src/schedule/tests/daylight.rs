//! The days on which the clock changes, in three zones, each with its list of runs.

use super::runs;

const ROME: &str = "Europe/Rome";
const NEW_YORK: &str = "America/New_York";
/// Half an hour of daylight saving, at 02:00 in both directions.
const LORD_HOWE: &str = "Australia/Lord_Howe";

#[test]
fn a_daily_run_in_the_hour_that_is_skipped_comes_right_after_it() {
    assert_eq!(
        runs("0 30 2 * * *", ROME, "2027-03-27T00:00", "2027-03-30T00:00"),
        [
            "03-27 02:30:00+01:00",
            "03-28 03:00:00+02:00",
            "03-29 02:30:00+02:00"
        ]
    );
    assert_eq!(
        runs(
            "0 30 2 * * *",
            NEW_YORK,
            "2027-03-13T00:00",
            "2027-03-16T00:00"
        ),
        [
            "03-13 02:30:00-05:00",
            "03-14 03:00:00-04:00",
            "03-15 02:30:00-04:00"
        ]
    );
    assert_eq!(
        runs(
            "0 15 2 * * *",
            LORD_HOWE,
            "2026-10-03T00:00",
            "2026-10-06T00:00"
        ),
        [
            "10-03 02:15:00+10:30",
            "10-04 02:30:00+11:00",
            "10-05 02:15:00+11:00"
        ]
    );
}

#[test]
fn a_daily_run_in_the_hour_that_comes_twice_comes_in_the_first_one() {
    assert_eq!(
        runs("0 30 2 * * *", ROME, "2026-10-24T00:00", "2026-10-27T00:00"),
        [
            "10-24 02:30:00+02:00",
            "10-25 02:30:00+02:00",
            "10-26 02:30:00+01:00"
        ]
    );
    assert_eq!(
        runs(
            "0 30 1 * * *",
            NEW_YORK,
            "2026-10-31T00:00",
            "2026-11-03T00:00"
        ),
        [
            "10-31 01:30:00-04:00",
            "11-01 01:30:00-04:00",
            "11-02 01:30:00-05:00"
        ]
    );
    assert_eq!(
        runs(
            "0 45 1 * * *",
            LORD_HOWE,
            "2027-04-03T00:00",
            "2027-04-06T00:00"
        ),
        [
            "04-03 01:45:00+11:00",
            "04-04 01:45:00+11:00",
            "04-05 01:45:00+10:30"
        ]
    );
}

#[test]
fn several_skipped_times_of_one_job_and_the_one_after_them_are_one_run() {
    assert_eq!(
        runs(
            "0 0,20,40 2,3 * * *",
            ROME,
            "2027-03-28T00:00",
            "2027-03-29T00:00"
        ),
        [
            "03-28 03:00:00+02:00",
            "03-28 03:20:00+02:00",
            "03-28 03:40:00+02:00"
        ]
    );
    assert_eq!(
        runs(
            "0 59 1,2 * * *",
            ROME,
            "2027-03-28T00:00",
            "2027-03-29T00:00"
        ),
        ["03-28 01:59:00+01:00", "03-28 03:00:00+02:00"]
    );
}

#[test]
fn an_hourly_run_comes_in_each_real_hour() {
    assert_eq!(
        runs("@hourly", ROME, "2027-03-28T00:30", "2027-03-28T04:30"),
        [
            "03-28 01:00:00+01:00",
            "03-28 03:00:00+02:00",
            "03-28 04:00:00+02:00"
        ]
    );
    assert_eq!(
        runs("0 15 * * * *", ROME, "2026-10-25T01:00", "2026-10-25T03:30"),
        [
            "10-25 01:15:00+02:00",
            "10-25 02:15:00+02:00",
            "10-25 02:15:00+01:00",
            "10-25 03:15:00+01:00"
        ]
    );
    assert_eq!(
        runs(
            "0 0 0-23 * * *",
            NEW_YORK,
            "2026-11-01T00:00",
            "2026-11-01T02:00"
        ),
        [
            "11-01 01:00:00-04:00",
            "11-01 01:00:00-05:00",
            "11-01 02:00:00-05:00"
        ]
    );
}

#[test]
fn minutes_follow_the_clock_through_half_an_hour() {
    assert_eq!(
        runs(
            "0 */20 * * * *",
            LORD_HOWE,
            "2026-10-04T01:30",
            "2026-10-04T03:00"
        ),
        [
            "10-04 01:40:00+10:30",
            "10-04 02:40:00+11:00",
            "10-04 03:00:00+11:00"
        ]
    );
    assert_eq!(
        runs(
            "0 */20 * * * *",
            LORD_HOWE,
            "2027-04-04T01:10",
            "2027-04-04T02:00"
        ),
        [
            "04-04 01:20:00+11:00",
            "04-04 01:40:00+11:00",
            "04-04 01:40:00+10:30",
            "04-04 02:00:00+10:30"
        ]
    );
}

#[test]
fn every_second_hour_loses_none_of_its_runs() {
    assert_eq!(
        runs(
            "0 0 */2 * * *",
            ROME,
            "2027-03-28T00:30",
            "2027-03-28T05:00"
        ),
        ["03-28 03:00:00+02:00", "03-28 04:00:00+02:00"]
    );
    assert_eq!(
        runs(
            "0 0 */2 * * *",
            ROME,
            "2026-10-25T00:30",
            "2026-10-25T05:00"
        ),
        ["10-25 02:00:00+02:00", "10-25 04:00:00+01:00"]
    );
}

#[test]
fn a_fixed_distance_takes_no_notice_of_the_clock() {
    assert_eq!(
        runs("@every 24h", ROME, "2027-03-27T00:00", "2027-03-30T00:00"),
        [
            "03-27 01:00:00+01:00",
            "03-28 01:00:00+01:00",
            "03-29 02:00:00+02:00"
        ]
    );
    assert_eq!(
        runs("@every 1h", ROME, "2026-10-25T01:30", "2026-10-25T03:00"),
        [
            "10-25 02:00:00+02:00",
            "10-25 02:00:00+01:00",
            "10-25 03:00:00+01:00"
        ]
    );
}

#[test]
fn a_midnight_that_is_skipped_has_its_run_at_the_beginning_of_the_day() {
    // Chile changes at 24:00.
    assert_eq!(
        runs(
            "@daily",
            "America/Santiago",
            "2026-09-05T12:00",
            "2026-09-07T12:00"
        ),
        ["09-06 01:00:00-03:00", "09-07 00:00:00-03:00"]
    );
}

#[test]
fn a_day_that_does_not_exist_has_its_run_at_the_beginning_of_the_next() {
    // Samoa left 30 December 2011 out.
    assert_eq!(
        runs(
            "0 0 12 * * *",
            "Pacific/Apia",
            "2011-12-29T00:00",
            "2012-01-01T00:00"
        ),
        [
            "12-29 12:00:00-10:00",
            "12-31 00:00:00+14:00",
            "12-31 12:00:00+14:00"
        ]
    );
}

#[test]
fn the_zone_of_the_schedule_is_stronger_than_that_of_the_machine() {
    for prefix in ["TZ", "CRON_TZ"] {
        assert_eq!(
            runs(
                &format!("{prefix}=Europe/Rome 0 30 2 * * *"),
                "UTC",
                "2027-03-27T00:00",
                "2027-03-30T00:00"
            ),
            [
                "03-27 01:30:00+00:00",
                "03-28 01:00:00+00:00",
                "03-29 00:30:00+00:00"
            ]
        );
    }
}
