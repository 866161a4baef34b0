//! `backup`: initialises once, gives restic's exit codes, is stricter where restic is not, and streams.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Installation, image};

const INITIALISED: &str = "no repository was there: one was initialised";

/// Makes a file of the source unreadable for uid 1000, also where the tests run as that user.
fn lock_away(installation: &Installation, path: &str) {
    let file = installation.write(path, "private");
    std::fs::set_permissions(file, PermissionsExt::from_mode(0o000)).expect("chmod");
}

#[test]
fn the_first_backup_makes_the_repository_and_pins_its_id_and_the_second_makes_none() {
    let installation = Installation::new();
    installation.write("a", "one");
    installation
        .run(["backup", "/backup/dir1"])
        .ok()
        .says(INITIALISED);
    let pin = installation
        .shell("cat .cloud-backup/repositories/*")
        .ok()
        .stdout;
    let config = installation.run(["restic", "cat", "config"]).ok();
    let id = pin.split(' ').next().expect("an id");
    assert_eq!(id.len(), 64, "{pin}");
    assert!(config.stdout.contains(id), "{pin} is not in {config:?}");

    let second = installation.run(["backup", "/backup/dir1"]).ok();
    assert!(!second.all().contains("init"), "{}", second.all());
    assert_eq!(
        installation
            .shell("cat .cloud-backup/repositories/*")
            .stdout,
        pin
    );
    let snapshots = installation.run(["restic", "snapshots"]).ok();
    assert!(snapshots.stdout.contains("2 snapshots"), "{snapshots:?}");
}

#[test]
fn another_remote_gets_a_repository_of_its_own() {
    let installation = Installation::new();
    installation.write("a", "one");
    installation
        .run(["backup", "/backup/dir1"])
        .ok()
        .says(INITIALISED);
    let moved = installation.env("BACKUP_REMOTE", "/home/user/other");
    moved.run(["backup", "/backup/dir1"]).ok().says(INITIALISED);
    assert_eq!(
        moved
            .shell("ls .cloud-backup/repositories | wc -l")
            .stdout
            .trim(),
        "2"
    );
}

#[test]
fn a_repository_that_the_user_made_is_used_and_pinned() {
    let installation = Installation::new();
    installation.write("a", "one");
    installation.run(["restic", "init"]).ok();
    let backup = installation.run(["backup", "/backup/dir1"]).ok();
    assert!(!backup.all().contains(INITIALISED), "{}", backup.all());
    installation
        .shell("cat .cloud-backup/repositories/*")
        .ok()
        .says("/home/user/storage/");
}

#[test]
fn what_was_backed_up_is_restored_byte_for_byte() {
    let installation = Installation::new();
    installation.write("a file with spaces/and a folder", "one\0two\n");
    installation.write("big", vec![7; 3_000_000]);
    installation.run(["backup", "/backup/dir1"]).ok();
    installation
        .run(["restic", "restore", "latest", "--target", "/home/user/back"])
        .ok();
    installation
        .run(["restic", "check", "--read-data"])
        .ok()
        .says("no errors were found");
    let same = crate::harness::docker([
        "run",
        "--rm",
        "--user=root",
        "--entrypoint=diff",
        &format!("--volume={}:/home/user", installation.volume()),
        &format!("--volume={}:/backup/dir1", installation.source().display()),
        &image(),
        "--recursive",
        "/backup/dir1",
        "/home/user/back/backup/dir1",
    ]);
    same.ok();
}

#[test]
fn an_unreadable_file_makes_it_incomplete() {
    let installation = Installation::new();
    installation.write("readable", "one");
    lock_away(&installation, "locked away");
    let backup = installation.run(["backup", "/backup/dir1"]).code(3);
    assert!(
        backup
            .stderr
            .starts_with("cloud-backup: Backup of /backup/dir1 failed: 1 file could not be read\n"),
        "{}",
        backup.stderr
    );
    installation
        .run(["restic", "ls", "latest"])
        .ok()
        .says("/backup/dir1/readable");
}

#[test]
fn an_unreadable_file_makes_it_incomplete_with_json_output_too() {
    let installation = Installation::new();
    installation.write("readable", "one");
    lock_away(&installation, "locked away");
    installation
        .run(["backup", "--json", "/backup/dir1"])
        .code(3)
        .says("failed: 1 file could not be read");
}

#[test]
fn a_missing_source_beside_a_good_one_makes_it_incomplete() {
    let installation = Installation::new();
    installation.write("a", "one");
    let backup = installation
        .run(["backup", "/backup/dir1", "/backup/dir2"])
        .code(3);
    assert!(
        backup
            .stderr
            .contains("Backup of /backup/dir1, /backup/dir2 failed: "),
        "{backup:?}"
    );
    installation
        .run(["restic", "ls", "latest"])
        .ok()
        .says("/backup/dir1/a");
}

#[test]
fn a_missing_source_beside_a_good_one_makes_it_incomplete_with_json_output_too() {
    let installation = Installation::new();
    installation.write("a", "one");
    installation
        .run(["backup", "--json", "/backup/dir1", "/backup/dir2"])
        .code(3);
}

#[test]
fn only_missing_sources_fail_as_restic_fails() {
    let installation = Installation::new();
    installation
        .run(["backup", "/backup/dir2"])
        .code(1)
        .says("Backup of /backup/dir2 failed: all source directories/files do not exist");
}

#[test]
fn an_empty_source_directory_is_taken_for_a_mistake_in_the_volumes() {
    let installation = Installation::new();
    let backup = installation.run(["backup", "/backup/dir1"]).code(3);
    backup.says("Check the host directory in the volumes of compose.yaml");
}

#[test]
fn an_empty_source_directory_is_taken_for_a_mistake_with_json_or_quiet_output_too() {
    let installation = Installation::new();
    installation
        .run(["backup", "--json", "/backup/dir1"])
        .code(3);
    installation
        .run(["backup", "--quiet", "/backup/dir1"])
        .code(3);
}

#[test]
fn a_wrong_password_ends_with_12_and_makes_no_repository() {
    let installation = Installation::new();
    installation.write("a", "one");
    installation.run(["backup", "/backup/dir1"]).ok();
    let installation = installation.env("RESTIC_PASSWORD", "another-planted-password");
    installation
        .run(["backup", "/backup/dir1"])
        .code(12)
        .says("RESTIC_PASSWORD is not the password of this repository");
}

#[test]
fn a_repository_without_readable_keys_is_no_wrong_password() {
    for damage in ["rm storage/keys/*", "chmod 000 storage/keys"] {
        let installation = Installation::new();
        installation.write("a", "one");
        installation.run(["backup", "/backup/dir1"]).ok();
        installation.shell(damage).ok();
        let backup = installation.run(["backup", "/backup/dir1"]);
        assert!(
            backup.code != 0 && !backup.all().contains("RESTIC_PASSWORD is not the password"),
            "{damage}: {} {}",
            backup.code,
            backup.all()
        );
        assert!(
            backup.all().contains("keys are missing or cannot be read"),
            "{damage}: {} {}",
            backup.code,
            backup.all()
        );
    }
}

#[test]
fn an_option_unknown_to_restic_ends_with_1_and_its_words() {
    let installation = Installation::new();
    installation.write("a", "one");
    installation
        .run(["backup", "--no-such-option", "/backup/dir1"])
        .code(1)
        .says("unknown flag: --no-such-option");
}

/// `docker run` of the installation with its streams as pipes.
fn piped(installation: &Installation, args: &[&str]) -> std::process::Child {
    let container = installation.start(args.iter().copied());
    Command::new("docker")
        .args(["logs", "--follow", &container.id])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("docker can be started")
}

#[test]
fn output_is_seen_while_the_job_runs() {
    let installation = Installation::new().fake_restic(&["say first", "sleep 10000", "say last"]);
    let begun = Instant::now();
    let mut logs = piped(&installation, &["backup", "/backup/dir1"]);
    let mut output = BufReader::new(logs.stdout.take().expect("a pipe"));
    let mut line = String::new();
    while line != "first\n" {
        line.clear();
        assert!(
            output.read_line(&mut line).expect("output") > 0,
            "no first line"
        );
    }
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "the first line came late"
    );
    let mut rest = String::new();
    output.read_to_string(&mut rest).expect("output");
    assert_eq!(rest, "last\n");
    logs.wait().expect("its end");
}

#[test]
fn both_streams_keep_their_order() {
    let script: Vec<String> = (0..200)
        .map(|number| format!("{} {number}", if number % 2 == 0 { "say" } else { "warn" }))
        .collect();
    let script: Vec<&str> = script.iter().map(String::as_str).collect();
    let installation = Installation::new().fake_restic(&script);
    let backup = installation.run(["backup", "/backup/dir1"]).ok();
    let numbers: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    let shown: Vec<&str> = backup
        .stdout
        .lines()
        .filter(|line| line.parse::<u32>().is_ok())
        .collect();
    assert_eq!(shown, numbers);
}

#[test]
fn a_restic_killed_by_a_signal_gives_128_and_its_number() {
    let installation = Installation::new().fake_restic(&["say working", "signal 9"]);
    installation
        .run(["backup", "/backup/dir1"])
        .code(137)
        .says("restic was killed by SIGKILL (out of memory?)");
}

#[test]
fn every_exit_code_of_restic_passes_through() {
    for code in [1, 2, 3, 11, 12, 42, 130] {
        let installation = Installation::new().fake_restic(&[&*format!("exit {code}")]);
        installation.run(["backup", "/backup/dir1"]).code(code);
    }
}

/// The options that a help of restic lists, each with whether it takes its value as the next argument.
pub fn options_of_restic(help: &str) -> Vec<(String, bool)> {
    let mut options = Vec::new();
    for line in help
        .lines()
        .filter(|line| line.trim_start().starts_with('-'))
    {
        // Two spaces or more stand between an option with its value's name and its description.
        let declared = line.trim_start().split("  ").next().unwrap_or_default();
        let takes_value = !declared.contains('=')
            && declared
                .rsplit(", ")
                .next()
                .is_some_and(|long| long.contains(' '));
        for name in declared.split(", ") {
            let name = name.split([' ', '[']).next().unwrap_or_default();
            options.push((
                name.to_owned(),
                takes_value || declared.contains("key=value"),
            ));
        }
    }
    options
}

#[test]
fn the_value_of_no_option_of_restic_is_taken_for_a_source() {
    let installation = Installation::new();
    let help = installation.run(["restic", "backup", "--help"]).ok().stdout;
    let options = options_of_restic(&help);
    assert!(options.len() > 60, "{options:?}");
    for known in ["--tag", "-e", "--option", "--retry-lock"] {
        assert!(options.contains(&(known.to_owned(), true)), "{options:?}");
    }
    for known in ["--force", "-n", "--verbose", "--json"] {
        assert!(options.contains(&(known.to_owned(), false)), "{options:?}");
    }
    // The double makes none, and without one there would be a proof to fail.
    installation.run(["restic", "init"]).ok();
    let installation = installation.fake_restic(&[]);
    let lines: Vec<String> = options
        .iter()
        // Help is no backup, and a dry run has a verdict of its own.
        .filter(|(name, _)| !["--help", "-h", "--dry-run", "-n"].contains(&name.as_str()))
        .map(|(name, takes_value)| {
            let value = if *takes_value { "VALUE" } else { "" };
            format!(
                "echo '{name}:'; backup {name} {value} /backup/dir1 2>&1 >/dev/null | grep Successful;"
            )
        })
        .collect();
    let script = lines.concat();
    let server = installation.server();
    let said = server.exec(["sh", "-c", &script]).ok().stdout;
    let wrong: Vec<&str> = said
        .split("\n-")
        .filter(|one| !one.contains(":\ncloud-backup: Successful backup of /backup/dir1"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn much_output_takes_little_memory() {
    let installation = Installation::new().fake_restic(&["flood 200", "sleep 4000"]);
    let server = installation.server();
    let mut backup = server.spawn_exec([], ["backup", "/backup/dir1"]);
    let mut shown = 0_u64;
    let mut stdout = backup.stdout.take().expect("a pipe");
    let mut buffer = vec![0; 64 * 1024];
    // All of it has passed when restic sleeps.
    while shown < 200_000_000 {
        let length = stdout.read(&mut buffer).expect("output");
        assert!(length > 0, "only {shown} bytes were shown");
        shown += length as u64;
    }
    let peak = server
        .shell(
            "for folder in /proc/[0-9]*; do \
             [ \"$(tr '\\0' ' ' <$folder/cmdline)\" = 'backup /backup/dir1 ' ] && grep VmHWM $folder/status; done",
        )
        .stdout;
    let kilobytes: Vec<u64> = peak
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    println!("peak of resident memory at 200 MB of output: {kilobytes:?} kB");
    let [peak] = kilobytes[..] else {
        panic!("not one backup process: {peak:?}")
    };
    assert!(peak < 20_000, "{peak} kB");
    std::io::copy(&mut stdout, &mut std::io::sink()).expect("the rest");
    assert!(backup.wait().expect("its end").success());
}
