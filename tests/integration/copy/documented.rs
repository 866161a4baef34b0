//! The lines of docs/second-destination.md, one after the other, as they stand there.

use crate::documented::{Line, lines_of};
use crate::harness::{Container, Ended, Installation};

const DOCS: &str = include_str!("../../../docs/second-destination.md");

/// A value of the block for `.env`.
fn setting(name: &str) -> &'static str {
    let value = DOCS.lines().find_map(|line| {
        line.strip_prefix("    ")?
            .strip_prefix(name)?
            .strip_prefix('=')
    });
    value.unwrap_or_else(|| panic!("{name} stands in the document"))
}

fn run(installation: &Installation, server: &mut Option<Container>, line: &Line) {
    let words: Vec<&str> = line.typed.split_whitespace().collect();
    match &words[..] {
        ["docker", "compose", "run", "--rm", rest @ ..] => {
            let at = rest.iter().position(|word| *word == "cloud-backup");
            let (options, args) = rest.split_at(at.expect("a service"));
            let mut command =
                installation.command(options.iter().copied(), args[1..].iter().copied());
            let output = command.output().expect("docker can be started");
            line.shows(&Ended::of(line.typed.clone(), &output).ok());
        }
        ["docker", "compose", "up", ..] => *server = Some(installation.server()),
        _ => panic!("a line that this test does not know: {}", line.typed),
    }
}

#[test]
fn its_lines_work_as_they_stand_there() {
    let copies = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::chown(copies.path(), Some(1000), Some(1000)).expect("chown, as root");
    let installation = Installation::new()
        .env("COPY_REMOTE", setting("COPY_REMOTE"))
        .env("COPY_PASSWORD", setting("COPY_PASSWORD"));
    let mount = format!("--volume={}:/copies", copies.path().display());
    let installation = installation.with([mount.as_str()]);
    installation.write("notes/todo.txt", "remember\n");
    installation.run(["backup", "/backup/dir1"]).ok();
    let mut server = None;
    for section in ["## Set it up", "## Any command on the second destination"] {
        for line in lines_of("docs/second-destination.md", section) {
            run(&installation, &mut server, &line);
        }
    }
    let restored = "cat /home/user/restored/*/backup/dir1/notes/todo.txt";
    let restored = server.expect("a server").shell(restored).ok();
    assert_eq!(restored.stdout, "remember\n");
}

#[test]
fn its_job_is_one_that_our_scheduler_keeps() {
    let from = DOCS.find("    [job-exec").expect("a job");
    let (job, _) = DOCS[from..].split_once("\n\n").expect("its end");
    let job = job.replace("\n    ", "\n").trim().to_owned();
    let installation = Installation::new()
        .env("COPY_REMOTE", "/home/user/copies")
        .env("BACKUP_CHECK_URL", "");
    let file = installation.write("jobs.ini", job);
    assert!(file.exists());
    let told = installation.run(["status", "--json", "--schedule=/backup/dir1/jobs.ini"]);
    let status: serde_json::Value = serde_json::from_str(&told.stdout).expect("JSON");
    let [job] = &status["jobs"].as_array().expect("jobs")[..] else {
        panic!("one job: {status:#}")
    };
    assert_eq!(job["command"], "forget");
    assert_eq!(
        job["args"],
        serde_json::json!(["DESTINATION=copy", "--keep-within", "6m", "--prune"])
    );
}
