//! How the report of a job gets there: cut, in bounded time, without a secret, and without a change of the exit code.

use std::time::{Duration, Instant};

use crate::harness::{Ended, Installation, RESTIC_PASSWORD};
use crate::healthchecks::{Answer, CHECK, Healthchecks, refusing_url};
use crate::job_reports::reporting_to;

#[test]
fn a_megabyte_of_many_byte_characters_is_cut_on_a_character() {
    let healthchecks = Healthchecks::start().limit(100_001);
    let installation = reporting_to(&healthchecks).fake_restic(&["flood 1", "say the last line"]);
    installation.run(["backup", "/backup/dir1"]).ok();
    assert_eq!(
        healthchecks.signals(),
        ["start", "0"],
        "{:?}",
        healthchecks.pings().len()
    );
    let body = healthchecks.last_body();
    assert!(
        body.starts_with("Successful backup of /backup/dir1\n"),
        "{}",
        &body[..200]
    );
    assert!(body.ends_with("\nthe last line\n"), "{}", body.len());
    assert!((90_000..=100_001).contains(&body.len()), "{}", body.len());
    assert!(!body.contains('\u{fffd}'), "no character is broken");
}

#[test]
fn a_server_that_hangs_delays_a_job_by_no_more_than_its_deadline() {
    let healthchecks = Healthchecks::start().always(Answer::Hang);
    let installation = reporting_to(&healthchecks).fake_restic(&["say working", "exit 3"]);
    let begun = Instant::now();
    let container = installation.start(["backup", "/backup/dir1"]);
    container.wait_for("restic works", |container| {
        container.logs().contains("working")
    });
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "the start was not waited for"
    );
    let until = begun + Duration::from_secs(45);
    while container.is_running() {
        assert!(Instant::now() < until, "{}", container.logs());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(container.exit_code(), 3);
    assert!(
        container.logs().contains("BACKUP_CHECK_URL"),
        "{}",
        container.logs()
    );
}

#[test]
fn a_report_that_fails_changes_no_exit_code_and_is_said() {
    for answer in [
        Answer::Status(404, ""),
        Answer::Status(503, ""),
        Answer::TooMany(60),
        Answer::Status(200, "OK (not found)"),
    ] {
        let healthchecks = Healthchecks::start().always(answer.clone());
        for (script, code) in [("say done", 0), ("exit 3", 3)] {
            if code == 3 && matches!(answer, Answer::Status(503, _)) {
                // One deadline of 30 s is enough.
                continue;
            }
            let backup = reporting_to(&healthchecks)
                .fake_restic(&[script])
                .run(["backup", "/backup/dir1"])
                .code(code);
            assert_said(&backup, &format!("{answer:?}"));
        }
    }
}

#[test]
fn a_server_that_is_not_there_changes_no_exit_code_and_is_said() {
    let backup = Installation::new()
        .env(
            "BACKUP_CHECK_URL",
            &refusing_url().replace("127.0.0.1", "host.docker.internal"),
        )
        .fake_restic(&["exit 3"])
        .run(["backup", "/backup/dir1"])
        .code(3);
    assert_said(&backup, "refused");
}

/// The last line of standard error names the check, and not its URL.
#[track_caller]
fn assert_said(backup: &Ended, what: &str) {
    let last = backup.stderr.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("cloud-backup: ")
            && last.contains("BACKUP_CHECK_URL")
            && !last.contains(CHECK),
        "{what}: {}",
        backup.stderr
    );
}

#[test]
fn a_wrong_check_url_is_a_warning_and_changes_no_exit_code() {
    Installation::new()
        .env("BACKUP_CHECK_URL", "planted nonsense")
        .fake_restic(&["exit 3"])
        .run(["backup", "/backup/dir1"])
        .code(3)
        .says("cloud-backup: warning: BACKUP_CHECK_URL is not used");
}

#[test]
fn no_secret_of_the_environment_is_shown_reported_or_logged() {
    const SECRETS: [&str; 5] = [
        RESTIC_PASSWORD,
        "planted-rest-password-90aa",
        "planted-oidc-password-à-1b2c",
        "planted-api-token-77ff",
        CHECK,
    ];
    let healthchecks = Healthchecks::start();
    let mut script: Vec<String> = Vec::new();
    for secret in SECRETS {
        script.push(format!("say on one line {secret} here"));
        script.push(format!("warn {secret}"));
        script.push(format!("pieces in pieces {secret} there"));
        script.push(format!(
            "say error: open /backup/{secret}: permission denied"
        ));
    }
    script.push(format!("warn Fatal: {}", SECRETS.join(" ")));
    script.push("exit 1".to_owned());
    let script: Vec<&str> = script.iter().map(String::as_str).collect();
    let installation = reporting_to(&healthchecks)
        .env("RESTIC_REST_USERNAME", "somebody")
        .env("RESTIC_REST_PASSWORD", SECRETS[1])
        .env("OIDC_PASSWORD", SECRETS[2])
        .env("MY_API_TOKEN", SECRETS[3])
        .fake_restic(&script);
    let server = installation.server();
    let backup = server.exec(["backup", "/backup/dir1"]).code(1);
    let body = healthchecks.last_body();
    assert!(body.contains("on one line [redacted] here\n"), "{body}");
    assert!(body.contains("in pieces [redacted] there\n"), "{body}");
    let processes = server.processes();
    for (place, text) in [
        ("standard output", &backup.stdout),
        ("standard error", &backup.stderr),
        ("report", &body),
        ("log", &server.logs()),
        ("command lines", &processes),
    ] {
        for secret in SECRETS {
            assert!(
                !text.contains(secret),
                "{secret} is in the {place}:\n{text}"
            );
        }
    }
}

#[test]
fn a_secret_among_the_arguments_is_not_reported() {
    let healthchecks = Healthchecks::start();
    let installation = reporting_to(&healthchecks)
        .env("MY_API_TOKEN", "planted-api-token-77ff")
        .fake_restic(&[]);
    let backup = installation
        .run([
            "backup",
            "--tag",
            "planted-api-token-77ff",
            "/backup/planted-api-token-77ff",
        ])
        .ok();
    assert!(
        !backup.all().contains("planted-api-token"),
        "{}",
        backup.all()
    );
    let body = healthchecks.last_body();
    assert!(!body.contains("planted-api-token"), "{body}");
}

#[test]
fn a_secret_among_the_arguments_of_a_skipped_job_is_not_reported() {
    let healthchecks = Healthchecks::start();
    let job = ["backup", "/backup/planted-api-token-77ff"];
    let installation = reporting_to(&healthchecks)
        .env("MY_API_TOKEN", "planted-api-token-77ff")
        .fake_restic(&["sleep 60000"]);
    let first = installation.start(job);
    first.pid("restic", "restic .*backup");
    let second = installation.run(job).code(75);
    assert!(
        !second.all().contains("planted-api-token"),
        "{}",
        second.all()
    );
    let body = healthchecks.last_body();
    assert!(!body.contains("planted-api-token"), "{body}");
}
