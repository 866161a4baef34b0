//! No secret shows: not in a log, an output, a process list, the image's or the volume's readable files.

use crate::harness::{Installation, RESTIC_PASSWORD};

const REST_PASSWORD: &str = "planted-rest-password-91ac";
const OIDC_PASSWORD: &str = "planted-oidc-password-55e0";
const CHECK: &str = "0b1c2d3e-planted-check";
const CLOUD_KEY: &str = "planted-cloud-key-77b2";

fn planted() -> Installation {
    Installation::new()
        .env("RESTIC_REST_USERNAME", "backup")
        .env("RESTIC_REST_PASSWORD", REST_PASSWORD)
        .env("OIDC_PASSWORD", OIDC_PASSWORD)
        .env("AWS_SECRET_ACCESS_KEY", CLOUD_KEY)
        .env(
            "FORGET_CHECK_URL",
            &format!("http://127.0.0.1:9/ping/{CHECK}"),
        )
}

/// The planted secrets that this text shows.
fn shown_in(text: &str) -> Vec<&'static str> {
    [
        RESTIC_PASSWORD,
        REST_PASSWORD,
        OIDC_PASSWORD,
        CHECK,
        CLOUD_KEY,
    ]
    .into_iter()
    .filter(|secret| text.contains(secret))
    .collect()
}

#[test]
fn no_secret_is_in_the_process_list_the_log_or_the_output() {
    // Nobody listens there: a failing report is the one that could show its URL.
    let installation = planted().env("LOG_LEVEL", "trace").env(
        "BACKUP_CHECK_URL",
        &format!("http://127.0.0.1:9/ping/{CHECK}"),
    );
    installation.write_random("big", 2_000_000);
    let server = installation.server();
    let job = server.spawn_exec(
        ["--env=RCLONE_VERBOSE=2"],
        [
            "backup",
            "--verbose=2",
            "--limit-upload=500",
            "/backup/dir1",
        ],
    );
    server.wait_for("restic runs", |server| {
        server.pids("restic", "^/usr/bin/restic .*backup").len() == 1
    });
    let processes = server.processes();
    assert!(processes.contains("/usr/bin/restic backup"), "{processes}");
    assert_eq!(shown_in(&processes), [""; 0], "{processes}");
    let job = crate::harness::ended("the backup", job);
    assert_eq!(job.code, 0, "{}", job.all());
    assert_eq!(shown_in(&job.all()), [""; 0], "{}", job.all());
    let log = server.logs();
    assert_eq!(shown_in(&log), [""; 0], "{log}");
}

#[test]
fn a_job_that_prints_a_secret_has_it_replaced() {
    let installation = planted();
    installation.write(&format!("{REST_PASSWORD}.txt"), "content");
    let job = installation
        .run(["backup", "--verbose=2", "/backup/dir1"])
        .ok();
    assert!(job.all().contains("[redacted].txt"), "{}", job.all());
    assert_eq!(shown_in(&job.all()), [""; 0]);
}

#[test]
fn no_problem_of_the_settings_shows_a_secret() {
    for (name, value) in [
        ("RESTIC_REST_USERNAME", ""),
        ("RESTIC_REST_PORT", REST_PASSWORD),
        ("STOP_GRACE", OIDC_PASSWORD),
        ("LOG_LEVEL", CLOUD_KEY),
        ("RESTIC_REST_ANONYMOUS", RESTIC_PASSWORD),
        ("BACKUP_CHECK_URL", CHECK),
    ] {
        let end = planted().env(name, value).run(["backup", "/backup/dir1"]);
        assert!(
            end.all().contains(name) || name == "RESTIC_REST_USERNAME",
            "{}",
            end.all()
        );
        assert_eq!(shown_in(&end.all()), [""; 0], "{name}: {}", end.all());
    }
}

#[test]
fn a_secret_of_a_file_is_used_and_not_shown() {
    let installation = Installation::new()
        .env("RESTIC_PASSWORD", "")
        .env("RESTIC_PASSWORD_FILE", "/backup/dir1/password");
    installation.write("password", format!("{RESTIC_PASSWORD}\n"));
    let server = installation.server();
    let job = server.exec(["backup", "--verbose=2", "/backup/dir1"]).ok();
    assert_eq!(shown_in(&job.all()), [""; 0]);
    assert_eq!(shown_in(&server.logs()), [""; 0]);
    // The newline at the file's end is not part of it.
    let same = format!("--env=RESTIC_PASSWORD={RESTIC_PASSWORD}");
    server
        .exec_with(
            [same.as_str(), "--env=RESTIC_PASSWORD_FILE="],
            ["restic", "snapshots"],
        )
        .ok();
}

#[test]
fn what_we_keep_in_the_volume_is_private_and_holds_no_secret() {
    let installation = planted();
    installation.write("file", "content");
    let server = installation.server();
    server.exec(["backup", "/backup/dir1"]).ok();
    let open = server
        .shell("find /home/user -maxdepth 0 -perm /077; find /home/user/.cloud-backup ! -type l -perm /077 ! -type s")
        .ok();
    assert_eq!(open.stdout, "");
    let socket = server.shell("find /home/user/.cloud-backup -type s").ok();
    assert_eq!(socket.stdout, "/home/user/.cloud-backup/run/rest.sock\n");
    for secret in [
        RESTIC_PASSWORD,
        REST_PASSWORD,
        OIDC_PASSWORD,
        CHECK,
        CLOUD_KEY,
    ] {
        let found = server.shell(&format!(
            "grep -rlF -e '{secret}' /home/user /tmp /var/log; true"
        ));
        assert_eq!(found.stdout, "", "{secret}");
    }
}
