//! The Healthchecks client against the double: what is sent, what is tried again, and when it gives up.

use std::time::{Duration, Instant};

use cloud_backup::report::{CheckUrl, Deadlines, Delivery, Report, Reporter};
use cloud_backup::trust::Trust;

use crate::healthchecks::{Answer, CHECK, Healthchecks, refusing_url};

const DEADLINES: Deadlines = Deadlines {
    total: Duration::from_secs(3),
    attempt: Duration::from_millis(500),
    start: Duration::from_millis(300),
};

fn reporter(url: &str) -> Reporter {
    let check = CheckUrl::parse("BACKUP_CHECK_URL", url).unwrap();
    Reporter::new(Some(check), Trust::default(), DEADLINES)
}

fn report() -> Report {
    Report {
        verdict: "Successful backup of /data".to_owned(),
        tail: "output\n".to_owned(),
        ..Report::default()
    }
}

/// A run from start to end, with `work` between them.
async fn run_for(url: &str, report: &Report, work: Duration) -> Delivery {
    let mut reporter = reporter(url);
    reporter.start();
    tokio::time::sleep(work).await;
    reporter.finish(0, report).await
}

async fn run(url: &str) -> Delivery {
    run_for(url, &report(), Duration::from_millis(200)).await
}

#[tokio::test]
async fn a_run_is_a_start_and_an_exit_code_with_one_id() {
    let server = Healthchecks::start();
    assert!(matches!(run(&server.url()).await, Delivery::Delivered));
    assert_eq!(server.signals(), ["start", "0"]);
    let pings = server.pings();
    assert_eq!(pings[0].rid, pings[1].rid);
    assert_eq!(pings[0].rid.len(), 36);
    assert_eq!(server.last_body(), "Successful backup of /data\n\noutput\n");
}

#[tokio::test]
async fn two_runs_have_two_ids() {
    let server = Healthchecks::start();
    run(&server.url()).await;
    run(&server.url()).await;
    let pings = server.pings();
    assert_ne!(pings[0].rid, pings[2].rid);
}

#[tokio::test]
async fn a_skipped_run_is_a_log_entry_only() {
    let server = Healthchecks::start();
    reporter(&server.url()).log(&report()).await;
    assert_eq!(server.signals(), ["log"]);
}

#[tokio::test]
async fn the_length_of_a_body_is_always_told() {
    let server = Healthchecks::start();
    run(&server.url()).await;
    for ping in server.pings() {
        assert!(ping.headers.contains_key("content-length"), "{ping:?}");
        assert!(!ping.headers.contains_key("transfer-encoding"), "{ping:?}");
        assert!(
            ping.headers["user-agent"]
                .to_str()
                .unwrap()
                .starts_with("cloud-user-backup/")
        );
    }
}

#[tokio::test]
async fn without_a_check_nothing_is_sent() {
    let mut reporter = Reporter::new(None, Trust::default(), DEADLINES);
    reporter.start();
    assert!(matches!(
        reporter.finish(0, &report()).await,
        Delivery::NotConfigured
    ));
}

#[tokio::test]
async fn a_servers_own_trouble_is_tried_again() {
    for answer in [
        Answer::Status(503, ""),
        Answer::Status(500, ""),
        Answer::Status(408, ""),
        Answer::TooMany(1),
        Answer::Hang,
    ] {
        let server = Healthchecks::start().answer(answer.clone());
        let delivery = reporter(&server.url()).finish(3, &report()).await;
        assert!(
            matches!(delivery, Delivery::Delivered),
            "{answer:?}: {delivery}"
        );
        assert_eq!(server.signals(), ["3"], "{answer:?}");
        assert_eq!(server.pings().len(), 2, "{answer:?}");
    }
}

#[tokio::test]
async fn a_wish_to_wait_is_kept() {
    let server = Healthchecks::start().answer(Answer::TooMany(2));
    reporter(&server.url()).finish(0, &report()).await;
    let pings = server.pings();
    assert!(pings[1].at - pings[0].at >= Duration::from_secs(2));
}

#[tokio::test]
async fn what_will_not_change_is_asked_once_and_explained() {
    for (status, said) in [(400, "no ping URL"), (404, "no such check"), (409, "slug")] {
        let server = Healthchecks::start().always(Answer::Status(status, ""));
        let delivery = reporter(&server.url()).finish(0, &report()).await;
        let text = delivery.to_string();
        assert!(
            text.contains("BACKUP_CHECK_URL")
                && text.contains(&status.to_string())
                && text.contains(said),
            "{text}"
        );
        assert_eq!(server.pings().len(), 1);
    }
}

#[tokio::test]
async fn an_ok_that_is_none_is_a_warning_with_its_cause() {
    for (answer, said) in [
        ("OK (not found)", "no such check"),
        ("OK (rate limited)", "too many pings"),
        ("<html>", "no answer of Healthchecks"),
    ] {
        let server = Healthchecks::start().always(Answer::Status(200, answer));
        let delivery = reporter(&server.url()).finish(0, &report()).await;
        assert!(
            matches!(delivery, Delivery::Doubtful { .. }),
            "{delivery:?}"
        );
        assert!(delivery.to_string().contains(said), "{delivery}");
    }
}

#[tokio::test]
async fn a_created_check_is_a_delivered_report() {
    let server = Healthchecks::start().always(Answer::Status(201, "Created"));
    assert!(matches!(run(&server.url()).await, Delivery::Delivered));
}

#[tokio::test]
async fn a_hanging_server_is_given_up_within_the_deadline() {
    let server = Healthchecks::start().always(Answer::Hang);
    let mut reporter = reporter(&server.url());
    let begun = Instant::now();
    reporter.start();
    assert!(
        begun.elapsed() < Duration::from_millis(200),
        "the start waits for nobody"
    );
    let delivery = reporter.finish(0, &report()).await;
    assert!(
        begun.elapsed() < DEADLINES.total + Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    assert!(
        delivery.to_string().contains("no answer in time"),
        "{delivery}"
    );
}

#[tokio::test]
async fn a_refusing_server_is_named_without_its_url() {
    let delivery = run(&refusing_url()).await;
    let text = format!("{delivery} {delivery:?}");
    assert!(text.contains("refused"), "{text}");
    assert!(!text.contains(CHECK), "{text}");
}

#[tokio::test]
async fn no_start_follows_the_end() {
    // The start ping is answered only after the run has ended: it is given up before the end is told.
    let server = Healthchecks::start().answer(Answer::Hang);
    run_for(&server.url(), &report(), Duration::ZERO).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(server.signals(), ["0"]);
    let signals: Vec<_> = server.pings().into_iter().map(|ping| ping.signal).collect();
    assert_eq!(signals, ["start", "0"]);
}

#[tokio::test]
async fn a_server_with_a_lower_limit_gets_a_shorter_body() {
    for limit in [1_000, 10_000, 10_001, 10_002, 100_000] {
        let server = Healthchecks::start().limit(limit);
        let tail = format!("{}the end\n", "è€🦀".repeat(120_000));
        let long = Report { tail, ..report() };
        let delivery = run_for(&server.url(), &long, Duration::from_millis(300)).await;
        assert!(matches!(delivery, Delivery::Delivered), "{delivery}");
        let body = server.last_body();
        assert!(
            body.len() <= limit && body.len() > limit - 100,
            "{} of {limit}",
            body.len()
        );
        assert!(body.starts_with("Successful backup of /data\n") && body.ends_with("the end\n"));
    }
}

/// A report whose body fills every limit.
fn long_report() -> Report {
    let line = "è€🦀".repeat(8) + "\n";
    let tail = line.repeat(15_000) + "the end\n";
    Report { tail, ..report() }
}

#[tokio::test]
async fn a_wish_for_no_pause_is_not_granted() {
    let server = Healthchecks::start().always(Answer::TooMany(0));
    let delivery = reporter(&server.url()).finish(0, &report()).await;
    assert!(delivery.to_string().contains("429"), "{delivery}");
    assert!((2..6).contains(&server.pings().len()));
}

#[tokio::test]
async fn a_wish_to_wait_longer_than_the_deadline_ends_the_tries() {
    let server = Healthchecks::start().always(Answer::TooMany(u64::MAX));
    let begun = Instant::now();
    let delivery = reporter(&server.url()).finish(0, &report()).await;
    assert!(delivery.to_string().contains("429"), "{delivery}");
    assert!(begun.elapsed() < DEADLINES.total);
    assert_eq!(server.pings().len(), 1);
}

#[tokio::test]
async fn the_exit_code_arrives_where_the_body_is_too_long() {
    // By a proxy, and by a server that cuts a character in two: without a start ping its limit is not known.
    let mut refused = 0;
    for server in [
        Healthchecks::start().answer(Answer::Status(413, "")),
        Healthchecks::start().limit(10_000),
        Healthchecks::start().limit(10_001),
        Healthchecks::start().limit(10_002),
        Healthchecks::start().limit(10_003),
    ] {
        let delivery = reporter(&server.url()).finish(3, &long_report()).await;
        assert!(matches!(delivery, Delivery::Delivered), "{delivery}");
        assert_eq!(server.signals(), ["3"]);
        let pings = server.pings();
        assert!(pings.len() <= 2, "{}", pings.len());
        let stored = &pings.last().unwrap().body;
        assert!(stored.starts_with("Successful backup of /data\n"));
        if pings.len() == 2 {
            refused += 1;
            assert!(pings[0].length > 90_000 && pings[1].length <= 10_000);
            assert!(stored.ends_with("the end\n"));
        }
    }
    assert!(refused >= 3, "the limits cut characters: {refused}");
}

#[tokio::test]
async fn a_slow_server_delays_no_start_and_gets_the_report() {
    let slow = Answer::Slow(Duration::from_millis(200));
    let server = Healthchecks::start().always(slow);
    let mut reporter = reporter(&server.url());
    let begun = Instant::now();
    reporter.start();
    assert!(begun.elapsed() < Duration::from_millis(150));
    let delivery = reporter.finish(0, &report()).await;
    assert!(matches!(delivery, Delivery::Delivered), "{delivery}");
    assert_eq!(server.signals(), ["start", "0"]);
}

#[tokio::test]
async fn a_start_that_failed_is_not_tried_again_after_the_end() {
    let server = Healthchecks::start().always(Answer::Status(503, ""));
    let mut reporter = reporter(&server.url());
    reporter.start();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let begun = Instant::now();
    reporter.hurry(Duration::from_millis(400));
    reporter.finish(0, &report()).await;
    assert!(
        begun.elapsed() < Duration::from_millis(200),
        "{:?}",
        begun.elapsed()
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    let signals: Vec<_> = server.pings().into_iter().map(|ping| ping.signal).collect();
    assert_eq!(signals, ["start", "0"]);
}

#[tokio::test]
async fn a_redirection_is_not_followed() {
    let server = Healthchecks::start().always(Answer::Status(301, ""));
    let delivery = reporter(&server.url()).finish(0, &report()).await;
    assert!(
        delivery.to_string().contains("sends elsewhere"),
        "{delivery}"
    );
    assert_eq!(server.pings().len(), 1);
}

#[tokio::test]
async fn no_text_shows_the_path_of_the_check() {
    let echo: &'static str = format!("no check {CHECK} here").leak();
    for answer in [
        Answer::Status(200, echo),
        Answer::Status(404, echo),
        Answer::Status(500, echo),
        Answer::Hang,
    ] {
        let server = Healthchecks::start().always(answer.clone());
        let mut reporter = reporter(&server.url());
        reporter.hurry(Duration::from_millis(600));
        let shown = format!("{reporter:?}");
        let delivery = reporter.finish(0, &report()).await;
        assert!(!matches!(delivery, Delivery::Delivered), "{answer:?}");
        let shown = format!("{shown} {delivery} {delivery:?}");
        assert!(!shown.contains(CHECK), "{shown}");
    }
}
