//! Other processes at the same file, and files that cannot be had: it takes two seconds at most, and harms nothing.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rusqlite::Connection;

use super::*;

/// A machine with much else to do may wake us that much later.
const LATE: Duration = Duration::from_secs(3);

const FOLDER: &str = "HISTORY_TEST_FOLDER";

/// The other process: writes runs until it is killed, and prints each id when its end is written.
#[test]
#[ignore = "started by other tests as a process of its own"]
fn writer() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let path = |name: &str| folder.join(name);
    let history = History::new(path("history.sqlite"), path("lock"), path("live"));
    for number in 0.. {
        let run = backup(number);
        let live = history.begin(&run).unwrap();
        history.end(&run, &ending(&run, 0)).unwrap();
        drop(live);
        // Not captured, as `println!` would be.
        writeln!(std::io::stdout(), "\nwritten {}", run.id).unwrap();
    }
}

fn start_writer(scene: &Scene) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--ignored",
            "--nocapture",
            "history::tests::others::writer",
        ])
        .env(FOLDER, scene.folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits for so many runs of it, kills it in the middle of the next ones, and gives the ids it has told.
fn killed_after(mut writer: Child, runs: usize) -> Vec<Uuid> {
    let lines = BufReader::new(writer.stdout.take().unwrap()).lines();
    let mut ids = Vec::new();
    for line in lines {
        if let Some(id) = line.unwrap().strip_prefix("written ") {
            ids.push(Uuid::parse_str(id).unwrap());
        }
        if ids.len() == runs {
            writer.kill().unwrap();
        }
    }
    writer.wait().unwrap();
    assert!(ids.len() >= runs, "{} runs", ids.len());
    ids
}

#[test]
fn two_processes_write_at_once_and_lose_nothing_though_they_are_killed() {
    let scene = Scene::new();
    let mut written = Vec::new();
    for round in 0..4 {
        let [one, other] = [start_writer(&scene), start_writer(&scene)];
        let other = std::thread::spawn(move || killed_after(other, 12 + round));
        written.extend(killed_after(one, 15 - round));
        written.extend(other.join().unwrap());
    }
    let runs = scene.history.since(time(0)).unwrap();
    let ended: Vec<Uuid> = runs
        .iter()
        .filter(|run| run.end().is_some())
        .map(|run| run.beginning.id)
        .collect();
    let lost: Vec<&Uuid> = written.iter().filter(|id| !ended.contains(id)).collect();
    assert!(lost.is_empty(), "{lost:?}");
    assert!(runs.iter().all(|run| run.state != State::Running));
    assert_eq!(scene.aside(), [""; 0]);
}

#[test]
fn of_many_who_find_a_damaged_file_one_sets_it_aside_and_all_write() {
    for round in 0..10 {
        let scene = Scene::new();
        fs::write(scene.file(), format!("garbage {round}")).unwrap();
        let together = std::sync::Barrier::new(8);
        std::thread::scope(|scope| {
            for number in 0..8 {
                let (scene, together) = (&scene, &together);
                scope.spawn(move || {
                    together.wait();
                    scene.ran(backup(number), 0);
                });
            }
        });
        assert_eq!(scene.aside().len(), 1);
        assert_eq!(scene.history.since(time(0)).unwrap().len(), 8);
    }
}

#[test]
fn who_waits_for_another_process_gives_up_after_two_seconds() {
    let scene = Scene::new();
    scene.ran(backup(0), 0);
    let lock = fs::File::create(scene.folder.path().join("lock")).unwrap();
    lock.lock().unwrap();
    let begun = Instant::now();
    assert!(matches!(scene.history.begin(&backup(1)), Err(Error::Busy)));
    let took = begun.elapsed();
    assert!(took >= PATIENCE && took < PATIENCE + LATE, "{took:?}");
    drop(lock);
    scene.ran(backup(2), 0);
}

#[test]
fn a_stranger_who_has_the_database_is_waited_for_just_as_long_and_nothing_is_set_aside() {
    let scene = Scene::new();
    scene.ran(backup(0), 0);
    let stranger = Connection::open(scene.file()).unwrap();
    stranger.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let begun = Instant::now();
    let refused = scene.history.begin(&backup(1)).unwrap_err();
    let took = begun.elapsed();
    assert!(took < PATIENCE + LATE, "{took:?}");
    assert_eq!(refused.to_string(), "database is locked");
    stranger.execute_batch("COMMIT").unwrap();
    assert_eq!(scene.history.since(time(0)).unwrap().len(), 1);
    assert_eq!(scene.aside(), [""; 0]);
}

#[test]
fn what_cannot_be_opened_is_an_error_and_stays_as_it_is() {
    let scene = Scene::new();
    fs::create_dir(scene.file()).unwrap();
    let refused = scene.history.begin(&backup(0)).unwrap_err().to_string();
    assert!(
        refused.starts_with("cannot use ") && refused.contains("directory"),
        "{refused}"
    );
    assert!(scene.file().is_dir());

    let nowhere = scene.folder.path().join("none");
    let path = |name: &str| nowhere.join(name);
    let history = History::new(path("history.sqlite"), path("lock"), path("live"));
    let refused = history.last("backup", None).unwrap_err().to_string();
    assert!(
        refused.contains("none/lock") && refused.contains("No such file"),
        "{refused}"
    );
}
