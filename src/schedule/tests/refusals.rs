//! What the file is refused for, with all lines and sentences.

use crate::schedule::file;

/// All refusals of a file, one a line.
#[track_caller]
fn refused(text: &str) -> Vec<String> {
    file::parse(text.as_bytes())
        .expect_err("refusals")
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// The refusals of one line among those of a good job.
#[track_caller]
fn of_line(line: &str) -> Vec<String> {
    refused(&format!(
        "[job-exec \"x\"]\ncontainer = c\n{line}\n{}{}",
        if line.starts_with("schedule") {
            ""
        } else {
            "schedule = @daily\n"
        },
        if line.starts_with("command") {
            ""
        } else {
            "command = true\n"
        },
    ))
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_the_lines() {
    let text = "keep = 1\n\
        [global]\n\
        save-folder = var/log/ofelia\n\
        slack-webhook = https://planted\n\
        [job-exec \"backup\"]\n\
        schedule = 0 2 * * *\n\
        commands = backup\n\
        catch-up = maybe\n\
        [job-run \"image\"]\n\
        image = planted\n\
        [job-local \"backup\"]\n\
        schedule = @every 1d 03:00\n\
        schedule = @daily\n\
        command = 'a\n\
        [cron]\n\
        [job-local clean]\n\
        whatever = 1\n\
        [job-local]\n";
    assert_eq!(
        refused(text),
        [
            "line 1: keep stands before any section: write [global] or [job-exec \"name\"] above it",
            "line 3: save-folder must be an absolute folder such as /var/log/ofelia, or it depends on where the \
             scheduler runs",
            "line 4: slack-webhook is a notification of Ofelia's own, which is not sent here: remove the line; a job \
             reports to its check",
            "line 5: the job has no command: write a line such as command = backup /backup/dir1",
            "line 5: the job has no container: write a line such as container = cloud-backup",
            "line 6: schedule has five fields, and Ofelia reads the first of five as the seconds: put the seconds in \
             front, 0 0 2 * * *",
            "line 7: commands is no key of job-exec: the keys are schedule, command, environment, no-overlap, \
             save-folder, catch-up, jitter, timeout, max-age, container, user, tty",
            "line 8: catch-up must be true or false",
            "line 9: job-run starts a container of its own, which needs the Docker socket: leave this job to Ofelia, \
             or make it a job-exec or job-local",
            "line 11: the name backup belongs to the job of line 5 already: give this one another",
            "line 12: schedule has a time of the day after @every, which Ofelia refuses and then never runs the job: \
             for every day at that time write 0 0 3 * * *",
            "line 13: schedule stands on line 12 already: keep one of them",
            "line 14: command has a quote ' that is not closed: close it",
            "line 15: cron is no section of Ofelia's: write [global], [job-exec \"name\"] or [job-local \"name\"]",
            "line 16: a section must stand alone on its line: [global], [job-exec \"name\"] or [job-local \"name\"]",
            "line 18: the job has no name: write one in double quotes, [job-local \"backup\"]",
            "line 18: the job has no schedule: write a line such as schedule = 0 0 2 * * *",
            "line 18: the job has no command: write a line such as command = backup /backup/dir1",
        ]
    );
}

#[test]
fn each_wrong_line_has_its_sentence() {
    for (line, message) in [
        (
            "tty = true",
            "tty must be false, or away: a job has no terminal here",
        ),
        ("no-overlap = maybe", "no-overlap must be true or false"),
        ("user =", "user has no value: write one, or remove the line"),
        ("user", "user has no value: write one, or remove the line"),
        (
            "timeout = 0s",
            "timeout must be a time from 1s to 30 days, such as 90s, 30m or 2h",
        ),
        (
            "jitter = soon",
            "jitter must be a time from 0s to 24h, such as 90s, 30m or 2h",
        ),
        (
            "max-age = 1s",
            "max-age must be a time from 1m to 10 years, such as 90s, 30m or 2h",
        ),
        (
            "environment = planted",
            "environment must be a variable with its value, NAME=value",
        ),
        (
            "environment = =planted",
            "environment must be a variable with its value, NAME=value",
        ),
        (
            "env = A=planted",
            "env is no key of job-exec: write environment = NAME=value",
        ),
        (
            "keep-logs-days = 3",
            "keep-logs-days is no key of job-exec: the keys are schedule, command, environment, no-overlap, \
             save-folder, catch-up, jitter, timeout, max-age, container, user, tty",
        ),
        (
            "dir = /tmp",
            "dir is no key of job-exec: the keys are schedule, command, environment, no-overlap, save-folder, \
             catch-up, jitter, timeout, max-age, container, user, tty",
        ),
        (
            "command = sh -c 'echo a; planted'",
            "command has a quote that a comment cuts off: ; and # begin a comment also within single quotes; put the \
             whole value into double quotes, and single quotes inside them",
        ),
        (
            "command = echo a | planted",
            "command has a word that begins with |, and no shell reads it: put the word into single quotes, or run a \
             shell by sh -c '...'",
        ),
        (
            "command = ''",
            "command names no program: write one such as command = backup /backup/dir1",
        ),
        (
            "command = a\\b",
            "command has a backslash outside of double quotes, where Ofelia stops reading the file: put the value into \
             double quotes and write two of them",
        ),
        (
            "command = \"a\\x\"",
            "command has a backslash within double quotes that begins none of \\\\ \\\" \\n \\t: write two of them for \
             one",
        ),
        (
            "command = a \"\\\\\"",
            "command ends with a backslash: remove it",
        ),
        (
            "schedule = @daily \"",
            "schedule has a double quote that is not closed on its line: close it, or write \\\" within double quotes",
        ),
        (
            "schedule = 0 0 0 30 2 *",
            "schedule never comes: none of its months has such a day; write a day that \
          exists, such as 28 for February",
        ),
        (
            "= planted",
            "the line is none of a section, a key = value and a comment",
        ),
        (
            "user planted",
            "user is not followed by an equals sign: write key = value",
        ),
    ] {
        let refusals = of_line(line);
        assert!(
            refusals.contains(&format!("line 3: {message}")),
            "{line}: {refusals:#?}"
        );
        assert!(!refusals.concat().contains("planted"), "{refusals:?}");
    }
    assert_eq!(
        of_line("environment = A=1\nenvironment = A=2"),
        ["line 4: environment sets A a second time: keep one of them"]
    );
}

#[test]
fn names_that_cannot_be_file_names_are_refused() {
    for name in ["../x", "a/b", "a\\\\b", "a\tb", &"x".repeat(201)] {
        let refusals = refused(&format!(
            "[job-local \"{name}\"]\nschedule = @daily\ncommand = true"
        ));
        assert_eq!(refusals.len(), 1, "{refusals:?}");
        assert!(
            refusals[0]
                .ends_with("cannot be part of a log file's name: use letters, digits and hyphens"),
            "{refusals:?}"
        );
    }
    for header in ["[job-local \"\"]", "[job-local]"] {
        assert_eq!(
            refused(&format!("{header}\nschedule = @daily\ncommand = true")),
            ["line 1: the job has no name: write one in double quotes, [job-local \"backup\"]"]
        );
    }
}

#[test]
fn a_header_must_stand_alone_and_the_keys_under_a_wrong_one_are_not_blamed() {
    for header in [
        "[job-local clean]",
        "[job-local \"x\"",
        "[]",
        "[job-local \"x\"] user = a",
        "[\"x\"]",
        "[job_exec \"x\"]",
        "[job-local \"a\\n\"]",
    ] {
        assert_eq!(
            refused(&format!("{header}\nnonsense = 1")),
            [
                "line 1: a section must stand alone on its line: [global], [job-exec \"name\"] or [job-local \"name\"]"
            ],
            "{header}"
        );
    }
    assert_eq!(
        refused("[global \"x\"]\n[global]\nkeep-logs-days = 0\n[global]"),
        [
            "line 1: global takes no name: write [global]",
            "line 2: [global] stands on line 1 already: put its keys there",
            "line 3: keep-logs-days must be a whole number from 1 to 36500",
            "line 4: [global] stands on line 1 already: put its keys there",
        ]
    );
}

#[test]
fn a_file_without_jobs_or_text_is_refused() {
    let empty = ["line 1: the file has no job: write a section such as [job-exec \"backup\"]"];
    assert_eq!(refused(""), empty);
    assert_eq!(refused("# nothing\n\n[global]\nkeep-logs-days = 3"), empty);
    let refusals = file::parse(b"[global]\n\xff = 1\nkeep-logs-days = \x00 3\n").unwrap_err();
    let lines: Vec<usize> = refusals.iter().map(|refusal| refusal.line).collect();
    assert_eq!(lines, [2, 3]);
    assert!(
        refusals[0]
            .message
            .starts_with("the line is not UTF-8 text")
    );
}
