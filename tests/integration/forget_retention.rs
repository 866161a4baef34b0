//! What is said of a `forget` that succeeds and leaves too much: a host name for each container, a bound of the user's.

use std::time::{Duration, Instant};

use crate::backup::options_of_restic;
use crate::harness::{Container, Ended, Installation, RESTIC_PASSWORD, docker, ended};
use crate::healthchecks::Healthchecks;
use crate::project::Project;

/// One old snapshot of each of fifteen hosts, as containers leave them that are created anew without a hostname.
const OF_FIFTEEN_HOSTS: &str = "for n in 01 02 03 04 05 06 07 08 09 10 11 12 13 14 15; do \
     restic backup --quiet --host container-$n --time \"2026-01-$n 10:00:00\" /backup/dir1 || exit; \
 done";

/// A policy that leaves two of them.
const KEEP_TWO: [&str; 2] = ["--keep-last", "2"];

/// What the program finds after a forget that keeps two of them.
const VERDICT: &str = "Forget --keep-last 2 failed: 15 snapshots are in the repository, and this retention should leave 2; \
     the others are of the hosts container-01 (1), container-02 (1), container-03 (1) and 10 more hosts";

/// A repository whose restic says `forgotten` when it forgets, and does this when it is asked to count.
fn counting(count: &[&str]) -> Installation {
    let installation = Installation::new();
    installation.run(["restic", "init"]).ok();
    installation
        .fake_restic(&["say forgotten"])
        .fake_count(count)
}

/// A group of restic's JSON with these many snapshots of one host to remove, and one to keep.
fn group(removable: usize) -> String {
    let one = r#"{"hostname":"old","id":"3a5c"}"#;
    let all = vec![one; removable].join(",");
    format!(r#"[{{"tags":null,"host":"","paths":["/a"],"keep":[{one}],"remove":[{all}]}}]"#)
}

/// What a forget says that was not asked more: it succeeds, and prints nothing of counts.
#[track_caller]
fn assert_is_well(forget: Ended) {
    let forget = forget.ok();
    assert!(!forget.all().contains("snapshots are"), "{}", forget.all());
    assert!(!forget.all().contains("warning"), "{}", forget.all());
}

#[test]
fn a_host_name_for_each_container_is_told_and_mended_by_the_line_of_the_report() {
    let healthchecks = Healthchecks::start();
    let project = Project::beside_others();
    project.edit_sources();
    project.set("BACKUP_REMOTE", "/home/user/storage");
    project.set("RESTIC_PASSWORD", RESTIC_PASSWORD);
    project.set("FORGET_CHECK_URL", &healthchecks.url_for_containers());
    // Where it stands in .env the line must not be kept to this host.
    project.set("RESTIC_HOST", "container-15");
    project.compose(["up", "--detach", "cloud-backup"]).ok();
    let exec =
        |args: &[&str]| docker([&["exec", "--user=user", project.container()], args].concat());
    exec(&["restic", "init"]).ok();
    exec(&["sh", "-c", OF_FIFTEEN_HOSTS]).ok();

    let forget = ["forget", KEEP_TWO[0], KEEP_TWO[1]];
    exec(&forget)
        .code(3)
        .says(&format!("cloud-backup: {VERDICT}\n"));
    assert_eq!(healthchecks.signals(), ["start", "3"]);
    let body = healthchecks.last_body();
    let lines: Vec<&str> = body.lines().collect();
    assert_eq!(lines[0], VERDICT, "{body}");
    let (cause, line) = lines[1].split_once(" type once: ").expect("a line to type");
    assert_eq!(
        cause,
        "forget keeps the newest of each host name: hostname in compose.yaml is not set or was changed, or RESTIC_HOST of \
         forget is not that of backup. Correct that. Then, unless other machines share this repository on purpose (for \
         them set MAX_SNAPSHOTS),"
    );
    // Summary, an empty line, and restic's output, as after any forget.
    assert!(lines[2].starts_with("keep 1 snapshots"), "{body}");
    assert_eq!(lines[3], "", "{body}");
    assert!(
        lines[4].starts_with("Applying Policy: keep 2 latest snapshots"),
        "{body}"
    );

    assert_eq!(
        line,
        "docker compose run --rm -e RESTIC_HOST= cloud-backup restic forget --group-by paths --keep-last 2 --prune"
    );
    project.type_line(line).ok();
    let left = exec(&["sh", "-c", "RESTIC_HOST= restic snapshots --json"]).ok();
    let left = left.stdout.matches("\"hostname\"").count();
    assert_eq!(left, 2, "the newest two of all hosts");
    assert_is_well(exec(&forget));
    assert_eq!(healthchecks.signals(), ["start", "3", "start", "0"]);
    project.compose(["down", "--volumes"]).ok();
}

#[test]
fn one_host_whose_snapshots_go_by_the_policy_is_well() {
    let installation = Installation::new();
    installation.write("a", "one");
    let server = installation.server();
    server.exec(["restic", "init"]).ok();
    let of_one_host = OF_FIFTEEN_HOSTS.replace("container-$n", "my-VM");
    server.exec(["sh", "-c", &of_one_host]).ok();
    let forget = server.exec(["forget", "--keep-last=2", "--prune"]);
    assert_is_well(forget.says("remove 13 snapshots:"));
    assert_is_well(server.exec(["forget", "--keep-last=2", "--prune"]));
    assert_eq!(
        installation.runs()[0]["end"]["exit_code"],
        0,
        "in the history too"
    );
}

/// A forget in this container with this `MAX_SNAPSHOTS`.
fn bounded(server: &Container, bound: &str, args: &[&str]) -> Ended {
    server.exec_with(
        [&*format!("--env=MAX_SNAPSHOTS={bound}")],
        [&["forget"], args].concat(),
    )
}

#[test]
fn who_chooses_snapshots_is_not_asked_and_a_bound_of_the_users_decides_instead() {
    let installation = Installation::new();
    installation.write("a", "one");
    let server = installation.server();
    server.exec(["restic", "init"]).ok();
    server.exec(["sh", "-c", OF_FIFTEEN_HOSTS]).ok();
    server.exec(["forget", "--keep-last", "2"]).code(3);
    let runs = installation.runs();
    assert_eq!(runs[0]["end"]["exit_code"], 3, "{runs:#?}");
    assert_eq!(runs[0]["end"]["verdict"], VERDICT, "{runs:#?}");
    for args in [
        "--keep-last 2 --host container-15",
        "--keep-last 2 --hostname=container-15",
        "--keep-last 2 --group-by host,paths",
        "--keep-last 2 -g host,paths",
        "--keep-last 2 --path /backup/dir1",
        "--keep-last 2 --tag none",
        "--keep-last 2 --keep-tag none",
        "--keep-last 2 --dry-run",
        "--keep-last 2 -n",
    ] {
        let args = ["forget"].into_iter().chain(args.split(' '));
        assert_is_well(server.exec(args));
    }
    // Nothing was removed by them.
    server
        .exec(["forget", "-l2"])
        .code(3)
        .says("15 snapshots are");

    assert_is_well(bounded(&server, "0", &KEEP_TWO));
    assert_is_well(bounded(&server, "15", &KEEP_TWO));
    bounded(&server, "14", &KEEP_TWO)
        .code(3)
        .says(
            "15 snapshots are in the repository, more than MAX_SNAPSHOTS=14, and this retention should leave 2; the others \
             are of the hosts container-01 (1), ",
        )
        .says("restic forget --group-by paths --keep-last 2 --prune\n");
    bounded(&server, "1", &KEEP_TWO)
        .code(3)
        .says("-> Let forget keep fewer (its --keep-* options), or set MAX_SNAPSHOTS higher.");
    // Whatever the arguments choose, it is the whole repository that has a bound.
    let of_one_host = ["--keep-last", "2", "--host", "container-15"];
    assert_is_well(bounded(&server, "15", &of_one_host));
    bounded(&server, "14", &of_one_host).code(3).says(
        "Forget --keep-last 2 --host container-15 failed: 15 snapshots are in the repository, more than MAX_SNAPSHOTS=14\n",
    );
    bounded(&server, "14", &["--keep-last", "2", "-n"]).ok();
    bounded(&server, "few", &KEEP_TWO)
        .code(78)
        .says("MAX_SNAPSHOTS must be a whole number of snapshots");
    // As many as are left after the run, not before it.
    server.exec(["forget", "--keep-last=2", "--group-by="]).ok();
    assert_is_well(bounded(&server, "2", &KEEP_TWO));
}

#[test]
fn no_answer_is_a_warning_in_the_report_and_no_failure() {
    let healthchecks = Healthchecks::start();
    let mut installation =
        counting(&[]).env("FORGET_CHECK_URL", &healthchecks.url_for_containers());
    for (count, why) in [
        (
            &[
                &*format!("warn Fatal: not with {RESTIC_PASSWORD}"),
                "exit 1",
            ][..],
            "not with [redacted]",
        ),
        (
            &["say no JSON"],
            "restic forget --json gives no list of snapshots",
        ),
        // restic 0.18.0 would not mind it; later ones would count the snapshots of this host only.
        (&["blame RESTIC_HOST", "exit 1"], "RESTIC_HOST is not set"),
        (
            &["signal 9"],
            "restic was killed by SIGKILL (out of memory?)",
        ),
    ] {
        installation = installation.fake_count(count);
        installation.run(["forget", "--keep-last", "2"]).ok();
        assert_eq!(
            healthchecks.last_body(),
            format!(
                "Successful forget --keep-last 2\n\
                 \n\
                 forgotten\n\
                 cloud-backup: warning: whether too many snapshots are left is not known: {why}\n"
            )
        );
    }
}

#[test]
fn remarks_of_restic_around_its_json_do_not_hide_it() {
    let json = format!("say {}", group(11));
    let count = [
        "warn [0:00] 100.00%  1 / 1 index files loaded",
        "say [x] a remark",
        &json,
        "say another one",
    ];
    counting(&count)
        .run(["forget", "--keep-last", "2"])
        .code(3)
        .says("12 snapshots are in the repository, and this retention should leave 1; the others are of the host old (11)");
}

#[test]
fn what_restic_says_of_a_count_that_goes_well_is_not_shown() {
    let installation = counting(&["warn a remark", &format!("say {}", group(1))]);
    let forget = installation.run(["forget", "--keep-last", "2"]).ok();
    assert_eq!(forget.stdout, "forgotten\n");
    assert_eq!(
        forget.stderr,
        "cloud-backup: Successful forget --keep-last 2\n"
    );
}

#[test]
fn a_stop_ends_the_count_at_once() {
    let healthchecks = Healthchecks::start();
    let installation =
        counting(&["sleep 600000"]).env("FORGET_CHECK_URL", &healthchecks.url_for_containers());
    let server = installation.server();
    let forget = server.spawn_exec([], ["forget", "--keep-last", "2"]);
    server.pid("restic", "--dry-run");
    let begun = Instant::now();
    server.kill("TERM", server.pid("forget", "--keep-last"));
    ended("forget", forget).code(130);
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(server.pids("restic", "--dry-run"), [] as [u32; 0]);
    assert_eq!(healthchecks.signals(), ["start", "130"]);
    let body = healthchecks.last_body();
    assert!(
        body.starts_with("Forget --keep-last 2 failed: it was interrupted by SIGTERM\n"),
        "{body}"
    );
}

#[test]
fn a_count_that_hangs_is_given_up_after_a_minute() {
    let installation = counting(&["sleep 600000"]);
    let begun = Instant::now();
    installation
        .run(["forget", "--keep-last", "2"])
        .ok()
        .says("whether too many snapshots are left is not known: the server gave no answer within 1m\n")
        .says("cloud-backup: Successful forget --keep-last 2\n");
    let took = begun.elapsed().as_secs();
    assert!((60..90).contains(&took), "{took} s");
}

#[test]
fn no_option_of_restic_hides_a_policy() {
    let help = Installation::new().run(["restic", "forget", "--help"]);
    let help = help.ok().stdout;
    let options = options_of_restic(&help);
    assert!(options.len() > 60, "{options:?}");
    for known in ["--keep-within", "-H", "-g", "--max-unused", "--retry-lock"] {
        assert!(options.contains(&(known.to_owned(), true)), "{options:?}");
    }
    let installation = counting(&[&format!("say {}", group(11))]);
    // Those that choose or group snapshots, open another repository, change nothing or give help.
    let others = [
        "--host",
        "--tag",
        "--path",
        "--group-by",
        "-g",
        "--keep-tag",
        "--repo",
        "-r",
        "--repository-file",
        "--password-file",
        "-p",
        "--password-command",
        "--insecure-no-password",
        "--dry-run",
        "-n",
        "--help",
        "-h",
    ];
    let lines: Vec<String> = options
        .iter()
        .map(|(name, takes_value)| {
            let value = if *takes_value { "5" } else { "" };
            format!(
                "echo '{name}:'; forget {name} {value} --keep-last 7 2>&1 | grep -o -e ' --keep.* --prune$';"
            )
        })
        .collect();
    let script = lines.concat() + "true";
    let said = installation
        .server()
        .exec(["sh", "-c", &script])
        .ok()
        .stdout;
    let mut asked = said
        .split("\n-")
        .map(|one| one.contains("--keep-last 7 --prune"));
    for (name, _) in &options {
        let expected = !others.contains(&name.as_str());
        assert_eq!(asked.next(), Some(expected), "{name}: {said}");
    }
}
