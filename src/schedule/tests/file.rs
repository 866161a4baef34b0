//! The file as Ofelia reads it: the shipped one, quotes, comments and words.

use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret;

use crate::schedule::file::{self, Job, Kind, Plan};

const SHIPPED: &str = include_str!("../../../ofelia-config.ini");

#[track_caller]
fn parse(text: &str) -> Plan {
    file::parse(text.as_bytes()).unwrap()
}

#[track_caller]
fn job(lines: &str) -> Job {
    let text = format!("[job-local \"x\"]\nschedule = @daily\ncommand = true\n{lines}");
    parse(&text).jobs.remove(0)
}

/// The words of a command as the file has it.
#[track_caller]
fn words(command: &str) -> Vec<String> {
    let text = format!("[job-local \"x\"]\nschedule = @daily\ncommand = {command}");
    parse(&text).jobs.remove(0).command
}

fn variables(job: &Job) -> Vec<(&str, &str)> {
    job.environment
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose_secret()))
        .collect()
}

#[test]
fn the_shipped_file_has_the_four_jobs_of_the_guide_and_verify() {
    let plan = parse(SHIPPED);
    assert_eq!(
        plan.save_folder.as_deref(),
        Some(Path::new("/var/log/ofelia"))
    );
    assert_eq!(plan.keep_logs_days, None);
    let all: Vec<_> = plan
        .jobs
        .iter()
        .map(|job| {
            (
                job.name.as_str(),
                job.schedule.to_string(),
                job.command.join("|"),
            )
        })
        .collect();
    let expected = [
        ("check-refresh-token", "0 0 1 * * *", "check-refresh-token"),
        ("backup", "0 0 2 * * *", "backup|--tag|example|/backup/dir1"),
        ("forget", "0 0 3 * * *", "forget|--keep-within|1m|--prune"),
        ("verify", "0 0 5 * * 0", "verify"),
        (
            "clean-logs",
            "0 0 4 * * *",
            "find|/var/log/ofelia/|-type|f|-mtime|+30|-print|-delete",
        ),
    ];
    assert_eq!(
        all,
        expected.map(|(name, schedule, command)| (name, schedule.to_owned(), command.to_owned()))
    );
    let [check, backup, forget, verify, clean] = &plan.jobs[..] else {
        panic!("five jobs");
    };
    for job in [check, backup, forget, verify] {
        let Kind::Exec {
            container,
            user,
            line: of_container,
        } = &job.kind
        else {
            panic!("{:?}", job.kind);
        };
        assert_eq!(
            (container.as_str(), user.as_deref()),
            ("cloud-backup", Some("user"))
        );
        assert!(
            SHIPPED
                .lines()
                .nth(of_container - 1)
                .unwrap()
                .starts_with("container")
        );
        assert!(
            SHIPPED
                .lines()
                .nth(job.line - 1)
                .unwrap()
                .contains(&job.name)
        );
        assert!(job.catch_up && job.jitter.is_zero() && job.timeout.is_none());
        assert_eq!(job.save_folder, plan.save_folder);
    }
    assert!(backup.no_overlap && forget.no_overlap && verify.no_overlap && !check.no_overlap);
    assert_eq!(clean.kind, Kind::Local { dir: None });
    assert_eq!(
        variables(backup),
        [
            ("BACKUP_CHECK_URL", "https://hc.cloud.infn.it/ping/<uuid>"),
            ("RESTIC_HOST", "my-VM")
        ]
    );
}

#[test]
fn our_own_keys_have_their_meaning() {
    let plan = parse(
        "[job-local \"one\"]\nschedule = @daily\ncommand = true\n\
         [global]\nkeep-logs-days = 30\nmax-age = 2days\nsave-folder = /logs\n\
         [job-local \"two\"]\nschedule = @daily\ncommand = true\ncatch-up = false\njitter = 5m\ntimeout = 2h 30m\n\
         max-age = 26h\nsave-folder = /other\ndir = /tmp\n",
    );
    assert_eq!(plan.keep_logs_days, Some(30));
    let [one, two] = &plan.jobs[..] else {
        panic!("two jobs");
    };
    let hours = |n: u64| Some(Duration::from_hours(n));
    assert_eq!((one.max_age, two.max_age), (hours(48), hours(26)));
    assert_eq!(one.save_folder.as_deref(), Some(Path::new("/logs")));
    assert_eq!(two.save_folder.as_deref(), Some(Path::new("/other")));
    assert!(one.catch_up && !two.catch_up);
    assert_eq!(two.jitter, Duration::from_mins(5));
    assert_eq!(two.timeout, Some(Duration::from_mins(150)));
    assert_eq!(
        two.kind,
        Kind::Local {
            dir: Some("/tmp".into())
        }
    );
}

#[test]
fn names_are_the_same_in_capitals_and_a_flag_alone_is_true() {
    let plan = parse(
        "\u{feff}  [ Job-Exec \"a \\\"b\\\"\" ] ; a comment\r\n\tSCHEDULE=@daily\r\n  Container =  c  # one\r\n\
         command = true\r\nno-overlap\r\nTTY = No\r\ncatch-up=OFF",
    );
    let job = &plan.jobs[0];
    assert_eq!(job.name, "a \"b\"");
    assert!(job.no_overlap && !job.catch_up);
    assert!(matches!(&job.kind, Kind::Exec { container, user: None, line: 3 } if container == "c"));
}

#[test]
fn a_comment_begins_also_within_single_quotes_but_not_within_double_ones() {
    assert_eq!(words("echo a;b"), ["echo", "a"]);
    assert_eq!(words("echo a # b"), ["echo", "a"]);
    assert_eq!(words("\"echo 'a;b' '#'\""), ["echo", "a;b", "#"]);
    assert_eq!(words("echo \"'a;b'\""), ["echo", "a;b"]);
    assert_eq!(
        variables(&job("environment = A=1;2\nenvironment = B=\"1;2\" ; x")),
        [("A", "1"), ("B", "1;2")]
    );
}

#[test]
fn double_quotes_belong_to_the_file_and_single_ones_to_the_command() {
    assert_eq!(words("sh -c \"echo a b\""), ["sh", "-c", "echo", "a", "b"]);
    assert_eq!(words("sh -c 'echo a b'"), ["sh", "-c", "echo a b"]);
    assert_eq!(words("sh -c \"\\\"echo a\\\"\""), ["sh", "-c", "echo a"]);
    assert_eq!(
        words("echo `a b`  '' \"'  c '\""),
        ["echo", "a b", "", "  c "]
    );
    assert_eq!(variables(&job("environment = \"A= b \"")), [("A", " b ")]);
}

#[test]
fn quotes_count_at_the_start_of_a_word_only() {
    assert_eq!(words("echo --tag='a b'"), ["echo", "--tag='a", "b'"]);
    assert_eq!(words("echo it's"), ["echo", "it's"]);
    assert_eq!(words("echo 'a'b"), ["echo", "a", "b"]);
    assert_eq!(words("echo 'a\"\\\\'b\"'"), ["echo", "a'b"]);
    assert_eq!(
        words("echo \"a\\\\ b \\t c\\nd\""),
        ["echo", "a b", "c", "d"]
    );
    assert_eq!(words("echo a|b c>"), ["echo", "a|b", "c>"]);
}

#[test]
fn a_backslash_at_the_end_of_a_line_joins_the_next_one() {
    let text = "[job-local \"x\"]\ncommand = echo a \\\n  b\\\r\nc\nschedule = @never\n";
    let refusals = file::parse(text.as_bytes()).unwrap_err();
    assert_eq!(refusals.len(), 1);
    assert_eq!(refusals[0].line, 5);
    assert_eq!(
        parse(&text.replace("@never", "@daily")).jobs[0].command,
        ["echo", "a", "bc"]
    );
}

#[test]
fn the_values_of_variables_are_not_shown() {
    let job = job("environment = BACKUP_CHECK_URL=https://hc.example/planted-key");
    assert_eq!(
        variables(&job),
        [("BACKUP_CHECK_URL", "https://hc.example/planted-key")]
    );
    assert!(!format!("{job:?}").contains("planted-key"));
}
