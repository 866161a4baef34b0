//! How the past of a job is summed up.

use super::*;

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn known() -> Known {
    Known {
        job: "nightly".to_owned(),
        schedule: "@daily".to_owned(),
        command: "backup".to_owned(),
        args: backup(0).args,
    }
}

fn past(scene: &Scene, now: i64) -> Past {
    let mut pasts = scene.history.pasts(&[known()], time(now)).unwrap();
    pasts.pop().unwrap()
}

#[test]
fn the_last_success_and_what_failed_since() {
    let scene = Scene::new();
    assert_eq!(past(&scene, 0), Past::default());
    scene.ran(backup(0), 1);
    let success = scene.ran(backup(1), 0);
    scene.ran(backup(2), 3);
    let failure = scene.ran(backup(3), 130);
    let dry = Beginning {
        dry_run: true,
        ..backup(4)
    };
    scene.ran(dry, 0);
    let other = Beginning {
        args: vec!["/other".to_owned()],
        ..backup(5)
    };
    scene.ran(other, 0);
    assert_eq!(
        past(&scene, 100),
        Past {
            last: Some(failure.clone()),
            last_success: Some(success),
            last_failure: Some(failure),
            failed_in_a_row: 2,
            ..Past::default()
        }
    );
}

#[test]
fn a_skipped_run_is_no_failure_and_one_that_was_broken_off_is() {
    let scene = Scene::new();
    let killed = backup(0);
    drop(scene.history.begin(&killed).unwrap());
    let running = backup(1);
    let _live = scene.history.begin(&running).unwrap();
    let skipped = backup(2);
    let end = End {
        skipped: Some("the same job is still running".to_owned()),
        ..ending(&skipped, 75)
    };
    scene.history.end(&skipped, &end).unwrap();
    let past = past(&scene, 100);
    assert_eq!(past.failed_in_a_row, 1);
    assert_eq!(past.last_failure.unwrap().beginning, killed);
    assert_eq!(past.last.unwrap().beginning, skipped);
    assert_eq!(past.running.unwrap().beginning, running);
    assert_eq!(past.last_success, None);
}

#[test]
fn a_success_of_a_clock_that_was_far_ahead_is_not_believed_and_ends_the_failures_all_the_same() {
    let scene = Scene::new();
    scene.ran(backup(0), 1);
    let believed = scene.ran(backup(1), 0);
    let ahead = scene.ran(backup(3 * 86_400), 0);
    scene.ran(backup(3), 1);
    let past = past(&scene, 10);
    assert_eq!(past.last_success, Some(believed));
    assert_eq!(past.failed_in_a_row, 1);
    let a_day_before = ahead.end().unwrap().at - DAY;
    let pasts = scene.history.pasts(&[known()], a_day_before).unwrap();
    assert_eq!(pasts[0].last_success, Some(ahead));
}

#[test]
fn jobs_are_known_from_when_they_were_first_seen_and_the_others_are_forgotten() {
    let scene = Scene::new();
    let know = |jobs: &[(&str, &str)], now| scene.history.know_only(jobs, time(now)).unwrap();
    assert_eq!(past(&scene, 0).since, None, "reading makes nothing known");
    know(&[("nightly", "@daily"), ("other", "@daily")], 1);
    know(&[("nightly", "@daily")], 5);
    assert_eq!(past(&scene, 9).since, Some(time(1)));
    let other = scene.history.known_since("other", "@daily", time(9));
    assert_eq!(other.unwrap(), time(9));
    know(&[("nightly", "@hourly")], 20);
    assert_eq!(past(&scene, 21).since, None, "with other words it is new");
}
