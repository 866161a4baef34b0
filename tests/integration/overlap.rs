//! Two runs of one job never overlap: the second is skipped, and says so to the check without changing its state.

use crate::harness::{Container, Installation, ended};
use crate::healthchecks::Healthchecks;

/// A backup that runs until its container ends.
fn endless(healthchecks: &Healthchecks) -> Installation {
    let installation = Installation::new();
    installation.run(["restic", "init"]).ok();
    installation
        .env("BACKUP_CHECK_URL", &healthchecks.url_for_containers())
        .fake_restic(&["say running", "sleep 60000"])
}

fn wait_for_restic(container: &Container) {
    container.pid("restic", "backup");
}

#[test]
fn the_second_of_two_equal_jobs_is_skipped_with_75_and_a_log_entry() {
    let healthchecks = Healthchecks::start();
    let installation = endless(&healthchecks);
    let server = installation.server();
    let first = server.spawn_exec([], ["backup", "/backup/dir1"]);
    wait_for_restic(&server);
    let container = &server.id[..12];
    server
        .exec(["backup", "/backup/dir1"])
        .code(75)
        .says("cloud-backup: Backup of /backup/dir1 skipped: the same job is still running: ")
        .says(&format!("container {container} (host name my-VM) since "));
    assert_eq!(healthchecks.signals(), ["start", "log"]);
    let body = healthchecks.last_body();
    assert!(
        body.starts_with("Backup of /backup/dir1 skipped: the same job is still running: "),
        "{body}"
    );
    server.kill("TERM", server.pid("backup", "dir1"));
    ended("the first", first).code(130);
    assert_eq!(healthchecks.signals(), ["start", "log", "130"]);
}

#[test]
fn equal_jobs_in_two_containers_of_one_volume_do_not_overlap() {
    let healthchecks = Healthchecks::start();
    let installation = endless(&healthchecks);
    let first = installation.start(["backup", "/backup/dir1"]);
    wait_for_restic(&first);
    let container = &first.id[..12];
    installation
        .run(["backup", "/backup/dir1"])
        .code(75)
        .says(&format!("still running: container {container}"));
    assert_eq!(healthchecks.signals(), ["start", "log"]);
}

#[test]
fn jobs_with_other_arguments_run_beside_each_other() {
    let healthchecks = Healthchecks::start();
    let installation = endless(&healthchecks);
    let first = installation.start(["backup", "/backup/dir1"]);
    wait_for_restic(&first);
    let installation = installation.fake_restic(&["say done"]);
    installation.run(["backup", "/backup/dir2"]).ok();
    installation.run(["forget", "/backup/dir1"]).ok();
    assert_eq!(healthchecks.signals(), ["start", "start", "0"]);
}

#[test]
fn a_job_that_was_killed_does_not_keep_the_next_one_out() {
    let healthchecks = Healthchecks::start();
    let installation = endless(&healthchecks);
    let first = installation.start(["backup", "/backup/dir1"]);
    wait_for_restic(&first);
    first.signal("KILL").ok();
    first.wait();
    installation
        .fake_restic(&["say done"])
        .run(["backup", "/backup/dir1"])
        .ok();
}
