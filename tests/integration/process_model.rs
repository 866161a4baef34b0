//! PID 1 and its processes: orphans, stops, kills and crashes ("The server" in docs/architecture.md).
//!
//! The grace of `docker stop` is its default of 10 s here: a container that takes longer is killed and ends with 137.

use std::time::{Duration, Instant};

use crate::harness::{Container, Ended, Installation, ended};

const GRACE: Duration = Duration::from_secs(10);

/// A backup that takes far longer than any test, and whose restic holds a lock when this returns.
struct SlowBackup {
    job: std::process::Child,
}

impl SlowBackup {
    fn start(installation: &Installation, server: &Container) -> Self {
        installation.write_random("big", 20_000_000);
        server.exec(["restic", "init"]);
        let job = server.spawn_exec([], ["backup", "--limit-upload=50", "/backup/dir1"]);
        server.wait_for("restic has taken its lock", has_lock);
        Self { job }
    }

    fn end(self) -> Ended {
        ended("the backup", self.job)
    }
}

/// Whether the repository of the volume has a lock.
pub fn has_lock(server: &Container) -> bool {
    !server
        .shell("ls /home/user/storage/locks")
        .stdout
        .trim()
        .is_empty()
}

/// The names of the processes that nobody has waited for; `docker top` does not show them.
fn zombies(container: &Container) -> String {
    let states = container
        .shell("grep -hB 3 '^State:.Z' /proc/[0-9]*/status 2>/dev/null | grep ^Name; true");
    states.ok().stdout
}

/// What a stranger to our program finds: the locks that are left in the repository.
pub fn locks_left(installation: &Installation) -> String {
    let locks = installation.run_program(
        "/usr/bin/restic",
        ["--repo=/home/user/storage", "--no-lock", "list", "locks"],
    );
    locks.ok().stdout
}

#[test]
fn two_hundred_orphans_leave_no_zombie() {
    let installation = Installation::new();
    let server = installation.server();
    server
        .shell("i=0; while [ $i -lt 200 ]; do (sleep 3 >/dev/null 2>&1 </dev/null &); i=$((i+1)); done")
        .ok();
    assert_eq!(
        server.processes().matches("sleep 3").count(),
        200,
        "the orphans live"
    );
    server.wait_for("the orphans have gone, zombies too", |server| {
        server.pids("sleep", "").is_empty() && zombies(server).is_empty()
    });
    assert!(server.is_running());
}

#[test]
fn an_idle_server_stops_at_once_with_code_0() {
    let installation = Installation::new();
    let server = installation.server();
    let took = server.stop();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(server.exit_code(), 0);
    assert!(server.logs().contains("stopped"), "{}", server.logs());
}

#[test]
fn a_stop_ends_in_time_though_rclone_hangs() {
    let installation = Installation::new();
    let server = installation.server();
    server.kill("STOP", server.pid("rclone", "serve"));
    let took = server.stop();
    assert!(took < GRACE, "{took:?}");
    assert_eq!(server.exit_code(), 0);
}

#[test]
fn a_stop_ends_in_time_though_restic_and_rclone_hang_and_a_process_ignores_every_signal() {
    let installation = Installation::new();
    let server = installation.server();
    let job = SlowBackup::start(&installation, &server);
    let deaf = server.spawn_exec(
        [],
        [
            "sh",
            "-c",
            "trap '' TERM INT; echo deaf; while :; do sleep 1; done",
        ],
    );
    server.wait_for("the deaf process", |server| {
        server.processes().contains("echo deaf")
    });
    server.kill("STOP", server.pid("restic", "backup"));
    server.kill("STOP", server.pid("rclone", "serve"));
    let took = server.stop();
    assert!(took < GRACE, "{took:?}");
    assert_eq!(server.exit_code(), 0);
    assert_eq!(job.end().code, 130);
    assert_eq!(ended("the deaf process", deaf).code, 137);
}

#[test]
fn a_one_shot_container_stops_in_time_though_restic_hangs() {
    let installation = Installation::new();
    installation.write_random("big", 20_000_000);
    installation.run(["restic", "init"]).ok();
    for command in ["restic", "backup"] {
        let mut line = vec!["backup", "--limit-upload=50", "/backup/dir1"];
        if command == "restic" {
            line.insert(0, "restic");
        }
        let one_shot = installation.start(line);
        one_shot.wait_for("restic has taken its lock", has_lock);
        one_shot.kill("STOP", one_shot.pid("restic", "backup --limit"));
        let took = one_shot.stop();
        assert!(took < GRACE, "{command}: {took:?}");
        installation.run(["restic", "unlock", "--remove-all"]).ok();
    }
}

#[test]
fn a_second_signal_ends_a_hanging_stop_quickly() {
    let installation = Installation::new();
    let server = installation.server();
    let job = SlowBackup::start(&installation, &server);
    server.kill("STOP", server.pid("restic", "backup"));
    server.signal("TERM").ok();
    std::thread::sleep(Duration::from_millis(500));
    assert!(
        server.is_running(),
        "the first signal waits for the hanging job"
    );
    let begun = Instant::now();
    server.signal("TERM").ok();
    let code = server.wait();
    assert!(
        begun.elapsed() < Duration::from_secs(6),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(code, 0, "the server itself ended well");
    drop(job.end());
}

#[test]
fn a_stop_during_a_backup_removes_the_lock_and_says_interrupted() {
    let installation = Installation::new();
    let server = installation.server();
    let job = SlowBackup::start(&installation, &server);
    let took = server.stop();
    assert!(took < GRACE, "{took:?}");
    assert_eq!(server.exit_code(), 0);
    job.end()
        .code(130)
        .says("Backup of /backup/dir1 failed: it was interrupted by SIGINT");
    assert_eq!(locks_left(&installation), "");
    installation.run(["restic", "check"]).ok();
}

#[test]
fn a_stop_of_a_one_shot_backup_removes_the_lock_and_says_interrupted() {
    let installation = Installation::new();
    installation.write_random("big", 20_000_000);
    let one_shot = installation.start(["backup", "--limit-upload=50", "/backup/dir1"]);
    one_shot.wait_for("restic has taken its lock", has_lock);
    one_shot.pid("restic", "backup --limit");
    let took = one_shot.stop();
    assert!(took < GRACE, "{took:?}");
    assert_eq!(one_shot.exit_code(), 130);
    let log = one_shot.logs();
    assert!(log.contains("it was interrupted by SIGTERM"), "{log}");
    assert_eq!(locks_left(&installation), "");
}

#[test]
fn a_kill_at_any_moment_of_a_backup_leaves_a_sound_repository_and_the_next_backup_works() {
    let installation = Installation::new();
    for round in 0..6_u32 {
        installation.write_random(&format!("file-{round}"), 3_000_000);
        let server = installation.server();
        let mut job = server.spawn_exec([], ["backup", "--limit-upload=4000", "/backup/dir1"]);
        // From before restic's start to after its end, with some jitter of the clock's last digits.
        let jitter = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970")
            .subsec_micros()
            % 200;
        let delay = Duration::from_millis(u64::from(250 * round + jitter));
        std::thread::sleep(delay);
        server.signal("KILL").ok();
        job.wait().expect("the job ends with its container");
        let after = format!("round {round}, killed after {delay:?}");

        let check = installation.run(["restic", "--no-lock", "check"]);
        let nothing_yet = check.code == 10 && round < 3;
        assert!(check.code == 0 || nothing_yet, "{after}: {}", check.all());
        let server = installation.server();
        let next = server.exec(["backup", "/backup/dir1"]);
        assert_eq!(next.code, 0, "{after}: {}", next.all());
        let restored = server.shell(&format!(
            "su user -c 'restic --quiet dump latest /backup/dir1/file-{round}' | cmp - /backup/dir1/file-{round}"
        ));
        assert_eq!(restored.code, 0, "{after}: {}", restored.all());
        server.stop();
    }
}

#[test]
fn a_killed_job_takes_its_restic_with_it_and_the_next_forget_removes_the_stale_lock() {
    let installation = Installation::new();
    let server = installation.server();
    let job = SlowBackup::start(&installation, &server);
    server.kill("KILL", server.pid("backup", ""));
    assert_eq!(job.end().code, 137);
    server.wait_for("restic has gone", |server| {
        server.pids("restic", "").is_empty()
    });
    server.exec(["forget", "--keep-last=1", "--prune"]).ok();
    assert!(!has_lock(&server));
    assert_eq!(zombies(&server), "");
}

#[test]
fn a_killed_server_process_ends_the_container_and_everything_in_it() {
    let installation = Installation::new();
    let server = installation.server();
    let child = server.shell(
        "for p in /proc/[0-9]*; do grep -q '^PPid:.1$' $p/status && echo ${p#/proc/}; done; true",
    );
    server.kill("KILL", child.stdout.trim().parse().expect("one child"));
    assert_eq!(server.wait(), 137);
}

#[test]
fn an_rclone_that_was_killed_is_started_again_and_the_log_says_so() {
    let installation = Installation::new();
    let server = installation.server();
    server.exec(["restic", "init"]).ok();
    let first = server.pid("rclone", "serve");
    server.kill("KILL", first);
    server.wait_for("another rclone serves", |server| {
        server.exec(["healthcheck"]).code == 0
    });
    assert_ne!(server.pid("rclone", "serve"), first);
    server.exec(["restic", "snapshots"]).ok();
    let log = server.logs();
    assert!(log.contains("rclone ended with code 137"), "{log}");
    assert!(log.contains("rclone is started again in 1s"), "{log}");
    assert!(
        log.contains("Serving restic REST API"),
        "its last words: {log}"
    );
}

#[test]
fn restic_asking_whether_the_holder_of_a_lock_lives_harms_no_process_of_that_number() {
    // restic sends SIGHUP to the number in the lock; the numbers of another container mean other processes here.
    let installation = Installation::new();
    installation.write_random("big", 20_000_000);
    let server = installation.server();
    server.exec(["restic", "init"]).ok();
    // A second rclone has a number high enough to be reached in the other container.
    let first = server.pid("rclone", "serve");
    server.kill("KILL", first);
    server.wait_for("another rclone serves", |server| {
        server.exec(["healthcheck"]).code == 0
    });
    let second = server.pid("rclone", "serve");

    for number in [1, second] {
        let backup =
            "exec /usr/bin/restic -r /home/user/storage backup --limit-upload=50 /backup/dir1";
        // Numbers are given in order: a process that ends at once takes the one before the wanted one.
        let script = format!(
            "[ {number} = 1 ] && {backup}; \
             until [ $(sh -c 'echo $$') -ge $(({number}-1)) ]; do :; done; ({backup}) & wait"
        );
        let holder = installation.start_program("sh", ["-c", &script]);
        // Not looked for in that container: each look takes a number there.
        server.wait_for("restic has taken its lock", has_lock);
        assert_eq!(
            holder.pid("restic", "backup"),
            number,
            "the number in the lock"
        );
        holder.signal("KILL").ok();

        server.exec(["restic", "unlock"]).ok();
        std::thread::sleep(Duration::from_secs(1));
        assert!(server.is_running(), "number {number}: {}", server.logs());
        assert_eq!(
            server.pid("rclone", "serve"),
            second,
            "number {number}: {}",
            server.logs()
        );
        server.exec(["restic", "unlock", "--remove-all"]).ok();
    }
}
