//! The history of runs in the volume: each run of a job is in it, and nothing that happens to it fails a job.
//!
//! It is read by a container beside the others, as `status` and the dead man's watch read it.

use serde_json::Value;

use crate::harness::{Container, Ended, Installation, RESTIC_PASSWORD, ended};
use crate::healthchecks::Healthchecks;

const FILE: &str = ".cloud-backup/history.sqlite";
const DAMAGED: &str = "the history of runs is damaged";
const NOT_WRITTEN: &str = "this run is not in the history of runs";

impl Installation {
    /// The runs in the order in which they began, as another container sees them.
    pub fn runs(&self) -> Vec<Value> {
        let home = format!("--volume={}:/home/user", self.volume());
        let image = crate::harness::image();
        parsed(&crate::harness::docker([
            "run",
            "--rm",
            "--network=none",
            &home,
            &example("show-history"),
            "--entrypoint=/show-history",
            &image,
        ]))
    }

    /// What was set aside, one name a line.
    fn set_aside(&self) -> String {
        let listed = self.shell("ls .cloud-backup | grep history-set-aside; true");
        listed.ok().stdout
    }

    fn cut_history_in_the_middle(&self) {
        let script = format!("truncate -s $(($(stat -c %s {FILE}) / 2)) {FILE}");
        self.shell(&script).ok();
    }
}

/// Mounts an example at the top of the tree.
pub fn example(name: &str) -> String {
    let test = std::env::current_exe().expect("the test's own path");
    let profile = test.ancestors().nth(2).expect("the folder of the profile");
    let example = profile.join("examples").join(name);
    assert!(example.exists(), "it is not there: cargo build --examples");
    format!("--volume={}:/{name}:ro", example.display())
}

fn parsed(shown: &Ended) -> Vec<Value> {
    let shown = shown.clone().ok().stdout;
    let lines = shown.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect()
}

/// A backup that runs until it is killed.
fn endless() -> Installation {
    let installation = Installation::new();
    installation.run(["restic", "init"]).ok();
    installation.fake_restic(&["say running", "sleep 60000"])
}

fn wait_for_restic(container: &Container) {
    container.pid("restic", "backup");
}

#[track_caller]
fn assert_ended(run: &Value, command: &str, args: &[&str], exit_code: u8, verdict: &str) {
    assert_eq!(
        (&run["command"], &run["args"], &run["state"]),
        (&command.into(), &args.into(), &"ended".into()),
        "{run}"
    );
    assert_eq!(run["end"]["exit_code"], exit_code, "{run}");
    let told = run["end"]["verdict"].as_str().expect("a verdict");
    assert!(told.starts_with(verdict), "{run}");
}

#[test]
fn each_run_of_each_job_is_a_row_with_its_result() {
    let installation = Installation::new().env("CLOUD_BACKUP_STARTED_BY", "the schedule");
    installation.write("a", vec![7; 100_000]);
    let backup = installation.run(["backup", "/backup/dir1"]).ok();
    installation.run(["backup", "--json", "/backup/dir1"]).ok();
    installation.run(["backup", "-n", "/backup/dir1"]).ok();
    installation
        .run(["backup", "/backup/dir1", "/none"])
        .code(3);
    installation.run(["forget", "--keep-last", "1"]).ok();
    installation.run(["check-refresh-token"]).ok();
    let installation = installation.env("RESTIC_PASSWORD", "");
    installation.run(["backup", "/backup/dir1"]).code(78);
    installation.run(["check-refresh-token"]).code(78);

    let runs = installation.runs();
    assert_eq!(runs.len(), 8, "{runs:#?}");
    let success = "Successful backup of /backup/dir1";
    assert_ended(&runs[0], "backup", &["/backup/dir1"], 0, success);
    assert_eq!(runs[0]["started_by"], "the schedule");
    let end = &runs[0]["end"];
    let snapshot = end["snapshot"].as_str().expect("a snapshot");
    assert!(backup.all().contains(&format!("snapshot {snapshot} saved")));
    assert_eq!(end["files"], 1, "{end}");
    // "97.656 KiB", as restic rounds it.
    assert_eq!(end["bytes_processed"], 99_999, "{end}");
    assert!(end["bytes_added"].as_u64() > Some(500), "{end}");
    assert_ended(&runs[1], "backup", &["--json", "/backup/dir1"], 0, success);
    let end = &runs[1]["end"];
    assert_eq!(
        (&end["files"], &end["bytes_processed"]),
        (&1.into(), &100_000.into())
    );
    assert_eq!(runs[2]["dry_run"], true);
    assert_ended(
        &runs[3],
        "backup",
        &["/backup/dir1", "/none"],
        3,
        "Backup of /backup/dir1, /none failed: 1 file could not be read",
    );
    assert_ended(
        &runs[4],
        "forget",
        &["--keep-last", "1"],
        0,
        "Successful forget --keep-last 1",
    );
    assert_eq!(runs[4]["end"]["snapshot"], Value::Null);
    let verdict = "The storage /home/user/storage/ needs no login: nothing to check";
    assert_ended(&runs[5], "check-refresh-token", &[], 0, verdict);
    let wrong = "Backup of /backup/dir1 failed: the configuration has a problem: RESTIC_PASSWORD";
    assert_ended(&runs[6], "backup", &["/backup/dir1"], 78, wrong);
    assert_ended(
        &runs[7],
        "check-refresh-token",
        &[],
        78,
        "Check of the login failed: the configuration has",
    );
    let mode = installation.shell(&format!("stat -c '%a %U' {FILE}")).ok();
    assert_eq!(mode.stdout, "600 user\n");
    assert_eq!(installation.set_aside(), "");
}

#[test]
fn neither_arguments_nor_verdicts_show_a_secret() {
    let installation = Installation::new();
    installation.write("a", "one");
    let tag = format!("--tag={RESTIC_PASSWORD}");
    installation.run(["backup", &tag, "/backup/dir1"]).ok();
    installation
        .run(["backup", &format!("/{RESTIC_PASSWORD}")])
        .code(1);
    let runs = installation.runs();
    assert_eq!(runs[0]["args"][0], "--tag=[redacted]");
    assert_eq!(runs[1]["args"][0], "/[redacted]");
    let found = format!("grep -rl {RESTIC_PASSWORD} .cloud-backup; true");
    assert_eq!(installation.shell(&found).ok().stdout, "");
}

#[test]
fn a_run_on_its_way_is_told_as_that_and_a_killed_one_as_broken_off() {
    let installation = endless();
    let server = installation.server();
    let first = server.spawn_exec([], ["backup", "/backup/dir1"]);
    wait_for_restic(&server);
    assert_eq!(installation.runs()[0]["state"], "running");

    installation.run(["backup", "/backup/dir1"]).code(75);
    let runs = installation.runs();
    let skipped = &runs[1]["end"];
    let reason = skipped["skipped"].as_str().expect("a reason");
    let holder = format!(
        "the same job is still running: container {}",
        &server.id[..12]
    );
    assert!(reason.starts_with(&holder), "{skipped}");
    assert_eq!(skipped["exit_code"], 75);
    assert_eq!(runs[0]["state"], "running");

    server.kill("KILL", server.pid("backup", "dir1"));
    ended("the killed backup", first).code(137);
    assert_eq!(installation.runs()[0]["state"], "broken off");
}

#[test]
fn a_killed_container_leaves_a_run_that_was_broken_off_and_the_next_one_is_whole() {
    let installation = endless();
    let first = installation.start(["backup", "/backup/dir1"]);
    wait_for_restic(&first);
    first.signal("KILL").ok();
    first.wait();
    let installation = installation.fake_restic(&["say done"]);
    let next = installation.run(["backup", "/backup/dir1"]).ok();
    assert!(!next.all().contains("history"), "{}", next.all());
    let runs = installation.runs();
    assert_eq!(runs[0]["state"], "broken off");
    let success = "Successful backup of /backup/dir1";
    assert_ended(&runs[1], "backup", &["/backup/dir1"], 0, success);
    let locks = installation.shell("ls .cloud-backup/run/jobs").ok();
    assert_eq!(locks.stdout, "", "no lock is left");
}

#[test]
fn a_stop_of_the_container_is_an_end_with_130() {
    let installation = endless();
    let first = installation.start(["backup", "/backup/dir1"]);
    wait_for_restic(&first);
    first.stop();
    let runs = installation.runs();
    let interrupted = "Backup of /backup/dir1 failed: it was interrupted by ";
    assert_ended(&runs[0], "backup", &["/backup/dir1"], 130, interrupted);
}

#[test]
fn the_row_of_a_run_has_the_id_of_its_report() {
    let healthchecks = Healthchecks::start();
    let installation = Installation::new()
        .fake_restic(&["say done"])
        .env("FORGET_CHECK_URL", &healthchecks.url_for_containers());
    installation.run(["forget", "--keep-last=1"]);
    let id = installation.runs()[0]["id"].clone();
    let pings = healthchecks.pings();
    assert!(!pings.is_empty());
    for ping in pings {
        assert_eq!(ping.rid, id, "{}", ping.signal);
    }
}

#[test]
fn a_history_cut_in_the_middle_is_said_and_does_not_fail_the_next_backup() {
    let installation = Installation::new();
    installation.write("a", "one");
    installation.run(["backup", "/backup/dir1"]).ok();
    installation.cut_history_in_the_middle();
    let second = installation.run(["backup", "/backup/dir1"]).ok();
    assert_eq!(second.all().matches(DAMAGED).count(), 1, "{}", second.all());
    let aside = installation.set_aside();
    assert_eq!(aside.lines().count(), 1, "{aside}");
    assert!(second.all().contains(aside.trim()), "{}", second.all());
    assert_eq!(installation.runs().len(), 1);

    let third = installation.run(["backup", "/backup/dir1"]).ok();
    assert!(!third.all().contains("history"), "{}", third.all());
    assert_eq!(installation.runs().len(), 2);
}

#[test]
fn a_history_cut_while_a_backup_runs_gets_that_run_whole() {
    let installation = Installation::new();
    installation.run(["restic", "init"]).ok();
    let installation = installation.fake_restic(&["say running", "sleep 3000", "say done"]);
    let server = installation.server();
    let backup = server.spawn_exec([], ["backup", "/backup/dir1"]);
    wait_for_restic(&server);
    installation.cut_history_in_the_middle();
    ended("the backup", backup).ok().says(DAMAGED);
    let runs = installation.runs();
    let success = "Successful backup of /backup/dir1";
    assert_ended(&runs[0], "backup", &["/backup/dir1"], 0, success);
}

#[test]
fn a_history_that_cannot_be_written_is_one_warning() {
    let installation = Installation::new();
    installation.write("a", "one");
    installation.run(["backup", "/backup/dir1"]).ok();
    let script = format!("chown root {FILE} && chmod 0 {FILE} && md5sum {FILE}");
    let before = installation.shell(&script).ok().stdout;
    for command in [&["backup", "/backup/dir1"][..], &["check-refresh-token"]] {
        let run = installation.run(command.iter().copied()).ok();
        assert_eq!(run.all().matches(NOT_WRITTEN).count(), 1, "{}", run.all());
        assert!(run.all().contains("Permission denied"), "{}", run.all());
    }
    let after = installation.shell(&format!("md5sum {FILE}")).ok().stdout;
    assert_eq!(after, before);
}

#[test]
fn a_full_volume_is_one_warning_and_the_history_goes_on_when_there_is_room_again() {
    let installation = Installation::new().with([
        "--tmpfs=/home/user/.cloud-backup:size=256k,uid=1000,gid=1000,mode=0700",
        &example("show-history"),
    ]);
    installation.write("a", "one");
    let server = installation.server();
    server.exec(["backup", "/backup/dir1"]).ok();
    server
        .shell("cat /dev/zero >/home/user/.cloud-backup/filling")
        .code(1);
    let backup = server.exec(["backup", "/backup/dir1"]).ok();
    let warnings = backup.all().matches(NOT_WRITTEN).count();
    assert_eq!(warnings, 1, "{}", backup.all());
    assert!(backup.all().contains("is full"), "{}", backup.all());

    server.shell("rm /home/user/.cloud-backup/filling").ok();
    let backup = server.exec(["backup", "/backup/dir1"]).ok();
    assert!(!backup.all().contains("history"), "{}", backup.all());
    let runs = parsed(&server.exec(["/show-history"]));
    assert_eq!(runs.len(), 2, "{runs:#?}");
    assert!(runs.iter().all(|run| run["state"] == "ended"), "{runs:#?}");
    let files = server.shell("ls /home/user/.cloud-backup | grep history");
    assert_eq!(files.ok().stdout, "history.sqlite\n");
}

#[test]
fn jobs_of_several_containers_at_the_same_moment_are_all_in_it() {
    let installation = Installation::new();
    installation.run(["restic", "init"]).ok();
    let installation = installation.fake_restic(&["say done"]);
    let server = installation.server();
    let names = ["d1", "d2", "d3", "d4", "d5", "d6"];
    let jobs: Vec<_> = names
        .iter()
        .map(|name| server.spawn_exec([], ["backup", "--tag", name, "/backup/dir1"]))
        .collect();
    let one_shots =
        names.map(|name| installation.start(["backup", "--host", name, "/backup/dir1"]));
    for job in jobs {
        let end = ended("a job", job).ok();
        assert!(!end.all().contains("history"), "{}", end.all());
    }
    for one_shot in one_shots {
        assert_eq!(one_shot.wait(), 0, "{}", one_shot.logs());
        assert!(!one_shot.logs().contains("history"), "{}", one_shot.logs());
    }
    let runs = installation.runs();
    assert_eq!(runs.len(), 12, "{runs:#?}");
    assert!(runs.iter().all(|run| run["state"] == "ended"), "{runs:#?}");
}
