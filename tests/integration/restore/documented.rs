//! The lines of docs/restore.md, one after the other, as they stand there.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use super::{ended_of, ids, shell};
use crate::harness::{Container, Ended, Installation, RESTIC_PASSWORD};

const DOCS: &str = include_str!("../../../docs/restore.md");

/// The section under this heading.
fn section(heading: &str) -> &'static str {
    let (_, after) = DOCS.split_once(&format!("\n{heading}\n")).expect(heading);
    let end = after.find("\n## ").unwrap_or(after.len());
    &after[..end]
}

/// What is typed in it, each line with what follows it up to the next blank line.
fn typed(text: &str) -> Vec<(&str, &str)> {
    let mut lines = Vec::new();
    for (at, _) in text.match_indices("$ ").filter(|(at, _)| {
        let line = &text[text[..*at].rfind('\n').map_or(0, |end| end + 1)..*at];
        line.len() >= 4 && line.trim().is_empty()
    }) {
        let (line, rest) = text[at + 2..].split_once('\n').expect("a line");
        let shown = rest.split("\n\n").next().unwrap_or_default();
        let shown = shown.split("$ ").next().unwrap_or_default();
        lines.push((line, shown));
    }
    lines
}

struct Scene {
    installation: Installation,
    id: String,
    /// In the place of the VM's /srv/restored.
    mounted: tempfile::TempDir,
    server: Option<Container>,
}

impl Scene {
    fn new() -> Self {
        let installation =
            Installation::new().env("BACKUP_REMOTE", "/home/user/storage/mrossi/backup/VM1");
        let todo = installation.write("notes/todo.txt", "remember\n");
        installation.write_random("data.bin", 3_000_000);
        let own = |path: &std::path::Path, uid| {
            chown(path, Some(uid), Some(uid)).expect("chown, as root");
        };
        own(installation.source(), 1000);
        own(&installation.source().join("notes"), 1000);
        // Somebody else's file.
        own(&todo, 1234);
        installation.run(["backup", "/backup/dir1"]).ok();
        let id = ids(&installation).remove(0);
        let mounted = tempfile::tempdir().expect("a folder");
        std::fs::set_permissions(mounted.path(), std::fs::Permissions::from_mode(0o755))
            .expect("chmod");
        Self {
            installation,
            id,
            mounted,
            server: None,
        }
    }

    /// What a line of the document does, on this scene.
    fn run(&mut self, line: &str, options: &[&str]) -> Option<Ended> {
        let mounted = format!("{}:/restored", self.mounted.path().display());
        let line = line
            .replace("c8b64294", &self.id)
            .replace("/srv/restored:/restored", &mounted);
        let words: Vec<&str> = line.split_whitespace().collect();
        match &words[..] {
            ["docker", "compose", "run", "--rm", rest @ ..] => {
                let at = rest
                    .iter()
                    .position(|word| *word == "cloud-backup")
                    .expect("a service");
                let options = options.iter().chain(&rest[..at]).copied();
                Some(ended_of(
                    self.installation
                        .command(options, rest[at + 1..].iter().copied()),
                ))
            }
            ["docker", "compose", "up", "-d", "cloud-backup"] => {
                self.server = Some(self.installation.server());
                None
            }
            [
                "sudo",
                "install",
                "-d",
                "-o",
                "1000",
                "-g",
                "1000",
                "/srv/restored",
            ] => {
                chown(self.mounted.path(), Some(1000), Some(1000)).expect("chown, as root");
                None
            }
            _ => panic!("a line that this test does not know: {line}"),
        }
    }

    /// Runs each line; it ends as the screen under it shows, and says what that shows.
    fn run_all(&mut self, text: &str, options: &[&str]) -> usize {
        let lines = typed(text);
        for (line, shown) in &lines {
            let Some(end) = self.run(line, options) else {
                continue;
            };
            let code = match () {
                () if shown.contains("is not empty") => 73,
                () => 0,
            };
            let end = end.code(code);
            for word in [
                "Restored 4 files and folders (9 B) to ",
                "is not empty: nothing was restored",
            ] {
                assert!(
                    !shown.contains(word) || end.all().contains(word),
                    "{line}: {}",
                    end.all()
                );
            }
        }
        lines.len()
    }
}

#[test]
fn the_lines_for_files_directories_and_everything_work_as_they_stand_there() {
    let mut scene = Scene::new();
    assert_eq!(scene.run_all(section("## A single file"), &[]), 4);
    assert_eq!(scene.run_all(section("## A directory"), &[]), 3);
    let restored = scene.mounted.path().join("backup/dir1/notes/todo.txt");
    assert_eq!(std::fs::read(&restored).expect("a file"), b"remember\n");

    let notes = scene.installation.source().join("notes");
    std::fs::remove_dir_all(&notes).expect("a folder");
    let (own, as_root) = section("## Everything back in place")
        .split_once("### ")
        .expect("two parts");
    assert_eq!(scene.run_all(own, &[]), 1);
    let owner = || {
        std::fs::metadata(notes.join("todo.txt"))
            .expect("a file")
            .uid()
    };
    assert_eq!(owner(), 1000);
    std::fs::remove_dir_all(&notes).expect("a folder");
    assert_eq!(scene.run_all(as_root, &[]), 2);
    assert_eq!(owner(), 1234);
}

#[test]
fn the_lines_for_a_new_machine_work_as_they_stand_there() {
    let mut scene = Scene::new();
    let new = ["--hostname=new-VM"];
    let lines = typed(section("## The day the VM is gone"));
    let lines: Vec<&str> = lines.iter().map(|(line, _)| *line).collect();
    let [config, look, restore, in_place] = lines[..] else {
        panic!("four lines: {lines:?}")
    };
    scene.run(config, &new).expect("an end").ok();
    let refused = scene.run(look, &new).expect("an end").code(1);
    refused
        .says(
            "the host new-VM has no snapshots here; these have:\n  my-VM: 1 snapshot, the newest ",
        )
        .says("  -> docker compose run --rm cloud-backup restore --host my-VM --dry-run\n");
    scene.run(restore, &new).expect("an end").ok();
    std::fs::remove_file(scene.installation.source().join("notes/todo.txt")).expect("a file");
    scene.run(in_place, &new).expect("an end").ok();
    assert!(scene.installation.source().join("notes/todo.txt").exists());
}

#[test]
fn plain_restic_and_rclone_restore_by_the_lines_as_they_stand_there() {
    let scene = Scene::new();
    let text = section("## The day our image is gone");
    let begin = text.find("    export RESTIC_PASSWORD").expect("the lines");
    let block = text[begin..].split("\n\n").next().expect("a block");
    let lines: Vec<&str> = block.lines().map(str::trim).collect();
    assert_eq!(lines.len(), 5, "{lines:?}");
    // The same section of rclone.conf, with a directory in the place of the storage.
    let script = format!(
        "set -e; export HOME=/home/user/plain PATH=/usr/bin:/bin; mkdir -p $HOME/.config/rclone; cd $HOME\n\
         printf '[infncloud]\\ntype = alias\\nremote = /home/user/storage\\n' >.config/rclone/rclone.conf\n{}\n\
         diff -r /backup/dir1 restored/backup/dir1; cat one/backup/dir1/notes/todo.txt",
        lines.join("\n").replace("your password", RESTIC_PASSWORD)
    );
    let end = shell(&scene.installation, &script).ok();
    assert!(end.stdout.ends_with("remember\n"), "{}", end.stdout);
    assert!(end.stdout.contains(&scene.id));
}
