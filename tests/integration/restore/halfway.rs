//! A restore that is broken off, or that meets damage or what is in its way: no half file stays for a whole one.

use std::fs;
use std::os::unix::fs::{lchown, symlink};
use std::path::Path;

use super::{backed_up, ids, run_with, shell};
use crate::harness::{Ended, Installation};

/// The line to type that stands after this in a remedy, as arguments.
fn line_after(said: &str, words: &str) -> Vec<String> {
    let (_, line) = said
        .split_once(words)
        .unwrap_or_else(|| panic!("no {words:?}: {said}"));
    let line = line.lines().next().unwrap_or_default().trim();
    let line = line
        .strip_prefix("docker compose run --rm cloud-backup ")
        .expect("a line to type");
    line.split(' ').map(str::to_owned).collect()
}

fn type_line(installation: &Installation, line: &[String]) -> Ended {
    installation.run(line.iter().map(String::as_str))
}

/// Gives the source and what is in it to uid 1000, which has to write there.
fn give_to_uid_1000(folder: &Path) {
    let own = |path: &Path| lchown(path, Some(1000), Some(1000)).expect("chown, as root");
    own(folder);
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        match entry.path() {
            path if path.is_dir() => give_to_uid_1000(&path),
            path => own(&path),
        }
    }
}

#[test]
fn what_never_would_keep_of_a_broken_off_restore_is_mended_by_the_line_that_goes_on() {
    // It takes 20 s; of packs of 4 MiB the first is there after few.
    let installation = Installation::new().env("RCLONE_BWLIMIT", "4M");
    let big = installation.write_random("big", 80_000_000);
    give_to_uid_1000(installation.source());
    run_with(
        &installation,
        ["--env=RCLONE_BWLIMIT=", "--env=RESTIC_PACK_SIZE=4"],
        ["backup", "/backup/dir1"],
    )
    .ok();
    let content = fs::read(&big).expect("a file");
    fs::remove_file(&big).expect("a file");
    let restore = installation.start(["restore", "--in-place", "--overwrite=never"]);
    restore.wait_for("the restore has begun", |_| big.exists());
    restore.stop();
    let logs = restore.logs();
    assert_eq!(restore.exit_code(), 130, "{logs}");
    assert!(
        logs.contains("interrupted by SIGTERM: the original paths have a part of it"),
        "{logs}"
    );
    assert!(
        logs.contains("Not never: by it half a file would stay so"),
        "{logs}"
    );
    assert_ne!(fs::read(&big).expect("a file"), content, "half a file");
    let line = line_after(&logs, "To go on from there: ");
    let line: Vec<&str> = line.iter().map(String::as_str).collect();
    run_with(&installation, ["--env=RCLONE_BWLIMIT="], line).ok();
    assert_eq!(fs::read(&big).expect("a file"), content);
}

#[test]
fn a_file_of_damaged_data_is_named_and_the_line_to_try_it_again_is_not_taken_in_by_its_time() {
    let installation = Installation::new();
    installation.write_random("a", 50_000);
    installation.write_random("b", 50_000);
    installation.run(["backup", "/backup/dir1"]).ok();
    let damage = "cp -a storage sound && cd storage/data && f=$(ls -S */* | head -n 1) && chmod u+w $f && \
                  printf 'damaged!' | dd of=$f bs=1 seek=20000 conv=notrunc status=none";
    installation.shell(damage).ok();
    let refused = installation
        .run(["restore", "--target=/home/user/t"])
        .code(1)
        .says("1 file or folder could not be restored:\n  /backup/dir1/")
        .says("What is there of them is not whole; all else was restored");
    let line = line_after(&refused.stderr, "; to try again: ");
    let path = line.last().expect("a path").clone();
    assert!(path.starts_with("/backup/dir1/"), "{line:?}");
    // It has the size and the time of the snapshot's: what goes by them calls it done.
    type_line(&installation, &line).code(1).says(&path);
    installation.shell("rm -r storage && mv sound storage").ok();
    type_line(&installation, &line).ok();
    shell(
        &installation,
        "diff -r /backup/dir1 /home/user/t/backup/dir1",
    )
    .ok();
}

#[test]
fn what_is_not_damaged_comes_back_though_a_folder_cannot_be_read() {
    let installation = Installation::new();
    installation.write("sub/inner", "in a folder");
    installation.run(["backup", "/backup/dir1"]).ok();
    installation.shell("cp -a storage/data before").ok();
    installation.write("file", "content");
    installation.run(["backup", "/backup/dir1"]).ok();
    // The larger of the first backup's packs has its folders; the cache has them too.
    let lose = "cd before && f=$(ls -S */* | head -n 1) && rm -rf ../storage/data/$f ../.cache";
    installation.shell(lose).ok();
    installation
        .run(["restore", "--dry-run"])
        .code(1)
        .says("1 file or folder cannot be restored:\n  /backup/dir1/sub: ");
    installation
        .run(["restore", "--target=/home/user/t"])
        .code(1)
        .says("1 file or folder could not be restored:\n  /backup/dir1/sub: ");
    installation
        .shell("grep -q content t/backup/dir1/file")
        .ok();
    // `restic ls` crashes there.
    let refused = installation
        .run(["restore", "/backup/dir1/sub/inner"])
        .code(1)
        .says("1 file or folder could not be restored:\n  /backup/dir1/sub: ");
    assert!(!refused.all().contains("goroutine"), "{}", refused.all());
}

#[test]
fn what_is_in_the_place_of_a_folder_is_removed_only_where_that_was_said() {
    let installation = backed_up();
    let source = installation.source().to_owned();
    installation.write("elsewhere/mine", "moved to another disk");
    give_to_uid_1000(installation.source());
    fs::remove_dir_all(source.join("sub")).expect("a folder");
    symlink("elsewhere", source.join("sub")).expect("a link");
    for (overwrite, paths) in [
        ("never", &[][..]),
        ("if-newer", &["/backup/dir1/sub/deep/file"][..]),
    ] {
        let args = ["restore", "--in-place", "--overwrite", overwrite];
        installation
            .run(args.iter().chain(paths).copied())
            .code(73)
            .says("/backup/dir1/sub is a file or a link in the place of a folder of the snapshot: nothing was restored");
        assert!(source.join("sub/mine").exists());
    }
    // What is not in question is.
    fs::remove_file(source.join("file")).expect("a file");
    installation
        .run([
            "restore",
            "--in-place",
            "--overwrite=never",
            "/backup/dir1/file",
        ])
        .ok();
    installation
        .run(["restore", "--in-place", "--overwrite=if-changed"])
        .ok();
    assert!(source.join("sub/deep/file").exists() && source.join("elsewhere/mine").exists());
}

#[test]
fn a_backup_of_a_relative_path_comes_back_by_the_paths_that_it_has() {
    let installation = Installation::new();
    installation.write("file", "content");
    installation.run(["backup", "dir1"]).ok();
    installation
        .run(["restore", "/dir1/file", "--target=/home/user/t"])
        .ok();
    installation.shell("grep -q content t/dir1/file").ok();
    let id = ids(&installation).remove(0);
    installation
        .run(["restore", "--in-place", "--overwrite=never"])
        .code(73)
        .says(&format!(
            "snapshot {id} does not have /backup/dir1, of which it was made"
        ))
        .says(&format!(
            "To a new folder, to copy from there: docker compose run --rm cloud-backup restore --snapshot {id}\n"
        ));
}

#[test]
fn that_a_newer_snapshot_cannot_be_read_is_told() {
    let installation = backed_up();
    installation.run(["backup", "/backup/dir1"]).ok();
    let newest = ids(&installation).remove(1);
    let damage = format!(
        "f=$(ls storage/snapshots/{newest}*) && chmod u+w $f && printf damaged | dd of=$f bs=1 seek=20 conv=notrunc status=none; rm -rf .cache"
    );
    installation.shell(&damage).ok();
    installation
        .run(["restore", "--dry-run"])
        .ok()
        .says(&format!(
            "warning: a snapshot cannot be read: Ignoring \"{newest}"
        ));
}
