//! `status`: what it tells of jobs, server and repository, well and not, to people and programs.

use serde_json::{Value, json};

use crate::harness::{Container, Ended, Installation, RESTIC_PASSWORD, ended};

/// A schedule file, to be mounted where Ofelia has it.
pub struct Schedule(tempfile::NamedTempFile);

impl Schedule {
    pub fn new(text: &str) -> Self {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        std::io::Write::write_all(&mut file, text.as_bytes()).expect("a written file");
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        std::fs::set_permissions(file.path(), readable).expect("chmod");
        Self(file)
    }

    /// The installation with this file; it must outlive the containers.
    pub fn mounted(&self, installation: Installation) -> Installation {
        self.mounted_at(installation, "/etc/ofelia/config.ini")
    }

    fn mounted_at(&self, installation: Installation, path: &str) -> Installation {
        let mount = format!("--volume={}:{path}:ro", self.0.path().display());
        installation.with([mount.as_str()])
    }
}

/// A job of Ofelia's file.
pub fn job(name: &str, command: &str, lines: &str) -> String {
    format!(
        "[job-exec \"{name}\"]\ncontainer = cloud-backup\nuser = user\ncommand = {command}\n{lines}\n"
    )
}

const COMMAND: [&str; 2] = ["status", "--json"];
const NO_SERVER: &str = "no server runs on this volume: docker compose up -d";

#[track_caller]
fn parsed(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {}", ended.all()))
}

/// What is not well: about what, and the problem.
fn findings(status: &Value) -> Vec<(&str, &str)> {
    let findings = status["findings"].as_array().expect("a list");
    findings
        .iter()
        .map(|known| {
            let text = |key: &str| known[key].as_str().unwrap_or_default();
            (text("about"), text("problem"))
        })
        .collect()
}

#[test]
fn a_fresh_volume_a_good_day_and_a_bad_one() {
    let schedule = Schedule::new(
        &[
            job("nightly", "backup /backup/dir1", "schedule = 0 0 2 * * *"),
            job("forget", "forget --keep-last 1", "schedule = @weekly"),
            "[job-local \"clean\"]\nschedule = @hourly\ncommand = find /none\n".to_owned(),
        ]
        .concat(),
    );
    let installation = schedule
        .mounted(Installation::new())
        .env("TZ", "Europe/Rome");
    let fresh = installation.run(["status"]).code(1);
    let first = fresh.stdout.lines().next().expect("a line");
    assert!(
        first.starts_with("1 thing is not well. "),
        "{}",
        fresh.all()
    );
    assert!(first.ends_with(", Europe/Rome"), "{}", fresh.all());
    let repository = "Repository    /home/user/storage/: none yet, the first backup makes it\n";
    fresh.says(NO_SERVER).says(repository).says("none so far");

    let server = installation.server();
    server.exec(["status"]).ok().says("All is well. ");
    installation.write("a", vec![7; 100_000]);
    server.exec(["backup", "/backup/dir1"]).ok();
    server.exec(["backup", "/backup/dir1"]).ok();
    server.exec(["forget", "--keep-last", "1"]).ok();

    let beside = installation.run(COMMAND).ok();
    let status = parsed(&beside);
    assert_eq!(
        (&status["ok"], &status["findings"]),
        (&json!(true), &json!([]))
    );
    assert_eq!(status["schedule"]["file"], "/etc/ofelia/config.ini");
    assert_eq!(status["login"], Value::Null);
    let names = |status: &Value| -> Vec<String> {
        let jobs = status["jobs"].as_array().expect("a list");
        jobs.iter()
            .map(|job| job["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&status), ["nightly", "forget", "clean"]);
    let nightly = &status["jobs"][0];
    let run = &nightly["last_run"];
    assert_eq!(
        (&run["result"], &run["exit_code"], &run["verdict"]),
        (
            &json!("success"),
            &json!(0),
            &json!("Successful backup of /backup/dir1")
        )
    );
    assert_eq!(nightly["last_success"], run["ended"]);
    let utc = |value: &Value| value.as_str().expect("a time").ends_with('Z');
    assert!(utc(&run["ended"]) && utc(&nightly["next_run"]), "{nightly}");
    // In November and in July: two o'clock in Rome.
    let next = nightly["next_run"].as_str().expect("a time");
    assert!(
        next.ends_with("T00:00:00Z") || next.ends_with("T01:00:00Z"),
        "{next}"
    );
    assert_eq!(status["jobs"][2]["watched"], false, "Ofelia writes no rows");
    let container = status["server"]["container"].as_str().expect("an id");
    assert_eq!(
        (container, &status["server"]["healthy"]),
        (server.id.as_str(), &json!(true))
    );
    assert_eq!(status["scheduler"]["running"], false);
    let group = &status["repository"]["snapshots"][0];
    let known = json!([
        group["host"],
        group["paths"],
        group["count"],
        group["newest_bytes"]
    ]);
    assert_eq!(known, json!(["my-VM", ["/backup/dir1"], 1, 100_000]));
    let size = status["repository"]["size_bytes"].as_u64().expect("a size");
    let du = server
        .shell("cd /home/user/storage; find data index snapshots keys -type f -printf '%s\\n'");
    let sizes = du.ok().stdout;
    assert_eq!(
        size,
        sizes
            .lines()
            .map(|line| line.parse::<u64>().unwrap())
            .sum::<u64>()
    );

    a_bad_run(&installation, &server);
}

/// There is nothing left to back up.
#[track_caller]
fn a_bad_run(installation: &Installation, server: &Container) {
    std::fs::remove_file(installation.source().join("a")).expect("a file less");
    server.exec(["backup", "/backup/dir1"]).code(3);
    let bad = server.exec(COMMAND).code(1);
    let status = parsed(&bad);
    let [(about, problem)] = findings(&status)[..] else {
        panic!("{}", bad.all())
    };
    assert_eq!(about, "job");
    assert!(problem.starts_with("nightly failed, 20"), "{problem}");
    assert!(
        problem.ends_with(": Backup of /backup/dir1 failed: no file was found there"),
        "{problem}"
    );
    assert_eq!(status["jobs"][0]["failed_in_a_row"], 1);
    assert_ne!(status["jobs"][0]["last_success"], Value::Null);
    let text = server
        .exec(["status"])
        .code(1)
        .says("1 thing is not well. ");
    let widest = text.stdout.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(100), "{}", text.stdout);
}

/// As on the history's tests: a backup that does not end.
fn endless(schedule: &Schedule) -> (Installation, Container) {
    let installation = schedule.mounted(Installation::new());
    installation.run(["restic", "init"]).ok();
    let installation = installation.fake_restic(&["say running", "sleep 60000"]);
    let server = installation.server();
    (installation, server)
}

#[test]
fn a_run_on_its_way_and_one_that_was_killed() {
    let schedule = Schedule::new(&job("nightly", "backup /backup/dir1", "schedule = @daily"));
    let (installation, server) = endless(&schedule);
    let run = server.spawn_exec([], ["backup", "/backup/dir1"]);
    server.pid("restic", "backup");
    let status = parsed(&installation.run(COMMAND));
    let nightly = &status["jobs"][0];
    assert_ne!(nightly["running_since"], Value::Null);
    assert_eq!(nightly["last_run"], Value::Null);
    server.exec(["status"]).says("    running   since ");

    server.kill("KILL", server.pid("backup", "dir1"));
    ended("the killed backup", run).code(137);
    let killed = server.exec(COMMAND).code(1);
    let status = parsed(&killed);
    let nightly = &status["jobs"][0];
    assert_eq!(nightly["running_since"], Value::Null);
    assert_eq!(nightly["last_run"]["result"], "broken-off");
    let about_jobs = findings(&status);
    let found = about_jobs
        .iter()
        .any(|(about, problem)| *about == "job" && problem.ends_with(": it was broken off"));
    assert!(found, "{}", killed.all());
}

#[test]
fn without_a_schedule_file_the_jobs_are_those_that_ran_and_a_named_file_must_be_right() {
    let wrong = Schedule::new("[job-local \"a\"]\nschedule = never\n");
    let other = Schedule::new(&job("other", "backup /backup/dir1", "schedule = @daily"));
    let installation = wrong.mounted_at(Installation::new(), "/wrong.ini");
    let installation = other.mounted_at(installation, "/other.ini");
    installation.write("a", "one");
    let server = installation.server();
    server.exec(["backup", "/backup/dir1"]).ok();
    server.exec(["backup", "-n", "/backup/dir1"]).ok();
    let status = parsed(&server.exec(COMMAND).ok());
    assert_eq!(status["schedule"]["file"], Value::Null);
    let [job] = &status["jobs"].as_array().expect("a list")[..] else {
        panic!("{status}")
    };
    assert_eq!(
        (&job["name"], &job["next_run"]),
        (&json!("backup"), &Value::Null)
    );
    server.exec(["status"]).ok().says("without a schedule file");

    let named = server
        .exec(["status", "--json", "--schedule", "/other.ini"])
        .ok();
    assert_eq!(parsed(&named)["jobs"][0]["name"], "other");
    for file in ["/wrong.ini", "/missing.ini"] {
        let refused = server.exec(["status", "--schedule", file]).code(78);
        refused.says(&format!("the schedule file {file}"));
    }
}

#[test]
fn in_trouble_it_tells_all_that_it_can_and_no_secret() {
    let schedule = Schedule::new(&job("nightly", "backup /backup/dir1", "schedule = @daily"));
    let installation = schedule.mounted(Installation::new());
    installation.write("a", "one");
    let server = installation.server();
    server.exec(["backup", "/backup/dir1"]).ok();
    server
        .exec(["backup", &format!("--tag={RESTIC_PASSWORD}"), "/none"])
        .code(1);

    let other_password = "another-planted-password";
    let installation = installation.env("RESTIC_PASSWORD", other_password);
    let wrong = installation.run(COMMAND).code(1);
    let status = parsed(&wrong);
    let not_ours = "RESTIC_PASSWORD is not the password of this repository";
    assert_eq!(findings(&status), [("repository", not_ours)]);
    assert_eq!(status["jobs"][0]["last_run"]["result"], "success");
    assert_eq!(status["server"]["healthy"], true);
    assert_eq!(status["repository"]["problem"], not_ours);

    server.stop();
    let installation = installation.env("RESTIC_PASSWORD", RESTIC_PASSWORD);
    let down = installation.run(COMMAND).code(1);
    let status = parsed(&down);
    assert_eq!(findings(&status), [("server", NO_SERVER)]);
    assert_eq!(status["server"]["running"], false);
    assert_eq!(
        status["repository"]["snapshots"][0]["count"], 1,
        "by a server of its own"
    );

    installation.shell("rm -r storage").ok();
    let gone = installation.run(["status"]).code(1);
    let gone = gone
        .says("2 things are not well")
        .says(" is gone from /home/user/storage/");
    for ended in [wrong, down, gone] {
        let all = ended.all();
        assert!(
            !all.contains(RESTIC_PASSWORD) && !all.contains(other_password),
            "{all}"
        );
    }
    let installation = installation.env("RESTIC_PASSWORD", "");
    installation
        .run(["status"])
        .code(78)
        .says("RESTIC_PASSWORD is missing");
}
