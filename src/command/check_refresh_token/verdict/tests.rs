//! Each finding with its whole report and its exit code, to the second.

use super::*;

const NOW: i64 = 1_800_000_000;
const DAYS: i64 = 86_400;
const REAUTH: &str = "docker compose run --rm cloud-backup reauth";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn expiry(left: i64, source: Source) -> Expiry {
    Expiry {
        at: at(NOW + left),
        source,
    }
}

fn finding(refresh: Result<(), Trouble>, left: i64) -> Finding {
    Finding {
        expiry: Ok(Some(expiry(left, Source::Token))),
        refresh,
        clocks: Vec::new(),
        warn_days: 7,
    }
}

/// Exit code and body; the date is the same in each zone but for its name.
fn told(finding: &Finding) -> (u8, String) {
    let (code, report) = finding.judge(at(NOW));
    (code, report.body(10_000))
}

/// The code and the first line of a login that works.
fn first_line(left: i64, warn_days: u16) -> (u8, String) {
    let (code, body) = told(&Finding {
        warn_days,
        ..finding(Ok(()), left)
    });
    let line = body.lines().next().unwrap_or_default();
    (code, line.split(',').next().unwrap_or_default().to_owned())
}

fn unreachable() -> Trouble {
    Trouble::ProviderUnreachable {
        issuer: "https://iam.test/".to_owned(),
        detail: "no answer within 25s".to_owned(),
    }
}

fn ended_with(detail: &str) -> Trouble {
    Trouble::LoginEnded {
        detail: detail.to_owned(),
    }
}

#[test]
fn it_fails_from_exactly_seven_days_on() {
    let good = (0, "The login is good for 7 days".to_owned());
    assert_eq!(first_line(7 * DAYS + 1, 7), good);
    assert_eq!(
        first_line(7 * DAYS, 7),
        (1, "The login ends in 7 days".to_owned())
    );
    assert_eq!(
        first_line(7 * DAYS - 1, 7),
        (1, "The login ends in 6 days".to_owned())
    );
}

#[test]
fn it_fails_from_as_many_days_on_as_are_set() {
    for days in [1, 8, 365] {
        let left = i64::from(days) * DAYS;
        assert_eq!(first_line(left + 1, days).0, 0, "{days}");
        assert_eq!(first_line(left, days).0, 1, "{days}");
    }
    assert_eq!(first_line(1, 0).0, 0);
}

#[test]
fn what_is_left_is_rounded_down() {
    for (left, shown) in [
        (31 * DAYS - 1, "30 days"),
        (2 * DAYS, "2 days"),
        (2 * DAYS - 1, "1 day and 23 hours"),
        (DAYS + 7200, "1 day and 2 hours"),
        (DAYS + 3600, "1 day and 1 hour"),
        (DAYS + 3599, "1 day"),
        (DAYS, "1 day"),
        (DAYS - 1, "23 hours"),
        (3600, "1 hour"),
        (3599, "59 minutes"),
        (60, "1 minute"),
        (59, "0 minutes"),
    ] {
        let seconds = u64::try_from(left).unwrap();
        assert_eq!(Left(Duration::from_secs(seconds)).to_string(), shown);
    }
}

#[test]
fn a_login_that_works_is_told_with_its_date_and_the_command() {
    let date = expiry(31 * DAYS, Source::Token);
    assert_eq!(
        told(&finding(Ok(()), 31 * DAYS)),
        (
            0,
            format!(
                "The login is good for 31 days, until {date}\nTo renew it at any time: {REAUTH}\n"
            )
        )
    );
    let date = expiry(DAYS, Source::Token);
    assert_eq!(
        told(&finding(Ok(()), DAYS)),
        (
            1,
            format!("The login ends in 1 day, on {date}\nLog in again before that: {REAUTH}\n")
        )
    );
}

#[test]
fn a_login_that_has_ended_is_told_with_what_the_provider_says() {
    let date = expiry(-DAYS, Source::Token);
    let refused = "invalid_token: Expired refresh token: [redacted]";
    assert_eq!(
        told(&finding(Err(ended_with(refused)), -DAYS)),
        (
            77,
            format!("The login has ended, on {date}\nLog in again: {REAUTH}\n{refused}\n")
        )
    );
    let date = expiry(20 * DAYS, Source::Token);
    let revoked = "invalid_token: Invalid refresh token: token not found";
    assert_eq!(
        told(&finding(Err(ended_with(revoked)), 20 * DAYS)),
        (
            77,
            format!(
                "The login has ended before its time: {revoked}\nLog in again: {REAUTH}\nIt was to last until {date}\n"
            )
        )
    );
    let estimated = Finding {
        expiry: Ok(Some(expiry(-DAYS, Source::Estimate))),
        ..finding(Err(ended_with(revoked)), 0)
    };
    assert_eq!(
        told(&estimated),
        (
            77,
            format!("The login has ended: {revoked}\nLog in again: {REAUTH}\n")
        )
    );
}

#[test]
fn a_date_that_is_over_is_an_end_also_where_nobody_answers() {
    let (code, body) = told(&finding(Err(unreachable()), 0));
    assert_eq!(code, 77);
    assert!(body.starts_with("The login has ended, on "), "{body}");
    assert!(body.contains("no answer within 25s"), "{body}");
    let estimated = Finding {
        expiry: Ok(Some(expiry(-1, Source::Estimate))),
        ..finding(Err(unreachable()), 0)
    };
    let (code, body) = told(&estimated);
    assert_eq!(code, 69);
    assert!(body.contains("It was to end on"), "{body}");
}

#[test]
fn where_nobody_answers_the_date_is_told_and_when_to_log_in() {
    let (code, body) = told(&finding(Err(unreachable()), 20 * DAYS));
    assert_eq!(code, 69);
    assert!(
        body.starts_with("Check of the login failed: the login service https://iam.test/"),
        "{body}"
    );
    assert!(
        body.contains("By its date the login lasts until "),
        "{body}"
    );
    assert!(!body.contains("reauth"), "{body}");
    let (code, body) = told(&finding(Err(unreachable()), 6 * DAYS));
    assert_eq!(code, 69);
    assert!(body.contains("By its date the login ends in 6 days, on "));
    assert!(body.contains(REAUTH), "{body}");
}

#[test]
fn what_cannot_be_known_is_no_success() {
    let nobody = Finding {
        expiry: Ok(None),
        ..finding(Ok(()), 0)
    };
    let (code, body) = told(&nobody);
    assert_eq!(code, 69);
    assert!(body.contains("nobody knows when it ends"), "{body}");
    let (code, body) = told(&finding(Ok(()), -5));
    assert_eq!(code, 69);
    assert!(body.contains("it still works, but was to end"), "{body}");
    let date_failed = Finding {
        expiry: Err(unreachable()),
        ..finding(Ok(()), 0)
    };
    let (code, body) = told(&date_failed);
    assert_eq!(code, 69);
    assert!(body.contains("A refresh has worked"), "{body}");
    let neighbour = Trouble::Neighbour {
        holder: "x".to_owned(),
        is_server: false,
    };
    assert_eq!(told(&finding(Err(neighbour), 20 * DAYS)).0, 69);
}

#[test]
fn a_login_without_a_storage_keeps_its_verdict() {
    let down = Trouble::StsUnreachable {
        endpoint: "https://rgw.test/".to_owned(),
        detail: "connection refused".to_owned(),
    };
    let (code, body) = told(&finding(Err(down), 20 * DAYS));
    assert_eq!(code, 0);
    assert!(body.starts_with("The login is good for 20 days"), "{body}");
    let note = "Note: the login works, but the storage https://rgw.test/ cannot be reached: connection refused\n";
    assert!(body.ends_with(note), "{body}");
}

/// A login that works, beside these clocks: by how many seconds ours is ahead of each.
fn beside(clocks: &[(i64, &str)], left: i64) -> Finding {
    let clock = |(ahead, other): &(i64, &str)| Trouble::Clock {
        ahead: *ahead,
        other: (*other).to_owned(),
    };
    Finding {
        clocks: clocks.iter().map(clock).collect(),
        ..finding(Ok(()), left)
    }
}

#[test]
fn a_clock_that_is_behind_does_not_put_off_the_alert() {
    let date = expiry(7 * DAYS + 3600, Source::Token);
    let clocks = [(-3600, "the login service"), (-3601, "the storage")];
    assert_eq!(
        told(&beside(&clocks, 7 * DAYS + 3600)),
        (
            1,
            format!(
                "The login ends in 6 days, on {date}\nLog in again before that: {REAUTH}\n\
                 Note: the clock of this machine is 3600 s behind that of the login service\n\
                 Note: the clock of this machine is 3601 s behind that of the storage, by which the days are counted\n\
                 Set the clock of this machine (timedatectl set-ntp true).\n"
            )
        )
    );
    let (code, body) = told(&beside(&[(-3600, "the storage")], 7 * DAYS + 3601));
    assert_eq!(code, 0, "{body}");
    assert!(body.contains("3600 s behind"), "{body}");
}

#[test]
fn a_clock_that_is_ahead_is_named_and_does_not_move_the_alert() {
    let (code, body) = told(&beside(&[(3600, "the storage")], 7 * DAYS + 1));
    assert_eq!(code, 0);
    assert!(
        body.ends_with(
            "\nNote: the clock of this machine is 3600 s ahead of that of the storage\n\
             Set the clock of this machine (timedatectl set-ntp true).\n"
        ),
        "{body}"
    );
    let (code, body) = told(&beside(&[(3600, "the storage")], -5));
    assert_eq!(code, 69);
    let lines: Vec<&str> = body.lines().collect();
    assert!(lines[0].ends_with("is the clock of this machine right?"));
    assert_eq!(
        lines[1..],
        [
            "Set the clock of this machine (timedatectl set-ntp true).",
            "Note: the clock of this machine is 3600 s ahead of that of the storage"
        ]
    );
}

#[test]
fn a_clock_that_only_the_renewal_has_seen_is_named_too() {
    let ahead = Trouble::Clock {
        ahead: 3600,
        other: "the storage".to_owned(),
    };
    let (code, body) = told(&finding(Err(ahead), 20 * DAYS));
    assert_eq!(code, 0);
    assert!(
        body.contains("\nNote: the clock of this machine is 3600 s ahead of that of the storage\n"),
        "{body}"
    );
}
