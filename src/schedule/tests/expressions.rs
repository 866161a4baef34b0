//! What a schedule is refused for, with the whole sentence.

use crate::schedule::Schedule;

#[track_caller]
fn refused(text: &str) -> String {
    Schedule::parse(text).expect_err(text)
}

#[test]
fn five_fields_are_refused_because_ofelia_misreads_them() {
    assert_eq!(
        refused("0 2 * * *"),
        "has five fields, and Ofelia reads the first of five as the seconds: put the seconds in front, 0 0 2 * * *"
    );
    assert_eq!(
        refused("0 2 *"),
        "has 3 fields: write six fields: seconds, minutes, hours, day of the month, month, weekday, such as 0 0 2 * * *"
    );
    assert_eq!(
        refused(" "),
        "is empty: write six fields such as 0 0 2 * * * for every day at 02:00:00"
    );
}

#[test]
fn a_time_of_the_day_after_every_is_refused_with_the_schedule_that_was_meant() {
    assert_eq!(
        refused("@every 1d 03:00"),
        "has a time of the day after @every, which Ofelia refuses and then never runs the job: for every day at that \
         time write 0 0 3 * * *"
    );
    assert!(refused("@every 24h 17:45").ends_with("write 0 45 17 * * *"));
}

#[test]
fn durations_are_those_of_go() {
    for (text, seconds) in [
        ("24h", 86_400),
        ("1h30m10s", 5_410),
        ("1.5h", 5_400),
        (".5m", 30),
        ("90s", 90),
        ("+2m", 120),
        ("1000ms", 1),
        ("60000000\u{b5}s", 60),
    ] {
        let from = "2026-01-01T00:00:00Z".parse().unwrap();
        let next = super::timetable(&format!("@every {text}"), "UTC")
            .next_after(from)
            .unwrap();
        assert_eq!(next.duration_since(from).as_secs(), seconds, "{text}");
    }
    for text in [
        "1d",
        "24",
        "h",
        "-1h",
        "1x",
        "1h30",
        "1 h",
        "1e3s",
        "9999999h",
        "99999999999999999999h",
        ".",
        "..5s",
        "24h junk",
    ] {
        assert!(
            refused(&format!("@every {text}"))
                .ends_with("write hours, minutes and seconds such as 24h, 1h30m or 90s"),
            "{text}"
        );
    }
    for text in ["0s", "500ms", "1.5s", "1h1ns"] {
        assert_eq!(
            refused(&format!("@every {text}")),
            "has a duration after @every that is not made of whole seconds: write at least 1s"
        );
    }
    assert_eq!(
        refused("@every"),
        "has @every without a duration: write one such as @every 24h"
    );
    assert_eq!(
        refused("@every1h"),
        "has \"1h\" after @every: write hours, minutes and seconds such as 24h, 1h30m or 90s"
    );
}

#[test]
fn a_number_outside_of_its_field_is_refused_with_the_bounds() {
    for (text, message) in [
        (
            "60 0 2 * * *",
            "has \"60\" among the seconds: they go from 0 to 59, with * - , and / between them",
        ),
        (
            "0 0 24 * * *",
            "has \"24\" among the hours: they go from 0 to 23, with * - , and / between them",
        ),
        (
            "0 0 2 0 * *",
            "has \"0\" among the days of the month: they go from 1 to 31, with * - , and / between them",
        ),
        (
            "0 0 2 * january *",
            "has \"january\" among the months: they go from 1 to 12, or JAN to DEC, with * - , and / between them",
        ),
        (
            "0 0 2 * * 7",
            "has the weekday 7: write 0 or SUN for Sunday",
        ),
        (
            "0 0 2 * * FRI-MON",
            "has FRI-MON among the weekdays, which ends before it begins: write it as a list of two ranges",
        ),
        (
            "0 */0 2 * * *",
            "has the step \"0\" among the minutes: write a number from 1 on after the slash, such as */15",
        ),
        (
            "0 */x 2 * * *",
            "has the step \"x\" among the minutes: write a number from 1 on after the slash, such as */15",
        ),
    ] {
        assert_eq!(refused(text), message, "{text}");
    }
    for hours in [
        "", "1,", ",", "1-", "-1", "1-2-3", "*-3", "**", "+1", "1/2/3", "0x1", "L", "300",
        "\u{663}",
    ] {
        assert!(
            Schedule::parse(&format!("0 0 {hours} * * * ")).is_err(),
            "{hours}"
        );
    }
}

#[test]
fn a_day_that_never_comes_is_refused() {
    for text in [
        "0 0 0 30 2 *",
        "0 0 0 31 4,6,9,11 *",
        "0 0 0 30-31 FEB ?",
        "* * * 31 2 */1",
    ] {
        assert!(refused(text).starts_with("never comes: "), "{text}");
    }
    for text in [
        "0 0 0 30 2 MON",
        "0 0 0 29 2 *",
        "0 0 0 30,28 2 *",
        "0 0 0 31 2,3 *",
    ] {
        assert!(Schedule::parse(text).is_ok(), "{text}");
    }
}

#[test]
fn unknown_words_and_zones_are_refused() {
    let words = "use @hourly, @daily, @weekly, @monthly, @yearly or @every, in small letters and alone, or six fields \
                 such as 0 0 2 * * *";
    for word in ["@noon", "@Daily", "@daily 03:00", "@reboot", "@"] {
        assert_eq!(
            refused(word),
            format!("has the unknown word {word}: {words}")
        );
    }
    assert_eq!(
        refused("TZ=Europe/Roma 0 0 2 * * *"),
        "names a time zone that is not known, Europe/Roma: write one such as TZ=Europe/Rome"
    );
    assert!(refused("CRON_TZ= 0 0 2 * * *").starts_with("names a time zone that is not known"));
    assert!(refused("TZ=Europe/Rome").starts_with("is empty"));
}

#[test]
fn what_is_shown_of_a_mistake_is_short_and_on_one_line() {
    let message = refused(&format!("0 0 {}\u{1b}[2J * * *", "9".repeat(200)));
    assert!(
        message.len() < 200 && !message.contains(char::is_control),
        "{message}"
    );
    assert!(message.contains("9..."), "{message}");
}
