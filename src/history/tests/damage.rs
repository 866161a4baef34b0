//! A damaged file is set aside whole, once, and said; what follows is written to a new one.

use std::io;
use std::sync::{Arc, Mutex};

use rusqlite::Connection;

use super::*;

/// What was logged, as text.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl Said {
    /// Gives what `work` gives, and the lines of the log that it made.
    fn by<T>(work: impl FnOnce() -> T) -> (T, Vec<String>) {
        let said = Self::default();
        let writer = said.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let value = tracing::subscriber::with_default(subscriber, work);
        let text = String::from_utf8(said.0.lock().unwrap().clone()).unwrap();
        (value, text.lines().map(str::to_owned).collect())
    }
}

impl io::Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const RUNS: usize = 60;

/// The bytes of a history of some pages, as a job leaves it.
fn whole() -> Vec<u8> {
    let scene = Scene::new();
    for number in 0..RUNS {
        scene.ran(backup(i64::try_from(number).unwrap()), 0);
    }
    scene
        .history
        .scheduled(&[("backup", "@daily")], time(0))
        .unwrap();
    scene
        .history
        .known_since("backup", "@daily", time(0))
        .unwrap();
    fs::read(scene.file()).unwrap()
}

/// Reads and writes this file; gives how many of its runs were read, and what was said.
#[track_caller]
fn survives(content: &[u8], what: &str) -> (usize, Vec<String>) {
    let scene = Scene::new();
    fs::write(scene.file(), content).unwrap();
    let (read, said) = Said::by(|| {
        // A value that is another one is not seen: no row may be missing.
        let read = scene.history.since(Timestamp::MIN);
        let new = scene.ran(backup(1000), 0);
        let last = scene.history.last("backup", None).unwrap();
        assert_eq!(last, Some(new), "{what}");
        let done = Scheduled {
            anchor: time(8),
            done: time(9),
            attempt: Some(Attempt::Regular),
        };
        scene
            .history
            .set_scheduled(&[("backup", "@daily", done)])
            .unwrap();
        let kept = scene.history.scheduled(&[("backup", "@daily")], time(10));
        assert_eq!(kept.unwrap(), [done], "{what}");
        read.unwrap_or_else(|error| panic!("{what}: {error}"))
    });
    let aside = scene.aside();
    assert_eq!(aside.len(), said.len(), "{what}: {said:?}");
    for name in &aside {
        let kept = fs::read(scene.folder.path().join(name)).unwrap();
        assert!(kept == content, "{what}: {name} is another file");
        assert!(said[0].contains(name), "{what}: {said:?}");
    }
    // Once: the new one is well.
    assert!(aside.len() <= 1, "{what}: {aside:?}");
    (read.len(), said)
}

/// The first 512 bytes, which have SQLite's header, and so many steps after them.
fn places(length: usize, step: usize) -> impl Iterator<Item = usize> {
    (0..length).filter(move |place| *place < 512 || place % step == 0)
}

#[test]
fn a_file_cut_at_any_byte_is_set_aside_and_said() {
    let whole = whole();
    assert!(whole.len() > 12_000, "{} bytes are too few", whole.len());
    assert_eq!(survives(&whole, "nothing is cut"), (RUNS, vec![]));
    let ends = [whole.len() - 1, whole.len() - 2];
    for cut in places(whole.len(), 64).chain(ends) {
        let (read, said) = survives(&whole[..cut], &format!("cut at {cut}"));
        assert_eq!((read, said.len()), (0, 1), "cut at {cut}");
        assert!(
            said[0].contains("the history of runs is damaged"),
            "{said:?}"
        );
    }
}

#[test]
fn garbage_or_zeros_anywhere_lose_no_run_in_silence() {
    let whole = whole();
    let mut found = 0;
    for place in places(whole.len(), 61) {
        let mut damaged = whole.clone();
        damaged[place] ^= 0xff;
        let (read, said) = survives(&damaged, &format!("garbage at {place}"));
        assert!(read == RUNS || !said.is_empty(), "{place}: {read} runs");
        found += said.len();
    }
    assert!(found > 50, "{found}");
    for place in (0..whole.len()).step_by(256) {
        let mut damaged = whole.clone();
        damaged[place..place + 256].fill(0);
        let (read, said) = survives(&damaged, &format!("zeros at {place}"));
        assert!(read == RUNS || !said.is_empty(), "{place}: {read} runs");
    }
}

#[test]
fn what_never_was_a_history_is_set_aside() {
    for content in ["", "\n", "not a database at all", &"x".repeat(100_000)] {
        assert_eq!(survives(content.as_bytes(), content).1.len(), 1);
    }
    survives(&vec![0; 50_000], "zeros");
}

/// A history after these statements of somebody else.
fn changed(statements: &str) -> Vec<u8> {
    let scene = Scene::new();
    scene.ran(backup(0), 0);
    let stranger = Connection::open(scene.file()).unwrap();
    stranger.execute_batch(statements).unwrap();
    drop(stranger);
    fs::read(scene.file()).unwrap()
}

#[test]
fn a_history_of_another_version_or_with_other_tables_is_set_aside() {
    for (statements, told) in [
        (
            "PRAGMA user_version = 2",
            "version 2, and this program knows version 1",
        ),
        ("PRAGMA user_version = -1", "version -1"),
        ("PRAGMA application_id = 7", "no history of runs"),
        ("ALTER TABLE runs DROP COLUMN verdict", "its tables are not"),
        ("DROP TABLE runs", "its tables are not"),
        ("UPDATE runs SET id = 'x'", "invalid"),
        ("UPDATE runs SET exit_code = 256", "256"),
        ("UPDATE runs SET started = 9223372036854775807", "range"),
        ("UPDATE runs SET arguments = '{'", "expected a sequence"),
        ("UPDATE runs SET files = -1", "out of range"),
        ("UPDATE runs SET verdict = CAST(x'ff' AS TEXT)", "utf-8"),
    ] {
        let (_, said) = survives(&changed(statements), statements);
        assert!(said[0].contains(told), "{statements}: {said:?}");
    }
}

#[test]
fn a_switch_to_a_write_ahead_log_is_undone_and_loses_nothing() {
    let content = changed("PRAGMA journal_mode = WAL");
    assert_eq!(content[18..20], [2, 2], "the file format versions of a log");
    let scene = Scene::new();
    fs::write(scene.file(), content).unwrap();
    assert_eq!(scene.history.since(time(0)).unwrap().len(), 1);
    assert_eq!(fs::read(scene.file()).unwrap()[18..20], [1, 1]);
    assert_eq!(scene.aside(), [""; 0]);
}

#[test]
fn the_journal_of_a_damaged_file_goes_with_it_and_the_last_3_are_kept() {
    let scene = Scene::new();
    let journal = scene.folder.path().join("history.sqlite-journal");
    let mut names = Vec::new();
    for number in 0..5 {
        // SQLite itself removes a journal that is none, but it does not see this one.
        fs::write(scene.file(), "").unwrap();
        fs::write(&journal, format!("journal {number}")).unwrap();
        scene.ran(backup(number), 0);
        assert!(!journal.exists());
        names.push(
            scene
                .aside()
                .last()
                .unwrap()
                .trim_end_matches("-journal")
                .to_owned(),
        );
    }
    let kept: Vec<String> = names[2..]
        .iter()
        .flat_map(|name| [name.clone(), format!("{name}-journal")])
        .collect();
    assert_eq!(scene.aside(), kept);
    let journal = fs::read_to_string(scene.folder.path().join(&kept[1])).unwrap();
    assert_eq!(journal, "journal 2");
}

#[test]
fn a_journal_without_its_file_is_not_applied_to_a_new_one() {
    let scene = Scene::new();
    fs::write(scene.folder.path().join("history.sqlite-journal"), whole()).unwrap();
    fs::write(
        scene.folder.path().join("history.new"),
        "left by a run that was killed",
    )
    .unwrap();
    scene.ran(backup(0), 0);
    let mut names: Vec<String> = fs::read_dir(scene.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["history.sqlite", "live", "lock"]);
}
