//! Runs at their times: what they report, what they leave, and what they never do.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::harness::{Container, Installation, RESTIC_PASSWORD};
use crate::healthchecks::{CHECK, Healthchecks};

use super::scene::{FILE, SAVE_FOLDER, daily, ended_with, exec, local, soon};

/// The files of runs, one name a line, in their order.
fn log_files(container: &Container) -> Vec<String> {
    let listed = container.shell("ls /home/user/logs").ok().stdout;
    listed.lines().map(str::to_owned).collect()
}

#[test]
fn jobs_run_at_their_times_report_and_leave_three_files_each_without_secrets() {
    let backup_check = Healthchecks::start();
    let forget_check = Healthchecks::start();
    let installation = Installation::new();
    installation.write("a", "one");
    let says = installation.script(
        "says.sh",
        "echo password $RESTIC_PASSWORD\necho check $BACKUP_CHECK_URL >&2\nexit 3\n",
    );
    let url = |check: &Healthchecks| check.url_for_containers();
    let (first, first_time) = soon();
    let (second, second_time) = daily(14);
    let plan = SAVE_FOLDER.to_owned()
        + &exec(
            "backup",
            &first,
            &format!("backup --tag {RESTIC_PASSWORD} /backup/dir1"),
            &[&format!(
                "environment = BACKUP_CHECK_URL={}",
                url(&backup_check)
            )],
        )
        + &exec(
            "forget",
            &second,
            "forget --keep-last 1",
            &[&format!(
                "environment = FORGET_CHECK_URL={}",
                url(&forget_check)
            )],
        )
        + &local(
            "says",
            &first,
            &format!("{says} {RESTIC_PASSWORD} {}", url(&backup_check)),
            &[&format!(
                "environment = BACKUP_CHECK_URL={}",
                url(&backup_check)
            )],
        );
    let server = installation.scheduled(&plan);
    for end in [
        "backup: ended well after ",
        "forget: ended well after ",
        "says: failed after ",
    ] {
        server.wait_until_said(end);
    }
    server.wait_until_said(": exit code 3: check [redacted]");

    assert_eq!(backup_check.signals(), ["start", "0"]);
    let body = backup_check.last_body();
    let verdict = "Successful backup of /backup/dir1\n";
    assert!(body.starts_with(verdict), "{body}");
    assert_eq!(forget_check.signals(), ["start", "0"]);

    let runs = installation.runs();
    let row = |command: &str| {
        let mut found = runs.iter().filter(|run| run["command"] == command);
        let run = found.next().expect("a run");
        assert!(found.next().is_none(), "{runs:#?}");
        assert_eq!(run["started_by"], "the schedule");
        run
    };
    assert!(ended_with(row("backup"), 0), "{runs:#?}");
    assert!(ended_with(row("forget"), 0), "{runs:#?}");
    assert!(ended_with(row("sh"), 3), "{runs:#?}");
    assert_eq!(
        row("sh")["args"],
        serde_json::json!(["/backup/dir1/says.sh", "[redacted]", "[redacted]"])
    );
    assert_eq!(
        row("sh")["end"]["verdict"],
        "says failed: exit code 3: check [redacted]"
    );

    let logs = Logs {
        server: &server,
        files: log_files(&server),
    };
    logs.are_whole("backup", first_time, 0);
    logs.are_whole("forget", second_time, 0);
    let says = logs.are_whole("says", first_time, 3);
    let text = |ending: &str| server.file(&format!("/home/user/logs/{says}{ending}"));
    assert_eq!(text(".stdout.log"), "password [redacted]\n");
    assert_eq!(text(".stderr.log"), "check [redacted]\n");

    assert_eq!(logs.files.len(), 9, "{:#?}", logs.files);
    let modes = server.shell("stat -c '%a %U' /home/user/logs/* | sort -u");
    assert_eq!(modes.ok().stdout, "600 user\n");
    let found =
        format!("cd /home/user; grep -rlE '{RESTIC_PASSWORD}|{CHECK}' logs .cloud-backup; true");
    assert_eq!(server.shell(&found).ok().stdout, "");
    let log = server.logs();
    assert!(
        !log.contains(RESTIC_PASSWORD) && !log.contains(CHECK),
        "{log}"
    );
}

/// The log files of one server.
struct Logs<'a> {
    server: &'a Container,
    files: Vec<String>,
}

impl Logs<'_> {
    /// That a job has its three files and that the summary is right; gives the beginning of their names.
    #[track_caller]
    fn are_whole(&self, job: &str, scheduled: Timestamp, code: u8) -> String {
        let end = format!("_{job}.json");
        let json = self.files.iter().find(|file| file.ends_with(&end));
        let json = json.unwrap_or_else(|| panic!("{end}: {:#?}", self.files));
        let names = json.trim_end_matches(".json");
        for ending in [".stdout.log", ".stderr.log"] {
            let name = format!("{names}{ending}");
            assert!(self.files.contains(&name), "{name}: {:#?}", self.files);
        }
        let text = self.server.file(&format!("/home/user/logs/{json}"));
        let summary: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(summary["Job"]["Name"], job, "{text}");
        let execution = &summary["Execution"];
        assert_eq!(execution["ExitCode"], code, "{text}");
        assert_eq!(execution["Failed"], code != 0, "{text}");
        let time = |key: &str| -> Timestamp {
            let text = execution[key].as_str().expect("a text");
            text.parse().expect("a time")
        };
        assert_eq!(time("Scheduled"), scheduled, "{text}");
        let begun = time("Date");
        assert!(begun >= scheduled, "{text}");
        let late = begun.duration_since(scheduled);
        assert!(late < SignedDuration::from_secs(3), "{late:?}");
        let beginning = begun.strftime(&format!("%Y%m%d_%H%M%S_{job}")).to_string();
        assert_eq!(names, beginning);
        names.to_owned()
    }
}

#[test]
fn logs_that_are_old_enough_go_and_nothing_else() {
    let installation = Installation::new();
    let old = [
        "20200101_020000_backup.stdout.log",
        "20200101_020000_backup.stderr.log",
        "20200101_020000_backup.json",
    ];
    let kept = [
        "20200102_020000_young.json",
        "20200101_020000_backup.txt",
        "20200101_other.json",
        "notes.json",
    ];
    let touch = format!(
        "mkdir logs && cd logs && touch {} {} && touch -d '3 days ago' {} {} && mkdir -p 20200101_020000_folder.json && \
         chown -R user .",
        kept[0],
        kept[1],
        kept[1..].join(" "),
        old.join(" ")
    );
    installation.shell(&touch).ok();
    let plan =
        format!("{SAVE_FOLDER}keep-logs-days = 2\n") + &local("true", "*/3 * * * * *", "true", &[]);
    let server = installation.scheduled(&plan);
    server.wait_for("the old ones are gone", |server| {
        let files = log_files(server);
        old.iter()
            .all(|name| !files.iter().any(|file| file == name))
    });
    let files = log_files(&server);
    for name in kept.iter().chain(&["20200101_020000_folder.json"]) {
        assert!(files.iter().any(|file| file == name), "{name}: {files:#?}");
    }
    assert!(files.iter().any(|file| file.ends_with("_true.json")));
    server.wait_for("the next run", |server| {
        server.said("true: ended well") >= 2
    });
    assert_eq!(server.said("WARN"), 0, "{}", server.logs());
}

#[test]
fn a_run_that_is_due_while_the_last_one_is_on_its_way_is_skipped_told_and_reported() {
    let healthchecks = Healthchecks::start();
    let installation =
        Installation::new().env("BACKUP_CHECK_URL", &healthchecks.url_for_containers());
    installation.run(["restic", "init"]).ok();
    let installation = installation.fake_restic(&["sleep 4000"]);
    let server =
        installation.scheduled(&exec("backup", "*/3 * * * * *", "backup /backup/dir1", &[]));
    server.wait_for("two runs have ended", |_| {
        healthchecks.signals_of_runs().len() >= 4
    });
    server.stop();
    let signals = healthchecks.signals_of_runs();
    assert_eq!(signals[..4], ["start", "0", "start", "0"]);
    let skipped = "backup was skipped at ";
    let notes = healthchecks.notes();
    assert!(!notes.is_empty());
    assert!(notes[0].starts_with(skipped), "{notes:#?}");
    assert!(notes[0].contains(" is still on its way"), "{notes:#?}");
    assert!(server.said(skipped) >= notes.len());

    let (left_out, carried_out): (Vec<Value>, Vec<Value>) = installation
        .runs_of("backup")
        .into_iter()
        .partition(|run| run["end"]["skipped"].is_string());
    assert!(!left_out.is_empty());
    for run in left_out {
        assert!(ended_with(&run, 75), "{run}");
        let why = run["end"]["skipped"].as_str().expect("a reason");
        assert!(why.starts_with(skipped), "{why}");
    }
    let time = |time: &Value| -> Timestamp {
        let text = time.as_str().expect("a time");
        text.parse().expect("a time")
    };
    for two in carried_out.windows(2) {
        assert!(
            time(&two[0]["end"]["at"]) <= time(&two[1]["started"]),
            "{two:#?}"
        );
    }
}

#[test]
fn a_scheduler_alone_works_beside_the_server_of_its_volume_and_no_second_one_does() {
    let installation = Installation::new();
    installation.write("a", "one");
    let server = installation.server();
    let says = installation.script("says.sh", "echo beside the server\n");
    let (schedule, _) = soon();
    installation.plan(
        &(exec("backup", &schedule, "backup /backup/dir1", &[])
            + &local("says", &schedule, &says, &[])),
    );
    let scheduler = installation.start(["schedule", FILE]);
    scheduler.wait_until_said("2 jobs are scheduled");

    let refused = installation.run(["schedule", FILE]).code(75);
    assert!(
        refused.stderr.contains(&format!(
            "container {} (host name my-VM) since 20",
            &scheduler.id[..12]
        )),
        "{}",
        refused.stderr
    );
    assert!(
        !refused.all().contains("scheduled, in"),
        "{}",
        refused.all()
    );

    scheduler.wait_until_said("backup: ended well");
    // Without a folder for logs the output is in the log.
    scheduler.wait_until_said("says: beside the server");
    server
        .exec(["restic", "snapshots"])
        .ok()
        .says("/backup/dir1");
    let runs = installation.runs_of("backup");
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0]["started_by"], "the schedule");
    assert_eq!(server.said("begins"), 0);

    // Its place is free once it has gone, however it went.
    scheduler.power_cut();
    let next = installation.start(["schedule", FILE]);
    next.wait_until_said("2 jobs are scheduled");
    next.stop();
    assert_eq!(next.exit_code(), 0);
}

#[test]
fn with_a_jitter_runs_begin_within_it_and_not_all_at_once() {
    let installation = Installation::new();
    let begins = installation.script("begins.sh", "date +%s%N >>/home/user/begun\n");
    let (schedule, time) = soon();
    let jobs = (0..8).map(|number| {
        let name = format!("job-{number}");
        local(&name, &schedule, &begins, &["jitter = 4s"])
    });
    let server = installation.scheduled(&jobs.collect::<String>());
    server.wait_for("all have ended", |server| server.said(": ended well") == 8);
    let begun = server.file("/home/user/begun");
    let mut begun: Vec<i128> = begun
        .lines()
        .map(|line| line.parse::<i128>().expect("a time") - time.as_nanosecond())
        .collect();
    begun.sort_unstable();
    assert_eq!(begun.len(), 8);
    let second = 1_000_000_000;
    assert!(begun[0] >= 0, "{begun:?}");
    // The machine's own share is not the jitter's.
    assert!(begun[7] < 4 * second + 3 * second, "{begun:?}");
    // By chance once in a million runs.
    assert!(begun[7] - begun[0] > second / 4, "{begun:?}");
}

#[test]
fn times_are_those_of_the_zone_that_is_set() {
    // Zones without daylight saving.
    let installation = Installation::new().env("TZ", "Asia/Tokyo");
    let (_, time) = soon();
    let at = |hours: i64, minutes: i64| {
        let there = time + SignedDuration::from_mins(hours * 60 + minutes);
        (
            there.strftime("%-S %-M %-H * * *").to_string(),
            there.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            there.strftime("%Y%m%d_%H%M%S").to_string(),
        )
    };
    let (tokyo, shown, file) = at(9, 0);
    let (kolkata, _, _) = at(5, 30);
    let plan = SAVE_FOLDER.to_owned()
        + &local("here", &tokyo, "true", &[])
        + &local("there", &format!("TZ=Asia/Kolkata {kolkata}"), "true", &[]);
    let server = installation.scheduled(&plan);
    server.wait_until_said(&format!(
        "2 jobs are scheduled, in Asia/Tokyo: the next is due at {shown}"
    ));
    server.wait_until_said(&format!("here: begins, for {shown}"));
    server.wait_until_said(&format!("there: begins, for {shown}"));
    server.wait_until_said("here: ended well");
    let files = log_files(&server);
    let json = format!("{}_here.json", &file[..13]);
    let json = files
        .iter()
        .find(|name| name.starts_with(&json[..13]) && name.ends_with("_here.json"))
        .unwrap_or_else(|| panic!("{json}: {files:#?}"));
    let text = server.file(&format!("/home/user/logs/{json}"));
    assert!(text.contains("+09:00\""), "{text}");
}
