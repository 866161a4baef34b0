//! `verify`: what it finds, and what it leaves behind, which is nothing.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::harness::{Container, Ended, Installation, RESTIC_PASSWORD, ended};
use crate::healthchecks::Healthchecks;

const CHECK_OK: &str = "Verified /home/user/storage/: check ok, 5 % of the data read, ";

fn backed_up(files: &[&str]) -> Installation {
    let installation = Installation::new();
    for file in files {
        installation.write_random(file, 50_000);
    }
    installation.run(["backup", "/backup/dir1"]).ok();
    installation
}

/// The line that a job ends with.
fn verdict(ended: &Ended) -> &str {
    let mut lines = ended.stderr.lines().filter_map(|line| {
        let line = line.strip_prefix("cloud-backup: ")?;
        line.starts_with("Verif").then_some(line)
    });
    lines.next().unwrap_or_default()
}

fn snapshots(installation: &Installation) -> Vec<serde_json::Value> {
    let list = installation.run(["restic", "snapshots", "--json"]).ok();
    serde_json::from_str(list.stdout.trim()).expect("JSON")
}

/// What runs have left in the folder for temporary files.
fn left(server: &Container) -> String {
    let list = server.shell("find /tmp -maxdepth 1 -name 'cloud-backup-verify-*'");
    list.ok().stdout
}

/// Gives a file of the source another content, and the time that it had.
fn change_without_a_new_time(file: &Path, content: &[u8]) {
    let before = fs::metadata(file)
        .expect("a file")
        .modified()
        .expect("a time");
    fs::write(file, content).expect("a written file");
    let file = fs::File::options().write(true).open(file).expect("a file");
    file.set_modified(before).expect("a set time");
}

#[test]
fn a_sound_repository_is_verified_with_its_figures_and_nothing_stays_behind() {
    let healthchecks = Healthchecks::start();
    let installation =
        Installation::new().env("VERIFY_CHECK_URL", &healthchecks.url_for_containers());
    installation.write("a", "one");
    installation.write("empty", "");
    // Each sign of a pattern of restic's, and more that a shell would read.
    installation.write_random("o[d]d *?\\ $HOME/na\u{ef}ve; !", 100_000);
    let folder = installation.source().join("locked");
    installation.write("locked/b", vec![7; 3_000_000]);
    fs::set_permissions(&folder, PermissionsExt::from_mode(0o555)).expect("chmod");
    let server = installation.server();
    server.exec(["backup", "/backup/dir1"]).ok();

    let before = snapshots(&installation);
    let first = server.exec(["verify"]).ok();
    let id = before[0]["short_id"].as_str().expect("an id");
    let expected = format!("{CHECK_OK}3 files of snapshot {id} restored and equal (2.9 MiB)");
    assert_eq!(verdict(&first), expected);
    assert_eq!(left(&server), "");
    assert_eq!(snapshots(&installation), before);

    assert_eq!(healthchecks.signals(), ["start", "0"]);
    let body = healthchecks.last_body();
    assert!(body.starts_with(&format!("{expected}\n")), "{body}");
    for secret in [RESTIC_PASSWORD, &healthchecks.url_for_containers()] {
        assert!(!body.contains(secret) && !first.all().contains(secret));
    }
    let run = installation.runs().pop().expect("a run");
    assert_eq!(run["command"], "verify");
    assert_eq!(run["end"]["verdict"], expected);
    fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).expect("chmod");
}

#[test]
fn what_was_changed_or_removed_since_is_counted_and_no_failure() {
    let installation = backed_up(&["equal", "changed", "touched", "removed"]);
    installation.write("changed", "other content");
    // The same content with another time: it may have been another one in between.
    let touched = installation.source().join("touched");
    let content = fs::read(&touched).expect("a file");
    fs::write(&touched, content).expect("a written file");
    fs::remove_file(installation.source().join("removed")).expect("a removed file");
    let run = installation.run(["verify", "--read-data-subset=100%"]).ok();
    let said = verdict(&run);
    assert!(
        said.starts_with(
            "Verified /home/user/storage/: check ok, 100 % of the data read, 1 file of snapshot "
        ) && said.ends_with(" restored and equal (48.8 KiB), 2 changed since, 1 gone since"),
        "{said}"
    );
}

#[test]
fn a_source_that_is_gone_as_a_whole_is_said() {
    let installation = Installation::new();
    installation.write("a", "one");
    let elsewhere = installation.source().display().to_string();
    let installation = installation.with([&*format!("--volume={elsewhere}:/elsewhere")]);
    installation.run(["backup", "/elsewhere"]).ok();
    fs::remove_file(installation.source().join("a")).expect("a removed file");
    let run = installation.run(["verify"]).ok();
    let said = verdict(&run);
    assert!(
        said.ends_with(" restored (3 B) and none could be compared, 1 gone since"),
        "{said}"
    );
}

#[test]
fn what_only_root_may_read_is_restored_and_not_compared() {
    let installation = Installation::new().with(["--cap-add=DAC_READ_SEARCH"]);
    let server = installation.server();
    let make = "cd /backup/dir1 && echo readable >readable && mkdir -m 0700 folder && echo root >folder/inner && \
                echo root >secret && chmod 0000 secret && chown -R root:root .";
    server.shell(make).ok();
    server.exec(["backup", "/backup/dir1"]).ok();
    let run = server.exec(["verify"]);
    // The test's own user may not be able to.
    server.shell("rm -rf /backup/dir1/*").ok();
    let run = run.ok();
    let said = verdict(&run);
    assert!(
        said.contains(", 1 file of snapshot ") && said.ends_with(", 2 not readable here"),
        "{said}"
    );
    assert_eq!(left(&server), "");
}

#[test]
fn a_path_that_was_typed_relative_is_compared_with_its_source() {
    let installation = Installation::new();
    installation.write("a", "one");
    installation.run(["backup", "dir1"]).ok();
    let run = installation.run(["verify"]).ok();
    let said = verdict(&run);
    assert!(said.ends_with(" restored and equal (3 B)"), "{said}");
}

#[test]
fn a_file_that_differs_from_its_source_is_named_and_ends_with_65() {
    let healthchecks = Healthchecks::start();
    let installation =
        Installation::new().env("VERIFY_CHECK_URL", &healthchecks.url_for_containers());
    installation.write("equal", "one");
    let damaged = installation.write("damaged", "two");
    installation.run(["backup", "/backup/dir1"]).ok();
    change_without_a_new_time(&damaged, b"tWo");
    installation.run(["verify"]).code(65);
    assert_eq!(healthchecks.signals(), ["start", "65"]);
    let body = healthchecks.last_body();
    let lines: Vec<&str> = body.lines().collect();
    assert_eq!(
        lines[0],
        "Verification failed: 1 restored file is not what was backed up:"
    );
    assert!(lines[1].contains("--read-data-subset=100%"), "{body}");
    assert!(
        lines[2].starts_with("  /backup/dir1/damaged of snapshot ")
            && lines[2].ends_with(" differs from its source, which has the same size and time"),
        "{body}"
    );
}

#[test]
fn where_directories_have_snapshots_of_their_own_it_is_one_that_has_files() {
    let installation = backed_up(&["a"]).with(["--tmpfs=/backup/empty:mode=1777"]);
    // A snapshot of it is made all the same.
    installation.run(["backup", "/backup/empty"]).code(3);
    // By chance half of the runs would begin with the empty one.
    for _ in 0..3 {
        installation.run(["verify"]).ok().says("1 file of snapshot");
    }
}

/// Flips bytes in the largest file of the storage's data, and gives its name.
fn damage_a_pack(server: &Container) -> String {
    let script = "cd /home/user/storage/data && f=$(ls -S */* | head -n 1) && chmod u+w $f && \
                  printf 'damaged!' | dd of=$f bs=1 seek=20000 conv=notrunc status=none && basename $f";
    server.shell(script).ok().stdout.trim().to_owned()
}

#[test]
fn a_damaged_pack_is_named_by_the_check() {
    let healthchecks = Healthchecks::start();
    let installation =
        backed_up(&["a"]).env("VERIFY_CHECK_URL", &healthchecks.url_for_containers());
    let server = installation.server();
    let pack = damage_a_pack(&server);
    server.exec(["verify", "--read-data-subset=100%"]).code(1);
    assert_eq!(healthchecks.signals(), ["start", "1"]);
    let body = healthchecks.last_body();
    let lines: Vec<&str> = body.lines().collect();
    assert_eq!(
        lines[0],
        "Verification failed: restic check: repository contains errors"
    );
    assert!(
        lines[2].starts_with(&format!("pack {pack} contains ")),
        "{body}"
    );
}

#[test]
fn a_damaged_pack_that_the_check_did_not_read_is_found_by_the_restore() {
    let installation = backed_up(&["a", "b"]);
    let server = installation.server();
    let pack = damage_a_pack(&server);
    // A part of the packs with neither of the two in it: restic goes by the first byte of their names.
    let names = server
        .shell("ls -d /home/user/storage/data/*/*")
        .ok()
        .stdout;
    let parts: Vec<u32> = names
        .lines()
        .filter_map(|path| path.rsplit('/').next())
        .map(|name| u32::from_str_radix(&name[..2], 16).expect("digits") + 1)
        .collect();
    let part = (1..=256)
        .find(|part| !parts.contains(part))
        .expect("an empty part");
    let subset = format!("--read-data-subset={part}/256");
    let run = server
        .exec(["verify", &subset])
        .code(1)
        .says("no errors were found")
        .says("Verification failed: restic restore: There were ")
        .says("ignoring error for /backup/dir1/");
    assert!(run.all().contains(&pack[..8]), "{}", run.all());
    assert_eq!(left(&server), "");
}

#[test]
fn without_a_repository_it_ends_with_10_and_without_a_snapshot_of_this_host_with_65() {
    let healthchecks = Healthchecks::start();
    let installation =
        Installation::new().env("VERIFY_CHECK_URL", &healthchecks.url_for_containers());
    installation
        .run(["verify"])
        .code(10)
        .says("Verification failed: there is no repository at /home/user/storage/");
    assert_eq!(healthchecks.signals(), ["start", "10"]);
    installation.shell("test ! -e storage/config").ok();
    installation.write("a", "one");
    installation.run(["restic", "init"]).ok();
    installation
        .run(["verify"])
        .code(65)
        .says("Verification failed: no snapshot of the host my-VM is in the repository\n");
    installation
        .run(["backup", "--host=other", "/backup/dir1"])
        .ok();
    installation
        .run(["verify"])
        .code(65)
        .says("is in the repository, those of other are\n")
        .says("-> Set RESTIC_HOST of verify");
    let installation = installation.env("RESTIC_HOST", "other");
    installation.run(["verify"]).ok().says("1 file of snapshot");
    installation
        .run(["verify", "--read-data-subset=nonsense"])
        .code(1)
        .says("restic check: check flag --read-data-subset has invalid value");
    installation.run(["verify", "more"]).code(64);
}

#[test]
fn where_there_is_no_room_nothing_is_restored() {
    let installation = backed_up(&["a"]);
    // Too little for the cache of the check, and for the files.
    let on = |tmpfs: &str| {
        let tmpfs = format!("--tmpfs=/tmp:size={tmpfs},mode=1777");
        let output = installation.command([&*tmpfs], ["verify"]).output();
        Ended::of(tmpfs, &output.expect("docker can be started"))
            .code(73)
            .says("Verification failed: /tmp has ")
            .says("set TMPDIR")
    };
    on("1m").says(" MiB free, and 17 MiB are needed there");
    on("32m").says(" MiB free, and 65 MiB are needed there");
    let installation = installation.with(["--tmpfs=/tmp:size=32m,mode=1777"]);
    let room = installation.env("TMPDIR", "/home/user");
    room.run(["verify"]).ok().says("1 file of snapshot");
}

#[test]
fn one_file_comes_back_at_the_next_run_whatever_became_of_its_source() {
    let installation = backed_up(&["a"]);
    let first = installation.run(["verify"]).ok();
    assert!(!verdict(&first).contains("canary"), "{}", verdict(&first));
    installation.write_random("a", 50_000);
    let second = installation.run(["verify"]).ok();
    let said = verdict(&second);
    let (before, canary) = said.split_once(", the canary of 20").expect("a canary");
    assert!(
        before.ends_with(" none could be compared, 1 changed since"),
        "{said}"
    );
    assert!(canary.ends_with(" equal"), "{said}");

    // What came back is held against what was kept, and asked for again until it is right.
    let kept = ".cloud-backup/repositories/*.canary.json";
    let falsify = format!(r#"sed -i 's/"sha256":"../"sha256":"zz/' {kept}"#);
    installation.shell(&falsify).ok();
    for _ in 0..2 {
        installation
            .run(["verify"])
            .code(65)
            .says("Verification failed: 1 restored file is not what was backed up:")
            .says("/backup/dir1/a of snapshot ")
            .says(" is not what it was on 20");
    }

    // Its snapshot goes by the retention: that is no failure, and there is a new one.
    installation.run(["backup", "/backup/dir1"]).ok();
    installation
        .run(["forget", "--keep-last=1", "--prune"])
        .ok();
    let third = installation.run(["verify"]).ok();
    assert!(verdict(&third).ends_with(" restored and equal (48.8 KiB)"));

    // The same where the file is unchanged in the newest one: it is found there.
    installation.write("b", "more");
    installation.run(["backup", "/backup/dir1"]).ok();
    installation
        .run(["forget", "--keep-last=1", "--prune"])
        .ok();
    let fourth = installation.run(["verify"]).ok();
    assert!(verdict(&fourth).ends_with(" equal"));
    assert!(verdict(&fourth).contains(", the canary of 20"));
}

/// More than `verify` restores to a folder.
const LARGE: usize = 201_000_000;

/// A snapshot whose only files are a large one, with each sign of a pattern of restic's in its name, and an empty one.
fn large_backed_up() -> Installation {
    let installation = Installation::new();
    installation.write_random("d[u]mp *?\\ $HOME; na\u{ef}ve", LARGE);
    installation.write("empty", "");
    installation.run(["backup", "/backup/dir1"]).ok();
    installation
}

#[test]
fn where_all_files_are_large_one_is_streamed_and_no_room_is_asked_for() {
    let healthchecks = Healthchecks::start();
    let installation = large_backed_up()
        .env("VERIFY_CHECK_URL", &healthchecks.url_for_containers())
        .with(["--tmpfs=/tmp:size=32m,mode=1777"]);
    let server = installation.server();
    let list = server.exec(["restic", "snapshots", "--json"]).ok();
    let list: serde_json::Value = serde_json::from_str(list.stdout.trim()).expect("JSON");
    let id = list[0]["short_id"].as_str().expect("an id");
    let equal =
        format!("{CHECK_OK}1 large file of snapshot {id} read back whole and equal (191.6 MiB)");
    let first = server.exec(["verify"]).ok();
    assert_eq!(verdict(&first), equal);
    // Nobody has seen the content.
    let said = format!(
        "cloud-backup: reading back /backup/dir1/d[u]mp *?\\ $HOME; na\u{ef}ve of snapshot {id} (191.6 MiB)\n"
    );
    assert!(first.stdout.ends_with(&said), "{}", first.stdout);
    assert!(healthchecks.last_body().ends_with(&said));

    // Damaged in its middle, with the size and the time that it had. The canary comes back beside it, as it was.
    let file = installation.source().join("d[u]mp *?\\ $HOME; na\u{ef}ve");
    let time = fs::metadata(&file).and_then(|found| found.modified());
    let mut damaged = fs::File::options().write(true).open(&file).expect("a file");
    damaged
        .seek(SeekFrom::Start(LARGE as u64 / 2))
        .and_then(|_| damaged.write_all(b"damaged!"))
        .and_then(|()| damaged.set_modified(time?))
        .expect("a damaged file");
    let second = server.exec(["verify"]).code(65);
    assert_eq!(second.stdout.matches(&said).count(), 2);
    let body = healthchecks.last_body();
    let lines: Vec<&str> = body.lines().collect();
    assert_eq!(
        lines[0],
        "Verification failed: 1 restored file is not what was backed up:"
    );
    assert_eq!(
        lines[2],
        format!(
            "  /backup/dir1/d[u]mp *?\\ $HOME; na\u{ef}ve of snapshot {id} differs from its source, which has the same \
             size and time"
        )
    );
    assert!(!lines[3].starts_with("  "), "{body}");
}

#[test]
fn a_large_file_that_is_damaged_in_the_repository_is_named_with_what_restic_says() {
    let installation = large_backed_up();
    let server = installation.server();
    damage_a_pack(&server);
    // A part of the packs that has none.
    let names = server.shell("ls /home/user/storage/data/*").ok().stdout;
    let is_empty = |part: &u32| {
        !names
            .lines()
            .any(|name| name.starts_with(&format!("{:02x}", part - 1)))
    };
    let part = (1..=256).find(is_empty).expect("an empty part");
    server
        .exec(["verify", &format!("--read-data-subset={part}/256")])
        .code(1)
        .says("no errors were found")
        .says("Verification failed: restic dump of /backup/dir1/d[u]mp *?\\ $HOME; na\u{ef}ve: cannot dump file: ");
}

#[test]
fn an_interrupted_stream_leaves_nothing_and_no_restic() {
    let installation = large_backed_up();
    let server = installation.server();
    let rclone = server.pid("rclone", "serve");
    let job = server.spawn_exec([], ["verify", "--read-data-subset=1/256"]);
    // Halted as soon as restic is at it, rclone gives no more.
    let halt = format!(
        "until cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -q -e ' [d]ump --quiet'; do sleep 0.01; done 2>/dev/null; \
         kill -s STOP {rclone}"
    );
    server.shell(&format!("timeout 60 sh -c \"{halt}\"")).ok();
    server.kill("TERM", server.pid("verify", "read-data-subset"));
    let end = ended("the verification", job);
    assert_eq!(end.code, 130, "{}", end.all());
    assert!(
        end.stdout
            .contains("\ncloud-backup: reading back /backup/dir1/d[u]mp "),
        "{}",
        end.all()
    );
    assert_eq!(server.pids("restic", ""), [0_u32; 0]);
    assert_eq!(left(&server), "");
    server.kill("CONT", rclone);
    server
        .exec(["verify"])
        .ok()
        .says("1 large file of snapshot ");
}

/// A job in the middle of its restore: rclone is halted as soon as the temporary folder is there.
fn in_the_middle(server: &Container) -> std::process::Child {
    let rclone = server.pid("rclone", "serve");
    let job = server.spawn_exec([], ["verify", "--read-data-subset=1/256"]);
    let halt = format!(
        "until ls -d /tmp/cloud-backup-verify-*/files; do sleep 0.01; done 2>/dev/null; kill -s STOP {rclone}"
    );
    server.shell(&format!("timeout 60 sh -c '{halt}'")).ok();
    assert_ne!(left(server), "");
    job
}

#[test]
fn an_interrupted_run_leaves_nothing_and_says_so() {
    let healthchecks = Healthchecks::start();
    let installation =
        Installation::new().env("VERIFY_CHECK_URL", &healthchecks.url_for_containers());
    installation.write_random("big", 120_000_000);
    let server = installation.server();
    server.exec(["backup", "/backup/dir1"]).ok();
    let job = in_the_middle(&server);
    server.kill("TERM", server.pid("verify", "read-data-subset"));
    let end = ended("the verification", job);
    assert_eq!(end.code, 130, "{}", end.all());
    assert_eq!(left(&server), "");
    assert_eq!(healthchecks.signals(), ["start", "130"]);
    let body = healthchecks.last_body();
    assert!(
        body.starts_with(
            "Verification failed: it was interrupted by SIGTERM\nNothing was changed; "
        ),
        "{body}"
    );
    server.kill("CONT", server.pid("rclone", "serve"));
    server.exec(["verify"]).ok();
}

#[test]
fn what_a_killed_run_has_left_goes_at_the_next() {
    let installation = Installation::new();
    installation.write_random("big", 120_000_000);
    let server = installation.server();
    server.exec(["backup", "/backup/dir1"]).ok();
    let job = in_the_middle(&server);
    server.kill("KILL", server.pid("verify", "read-data-subset"));
    ended("the verification", job);
    server.kill("CONT", server.pid("rclone", "serve"));
    assert_ne!(left(&server), "");
    server.exec(["verify"]).ok();
    assert_eq!(left(&server), "");
}
