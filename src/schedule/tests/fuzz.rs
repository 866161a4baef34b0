//! No bytes make the reader panic, and every refusal names a line that exists.

use proptest::prelude::*;

use crate::schedule::{Schedule, Timetable, file};

const SHIPPED: &[u8] = include_bytes!("../../../ofelia-config.ini");

/// Texts that mean something somewhere in the file.
const PIECES: [&str; 22] = [
    "[",
    "]",
    "\"",
    "'",
    "`",
    "\\",
    "\n",
    "\r\n",
    ";",
    "#",
    "=",
    "[global]\n",
    "[job-exec \"backup\"]\n",
    "[job-local \"x\"]\n",
    "schedule = ",
    "command = ",
    "environment = ",
    "@every ",
    "*/",
    "-1",
    "no-overlap\n",
    "\u{feff}",
];

/// Reads the file and holds what comes to the promises.
fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    match file::parse(bytes) {
        Ok(plan) => {
            prop_assert!(!plan.jobs.is_empty());
            for job in plan.jobs {
                prop_assert!(!job.command.is_empty() && !job.name.is_empty());
                let start = "2026-11-24T00:00:00Z".parse().unwrap();
                let timetable = Timetable::new(job.schedule, jiff::tz::TimeZone::UTC, start);
                prop_assert!(timetable.next_after(start).is_some());
            }
        }
        Err(refusals) => {
            let lines = bytes.split(|byte| *byte == b'\n').count();
            prop_assert!(!refusals.is_empty());
            prop_assert!(refusals.is_sorted_by_key(|refusal| refusal.line));
            for refusal in refusals {
                prop_assert!(
                    (1..=lines).contains(&refusal.line),
                    "{} of {}",
                    refusal,
                    lines
                );
                prop_assert!(
                    !refusal.message.is_empty() && !refusal.message.contains(char::is_control)
                );
            }
        }
    }
    Ok(())
}

/// A change of the shipped file: at a place, some bytes go and others come.
#[derive(Debug, Clone)]
struct Change {
    at: prop::sample::Index,
    go: usize,
    come: Vec<u8>,
}

fn change() -> impl Strategy<Value = Change> {
    let come = prop_oneof![
        prop::sample::select(PIECES.to_vec()).prop_map(|piece| piece.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
        "[ -~]{0,12}".prop_map(String::into_bytes),
    ];
    (any::<prop::sample::Index>(), 0..40_usize, come).prop_map(|(at, go, come)| Change {
        at,
        go,
        come,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        check(&bytes)?;
    }

    #[test]
    fn any_pieces_of_files_are_read_or_refused(
        pieces in prop::collection::vec(prop_oneof![
            prop::sample::select(PIECES.to_vec()).prop_map(str::to_owned),
            "\\PC{0,8}",
        ], 0..40),
    ) {
        check(pieces.concat().as_bytes())?;
    }

    #[test]
    fn any_change_of_the_shipped_file_is_read_or_refused(changes in prop::collection::vec(change(), 1..8)) {
        let mut bytes = SHIPPED.to_vec();
        for change in changes {
            let at = change.at.index(bytes.len() + 1);
            let end = bytes.len().min(at + change.go);
            bytes.splice(at..end, change.come);
        }
        check(&bytes)?;
    }

    #[test]
    fn any_schedule_is_read_or_refused(text in "(TZ=UTC )?(@every |@)?[-0-9*/,?a-zA-Z. :]{0,24}") {
        if let Ok(schedule) = Schedule::parse(&text) {
            let start = "2026-11-24T00:00:00Z".parse().unwrap();
            let timetable = Timetable::new(schedule, jiff::tz::TimeZone::UTC, start);
            prop_assert!(timetable.next_after(start).is_some(), "{}", text);
        }
    }

    #[test]
    fn any_time_has_a_next_one(second in -377_705_023_201..253_402_207_200_i64, nanosecond in 0..1_000_000_000_i32) {
        let time = jiff::Timestamp::new(second, nanosecond).unwrap();
        for schedule in ["* * * * * *", "0 30 2 * * *", "@every 7s", "0 0 0 29 2 *"] {
            let timetable = super::timetable(schedule, "Europe/Rome");
            if let Some(next) = timetable.next_after(time) {
                prop_assert!(next > time, "{} {}", schedule, next);
            }
        }
    }
}
