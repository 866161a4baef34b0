//! Which jobs of a file are ours, and what they are in the history.

use std::ffi::OsString;
use std::io::Write as _;

use super::*;

/// The settings of a container, and more variables.
fn settings(more: &[(&str, &str)]) -> Settings {
    let base = [
        ("HOME", "/home/user"),
        ("RESTIC_PASSWORD", "correct horse"),
        ("BACKUP_REMOTE", "/store"),
        ("CLOUD_BACKUP_USER", "user"),
        (
            "FORGET_CHECK_URL",
            "https://hc.test/ping/0123456789abcdef0123456789abcdef",
        ),
    ];
    let vars = base.iter().chain(more);
    Settings::from_vars(vars.map(|(name, value)| (OsString::from(name), OsString::from(value))))
        .unwrap()
}

fn read(text: &str, more: &[(&str, &str)]) -> Result<Plan> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    Plan::read(file.path(), &settings(more))
}

fn job(kind: &str, lines: &str) -> String {
    format!("[{kind} \"job\"]\nschedule = @daily\n{lines}\n")
}

#[test]
fn the_shipped_file_is_kept_whole() {
    let plan = read(include_str!("../../ofelia-config.ini"), &[]).unwrap();
    assert_eq!(plan.refusals, []);
    let jobs: Vec<_> = plan
        .jobs
        .iter()
        .map(|job| (job.command.as_str(), job.args.join(" "), job.reports))
        .collect();
    assert_eq!(
        jobs,
        [
            ("check-refresh-token", String::new(), true),
            ("backup", "--tag example /backup/dir1".to_owned(), true),
            ("forget", "--keep-within 1m --prune".to_owned(), true),
            ("verify", String::new(), true),
            (
                "find",
                "/var/log/ofelia/ -type f -mtime +30 -print -delete".to_owned(),
                false
            ),
        ]
    );
}

#[test]
fn the_job_that_the_shipped_file_has_in_comments_is_kept_too() {
    let shipped = include_str!("../../ofelia-config.ini");
    let (_, commented) = shipped.split_once("\n# [job-exec").unwrap();
    let (commented, _) = commented.split_once("\n\n").unwrap();
    let text = format!("[job-exec{}", commented.replace("\n# ", "\n"));
    let plan = read(&text, &[]).unwrap();
    let [job] = &plan.jobs[..] else {
        panic!("one job: {text}")
    };
    assert_eq!((job.command.as_str(), job.reports), ("copy", true));
    assert!(job.args.is_empty());
}

#[test]
fn a_job_of_another_container_or_user_is_refused_by_its_line() {
    for (lines, line, told) in [
        (
            "command = backup /b\ncontainer = web",
            4,
            "container is web",
        ),
        (
            "container = cloud-backup\ncommand = cat /b\nuser = root",
            1,
            "user is root",
        ),
    ] {
        let plan = read(&job("job-exec", lines), &[]).unwrap();
        assert!(plan.jobs.is_empty());
        let refusal = &plan.refusals[0];
        assert!(refusal.message.starts_with(told), "{refusal}");
        assert_eq!(refusal.line, line, "{refusal}");
    }
}

#[test]
fn a_command_of_ours_goes_on_as_the_images_user_though_the_file_says_root() {
    let lines = "container = cloud-backup\ncommand = backup /b\nuser = root";
    assert_eq!(read(&job("job-exec", lines), &[]).unwrap().refusals, []);
}

#[test]
fn the_container_may_have_another_name() {
    let text = job("job-exec", "container = web\ncommand = backup /b");
    let plan = read(&text, &[("CONTAINER_NAME", "web")]).unwrap();
    assert_eq!(plan.jobs.len(), 1);
}

#[test]
fn a_number_and_a_group_are_a_user_too() {
    let us = nix::unistd::geteuid();
    let lines = format!("container = cloud-backup\ncommand = backup /b\nuser = {us}:{us}");
    let plan = read(&job("job-exec", &lines), &[]).unwrap();
    assert_eq!(plan.refusals, []);
}

#[test]
fn a_command_is_known_by_each_of_its_names() {
    for command in [
        "forget --keep-last 1",
        "/usr/local/bin/forget --keep-last 1",
        "cloud-backup forget --keep-last 1",
    ] {
        let plan = read(&job("job-local", &format!("command = {command}")), &[]).unwrap();
        let [job] = &plan.jobs[..] else {
            panic!("{command} is one job")
        };
        assert_eq!(job.command, "forget");
        assert_eq!(job.args, ["--keep-last", "1"]);
        assert!(job.check.is_some(), "the container's own");
    }
}

#[test]
fn the_lines_of_a_job_go_before_the_containers_variables_and_secrets_are_not_shown() {
    let lines = "command = backup --tag 0123456789abcdef0123456789abcdef /b\n\
                 environment = BACKUP_CHECK_URL=https://hc.test/ping/0123456789abcdef0123456789abcdef\n\
                 environment = RESTIC_PASSWORD=other";
    let plan = read(&job("job-local", lines), &[]).unwrap();
    let job = &plan.jobs[0];
    assert_eq!(job.environment.get("RESTIC_PASSWORD"), Some("other"));
    assert_eq!(job.environment.get("HOME"), Some("/home/user"));
    assert_eq!(job.args[1], "[redacted]");
    assert_eq!(job.check.as_ref().unwrap().variable(), "BACKUP_CHECK_URL");
}

#[test]
fn a_command_of_restic_reports_where_it_has_a_check() {
    let text = job("job-local", "command = restic check --read-data-subset 5%");
    let url = "https://hc.test/ping/0123456789abcdef0123456789abcdef";
    for (more, reports) in [(&[][..], false), (&[("RESTIC_CHECK_URL", url)], true)] {
        let plan = read(&text, more).unwrap();
        let job = &plan.jobs[0];
        assert_eq!(job.command, "restic");
        assert_eq!((job.reports, job.check.is_some()), (reports, reports));
    }
    // As `restic` itself has it: then the scheduler writes and tells its runs.
    let text = job("job-local", "command = restic unlock");
    let plan = read(&text, &[("RESTIC_CHECK_URL", url)]).unwrap();
    assert!(!plan.jobs[0].reports);
}

#[test]
fn a_program_of_the_users_own_with_the_name_of_a_command_of_ours_is_none() {
    for command in ["/scripts/backup --all", "./forget", "/usr/bin/restic check"] {
        let text = job("job-local", &format!("command = {command}"));
        let url = "https://hc.test/ping/0123456789abcdef0123456789abcdef";
        let plan = read(&text, &[("RESTIC_CHECK_URL", url)]).unwrap();
        let job = &plan.jobs[0];
        let (program, _) = command.split_once(' ').unwrap_or((command, ""));
        assert_eq!((job.command.as_str(), job.reports), (program, false));
        assert!(job.check.is_none(), "{command}");
    }
}

#[test]
fn a_placeholder_that_was_left_in_is_told_of_its_own_job_only() {
    let plan = read(include_str!("../../ofelia-config.ini"), &[]).unwrap();
    let told: Vec<&str> = plan
        .jobs
        .iter()
        .map(|job| {
            let words = job.warning.as_deref().unwrap_or_default();
            words.split(' ').next().unwrap_or_default()
        })
        .collect();
    assert_eq!(
        told,
        [
            "OIDC_TOKEN_CHECK_URL",
            "BACKUP_CHECK_URL",
            "FORGET_CHECK_URL",
            "VERIFY_CHECK_URL",
            ""
        ]
    );
}

#[test]
fn of_two_jobs_with_one_command_the_second_says_so() {
    let text = |name: &str, command: &str| {
        format!("[job-local \"{name}\"]\nschedule = @daily\ncommand = {command}\n")
    };
    let file = text("one", "dump --all") + &text("other", "dump") + &text("two", "dump --all");
    let plan = read(&file, &[]).unwrap();
    let warned: Vec<bool> = plan.jobs.iter().map(|job| job.warning.is_some()).collect();
    assert_eq!(warned, [false, false, true]);
    let warning = plan.jobs[2].warning.as_deref().unwrap();
    assert!(
        warning.starts_with("has the same command as one: "),
        "{warning}"
    );
}

#[test]
fn a_file_without_an_end_is_given_up() {
    let endless = Plan::read(Path::new("/dev/zero"), &settings(&[])).unwrap_err();
    let told = endless.to_string();
    assert!(told.ends_with("it is longer than a megabyte"), "{told}");
}

#[test]
fn a_file_that_is_not_there_or_wrong_is_an_error_that_names_it() {
    let missing = Plan::read(Path::new("/nowhere/config.ini"), &settings(&[])).unwrap_err();
    assert!(
        missing.to_string().contains("/nowhere/config.ini"),
        "{missing}"
    );
    let wrong = read("[job-local \"a\"]\nschedule = never\n", &[]).unwrap_err();
    assert_eq!(wrong.exit_code(), 78);
    let text = wrong.to_string();
    assert!(
        text.contains("line 2: ") && text.contains("line 1: "),
        "{text}"
    );
}

/// The plans of the docs are files that can be kept, each of them.
#[test]
fn the_plans_of_the_docs_are_kept() {
    let docs = include_str!("../../docs/scheduling.md");
    let (_, plans) = docs.split_once("## Common plans").unwrap();
    let mut texts: Vec<String> = Vec::new();
    let mut before = "";
    for line in plans.lines() {
        if let Some(text) = line.strip_prefix("    ") {
            // An empty line within a block keeps it together.
            if !before.is_empty() {
                texts.push(String::new());
            }
            if let Some(last) = texts.last_mut() {
                last.push_str(text);
                last.push('\n');
            }
            before = "";
        } else if !line.is_empty() {
            before = line;
        }
    }
    assert_eq!(texts.len(), 6);
    for text in texts {
        let plan = read(&text, &[]).unwrap_or_else(|error| panic!("{text}\n{error}"));
        assert_eq!(plan.refusals, []);
        assert!(
            plan.jobs
                .iter()
                .all(|job| job.reports && job.check.is_some()),
            "{text}"
        );
    }
}
