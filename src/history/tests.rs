//! The history on real files: what is written is read, whatever happens to the file, and who else writes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use jiff::SignedDuration;
use tempfile::TempDir;

use super::*;

mod damage;
mod others;
mod past;

/// A history in a folder of its own.
struct Scene {
    folder: TempDir,
    history: History,
}

impl Scene {
    fn new() -> Self {
        // In memory where that is to be had: there are thousands of them.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let folder = folder.unwrap();
        let path = |name: &str| folder.path().join(name);
        let history = History::new(path("history.sqlite"), path("lock"), path("live"));
        Self { folder, history }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("history.sqlite")
    }

    /// The files beside the history that were set aside, journals included.
    fn aside(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with("history-set-aside-"))
            .collect();
        names.sort();
        names
    }

    /// Writes a whole run of `backup` and gives it.
    fn ran(&self, beginning: Beginning, exit_code: u8) -> Run {
        let live = self.history.begin(&beginning).unwrap();
        let end = ending(&beginning, exit_code);
        self.history.end(&beginning, &end).unwrap();
        drop(live);
        Run {
            beginning,
            state: State::Ended(end),
        }
    }
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + seconds).unwrap()
}

/// A backup of `/data` that began this long after the others' time.
fn backup(seconds: i64) -> Beginning {
    Beginning {
        id: Uuid::new_v4(),
        command: "backup".to_owned(),
        args: vec![
            "--tag".to_owned(),
            "a \"b\" é".to_owned(),
            "/data".to_owned(),
        ],
        started_by: Some("schedule".to_owned()),
        dry_run: false,
        started: time(seconds),
    }
}

fn ending(run: &Beginning, exit_code: u8) -> End {
    End {
        at: run.started + SignedDuration::from_millis(61_234),
        exit_code,
        verdict: "Successful backup of /data".to_owned(),
        skipped: None,
        figures: Figures {
            snapshot: Some("3a5ceb1d".to_owned()),
            files: Some(5),
            bytes_added: Some(495_701),
            bytes_processed: None,
        },
    }
}

#[test]
fn what_was_written_is_read_in_the_order_of_writing() {
    let scene = Scene::new();
    // The clock was set back between the two.
    let first = scene.ran(backup(100), 0);
    let second = scene.ran(backup(50), 3);
    assert_eq!(
        scene.history.since(time(0)).unwrap(),
        [first.clone(), second.clone()]
    );
    assert_eq!(
        scene.history.since(time(51)).unwrap(),
        std::slice::from_ref(&first)
    );
    assert_eq!(scene.history.last("backup", None).unwrap(), Some(second));
    assert_eq!(
        scene.history.last_success("backup", None).unwrap(),
        Some(first)
    );
    assert_eq!(scene.history.last("forget", None).unwrap(), None);
    assert_eq!(scene.aside(), [""; 0]);
    let mode = fs::metadata(scene.file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn runs_with_other_arguments_are_other_jobs() {
    let scene = Scene::new();
    let one = scene.ran(backup(0), 0);
    let other = scene.ran(
        Beginning {
            args: vec!["/other".to_owned()],
            ..backup(1)
        },
        0,
    );
    let last = |args: &[&str]| {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        scene.history.last("backup", Some(&args)).unwrap()
    };
    assert_eq!(last(&["/other"]), Some(other));
    assert_eq!(last(&["--tag", "a \"b\" é", "/data"]), Some(one));
    assert_eq!(last(&[]), None);
}

#[test]
fn neither_a_dry_run_nor_a_skipped_one_is_a_success() {
    let scene = Scene::new();
    let success = scene.ran(backup(0), 0);
    let skipped = backup(1);
    let reason = Some("the same job is still running".to_owned());
    let end = End {
        skipped: reason,
        ..ending(&skipped, 0)
    };
    scene.history.end(&skipped, &end).unwrap();
    scene.ran(
        Beginning {
            dry_run: true,
            ..backup(2)
        },
        0,
    );
    assert_eq!(
        scene.history.last_success("backup", None).unwrap(),
        Some(success)
    );
    let last = scene.history.last("backup", None).unwrap().unwrap();
    assert_eq!(last.end(), Some(&end));
    assert_eq!(scene.history.since(time(0)).unwrap().len(), 3);
}

#[test]
fn a_run_without_an_end_runs_as_long_as_its_lock_is_held() {
    let scene = Scene::new();
    let run = backup(0);
    let live = scene.history.begin(&run).unwrap();
    let state = || scene.history.last("backup", None).unwrap().unwrap().state;
    assert_eq!(state(), State::Running);
    // Another run of the same job does not make this one live or dead.
    let other = Beginning {
        command: "forget".to_owned(),
        ..backup(1)
    };
    let other_live = scene.history.begin(&other).unwrap();
    assert_eq!(state(), State::Running);
    drop(live);
    assert_eq!(state(), State::BrokenOff);
    scene.history.begin(&backup(2)).unwrap();
    let states: Vec<State> = scene
        .history
        .since(time(0))
        .unwrap()
        .into_iter()
        .map(|run| run.state)
        .collect();
    assert_eq!(states, [State::BrokenOff, State::Running, State::BrokenOff]);
    drop(other_live);
    scene.history.begin(&backup(3)).unwrap();
    let left = fs::read_dir(scene.folder.path().join("live")).unwrap();
    assert_eq!(
        left.count(),
        1,
        "the locks that killed runs left are removed"
    );
}

#[test]
fn an_end_without_a_beginning_is_a_whole_run_and_a_late_beginning_changes_nothing() {
    let scene = Scene::new();
    let run = backup(0);
    scene.history.end(&run, &ending(&run, 0)).unwrap();
    drop(scene.history.begin(&run).unwrap());
    let runs = scene.history.since(time(0)).unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].end(), Some(&ending(&run, 0)));
}

#[test]
fn how_far_a_schedule_is_done_is_kept_by_job_and_by_its_words() {
    let scene = Scene::new();
    let daily = "0 0 2 * * *";
    let at = |seconds| Scheduled {
        anchor: time(seconds),
        done: time(seconds),
        attempt: None,
    };
    let read = |jobs: &[(&str, &str)], now| scene.history.scheduled(jobs, time(now)).unwrap();
    let both = [("backup", daily), ("forget", daily)];
    assert_eq!(read(&both[..1], 1), [at(1)], "a new one begins now");
    let done = Scheduled {
        done: time(5),
        attempt: Some(Attempt::MakeUp),
        ..at(1)
    };
    scene
        .history
        .set_scheduled(&[("backup", daily, done)])
        .unwrap();
    assert_eq!(read(&both, 9), [done, at(9)]);
    assert_eq!(
        read(&[("backup", "@hourly")], 9),
        [at(9)],
        "other words begin anew"
    );
}

#[test]
fn the_schedule_of_a_job_that_is_gone_is_forgotten() {
    let scene = Scene::new();
    let read = |jobs: &[&str], now| {
        let jobs: Vec<_> = jobs.iter().map(|job| (*job, "@daily")).collect();
        let all = scene.history.scheduled(&jobs, time(now)).unwrap();
        all.iter()
            .map(|known| known.anchor.as_second() - time(0).as_second())
            .collect::<Vec<_>>()
    };
    let quoted = "it's \"quoted\"";
    assert_eq!(read(&["backup", quoted, "forget"], 1), [1, 1, 1]);
    assert_eq!(read(&["backup", quoted], 2), [1, 1]);
    assert_eq!(read(&["backup", quoted, "forget"], 7), [1, 1, 7]);
}

#[test]
fn a_job_is_known_since_it_was_seen_first_with_its_schedule() {
    let scene = Scene::new();
    let known = |schedule, now| {
        scene
            .history
            .known_since("backup", schedule, time(now))
            .unwrap()
    };
    assert_eq!(known("@daily", 5), time(5));
    assert_eq!(known("@daily", 9), time(5));
    assert_eq!(known("@daily", 3), time(3), "the clock was wrong before");
    assert_eq!(known("@hourly", 8), time(8));
}

#[test]
fn runs_of_more_than_400_days_ago_are_removed() {
    let scene = Scene::new();
    let day = 24 * 60 * 60;
    scene.ran(backup(0), 0);
    let kept = scene.ran(backup(1), 0);
    let now = backup(1 + 400 * day);
    let live = scene.history.begin(&now).unwrap();
    let runs = scene.history.since(time(-1)).unwrap();
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[0], kept);
    drop(live);
}

#[test]
fn of_many_runs_the_last_20000_are_kept_and_the_next_one_is_written_at_once() {
    let scene = Scene::new();
    let run = scene.ran(backup(0), 0);
    let copies = "INSERT INTO runs (id, command, arguments, dry_run, started, ended, exit_code, verdict)
        WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 20005)
        SELECT id, command, arguments, dry_run, started + n, ended, exit_code, verdict FROM runs, n";
    let added = scene
        .history
        .with(|database| Ok(database.execute(copies, [])?));
    assert_eq!(added.unwrap(), 20_005);
    let begun = std::time::Instant::now();
    let live = scene.history.begin(&backup(100)).unwrap();
    let took = begun.elapsed();
    let runs = scene.history.since(time(0)).unwrap();
    assert_eq!(runs.len(), 20_000);
    assert_eq!(
        runs[0].beginning.started,
        run.beginning.started + SignedDuration::from_millis(7)
    );
    assert!(took < PATIENCE, "{took:?}");
    drop(live);
}

#[test]
fn a_job_of_every_minute_does_not_push_the_last_success_of_a_monthly_one_out() {
    let scene = Scene::new();
    let of = |seconds, args: &[&str]| Beginning {
        args: args.iter().map(|&arg| arg.to_owned()).collect(),
        ..backup(seconds)
    };
    scene.ran(of(0, &["monthly"]), 0);
    let success = scene.ran(of(1, &["monthly"]), 0);
    scene.ran(of(2, &["monthly"]), 1);
    scene.ran(of(3, &["failing"]), 1);
    scene.ran(of(4, &["minutely"]), 0);
    let copies =
        "INSERT INTO runs (id, command, arguments, dry_run, started, ended, exit_code, verdict)
        WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 20000)
        SELECT id, command, arguments, dry_run, started + n, ended, exit_code, verdict FROM runs, n
        WHERE arguments = '[\"minutely\"]'";
    let added = scene
        .history
        .with(|database| Ok(database.execute(copies, [])?));
    assert_eq!(added.unwrap(), 20_000);
    drop(scene.history.begin(&of(5, &["minutely"])).unwrap());
    let runs = scene.history.since(time(0)).unwrap();
    assert_eq!(runs.len(), 20_001);
    assert_eq!(runs[0], success, "the newest success of its job");
    assert_eq!(runs[1].beginning.args, ["minutely"]);
}
