//! Files that only root can read: backed up where compose.yaml adds DAC_READ_SEARCH, by no process but restic.

use std::io::{BufRead, BufReader};

use crate::harness::{Container, Ended, Installation, RESTIC_PASSWORD, ended};
use crate::project::Project;

/// The option of `docker run` that the line of compose.yaml is.
const LINE: &str = "--cap-add=DAC_READ_SEARCH";
const SECRET: &str = "for root alone";

/// Makes a file and a folder in the sources that uid 1000 can neither read nor enter.
const MAKE: &str = "cd /backup/dir1 && echo readable >readable && mkdir -m 0700 folder && \
                    printf 'for root alone' | tee secret folder/inner >/dev/null && \
                    chown -R root:root secret folder && chmod 0600 secret folder/inner";
/// The test's own user may not be able to.
const REMOVE: &str = "rm -rf /backup/dir1/*";

fn root(container: &str, script: &str) -> Ended {
    crate::harness::docker(["exec", "--user=root", container, "sh", "-c", script]).ok()
}

/// What each process of uid 1000 has of capabilities, but for those that have none: `NAME inh prm eff amb`.
fn capable(server: &Container) -> Vec<String> {
    let script = "for p in /proc/[0-9]*; do awk '\
                    /^Name:/ { name = $2 } /^Uid:/ { uid = $2 } /^Cap(Inh|Prm|Eff|Amb):/ { caps = caps \" \" $2 } \
                    END { if (uid == 1000 && caps ~ /[1-9a-f]/) print name caps }' $p/status 2>/dev/null; done; true";
    let found = server.shell(script).ok().stdout;
    found.lines().map(str::to_owned).collect()
}

fn processes_of_the_user(server: &Container) -> String {
    let script = "for p in /proc/[0-9]*; do \
                    grep -q '^Uid:.1000' $p/status 2>/dev/null && cat $p/comm; done; true";
    server.shell(script).stdout
}

/// An installation with the line whose backup takes minutes, and its server.
fn slow() -> (Installation, Container) {
    let installation = Installation::new().with([LINE]);
    installation.write_random("random", 20_000_000);
    let server = installation.server();
    server.exec(["restic", "init"]).ok();
    (installation, server)
}

/// Starts a slow backup and waits until restic is at it: it has its lock, and nothing more to say for a while.
fn start(server: &Container) -> std::process::Child {
    let mut job = server.spawn_exec([], ["backup", "--limit-upload", "100", "/backup/dir1"]);
    server.pid("restic", "libexec.*/restic backup");
    let stdout = job.stdout.as_mut().expect("a pipe");
    // Byte by byte: what follows is read at its end.
    let mut output = BufReader::with_capacity(1, stdout);
    let mut line = String::new();
    while !line.starts_with("no parent snapshot found") {
        line.clear();
        let length = output.read_line(&mut line).expect("output");
        assert!(length > 0, "restic has ended");
    }
    job
}

#[test]
fn the_line_of_compose_yaml_that_the_remedy_names_backs_them_up() {
    let project = Project::beside_others();
    project.edit_sources();
    project.set("BACKUP_REMOTE", "/home/user/storage");
    project.set("RESTIC_PASSWORD", RESTIC_PASSWORD);
    project.compose(["up", "--detach", "cloud-backup"]).ok();
    root(project.container(), MAKE);
    let without = project.job("backup").code(3);
    assert!(
        without.stderr.starts_with(
            "cloud-backup: Backup of /backup/dir1 failed: 2 files could not be read\n  -> The snapshot holds all \
             other files. To back up files that only root can read, uncomment cap_add: [DAC_READ_SEARCH] in compose.yaml, \
             then: docker compose up -d."
        ),
        "{}",
        without.stderr
    );
    for file in ["open /backup/dir1/secret: ", "/backup/dir1/folder: "] {
        assert!(without.all().contains(file), "{}", without.all());
    }
    let names = |ended: Ended| -> Vec<String> {
        let lines = ended.stdout.lines();
        lines
            .filter(|line| line.starts_with("/backup/dir1/"))
            .map(str::to_owned)
            .collect()
    };
    let list = ["exec", "-T", "cloud-backup", "restic", "ls", "latest"];
    assert_eq!(
        names(project.compose(list).ok()),
        ["/backup/dir1/file", "/backup/dir1/readable"]
    );

    // As the remedy says.
    project.edit(
        "compose.yaml",
        "\n    # cap_add: [DAC_READ_SEARCH]\n",
        "\n    cap_add: [DAC_READ_SEARCH]\n",
    );
    project.compose(["up", "--detach", "cloud-backup"]).ok();
    project
        .job("backup")
        .ok()
        .says("Successful backup of /backup/dir1");
    assert_eq!(
        names(project.compose(list).ok()),
        [
            "/backup/dir1/file",
            "/backup/dir1/folder",
            "/backup/dir1/folder/inner",
            "/backup/dir1/readable",
            "/backup/dir1/secret",
        ]
    );
    for file in ["/backup/dir1/secret", "/backup/dir1/folder/inner"] {
        let dump = [
            "exec",
            "-T",
            "cloud-backup",
            "restic",
            "dump",
            "latest",
            file,
        ];
        assert_eq!(project.compose(dump).ok().stdout, SECRET);
    }
    // In a one-shot container too.
    project
        .compose(["run", "--rm", "cloud-backup", "backup", "/backup/dir1"])
        .ok();
    root(project.container(), REMOVE);
}

#[test]
fn while_a_backup_runs_no_process_but_restic_has_the_capability() {
    let (installation, server) = slow();
    assert_eq!(capable(&server), Vec::<String>::new());
    let job = start(&server);
    // Inherited by no child, and CAP_DAC_READ_SEARCH alone (bit 2).
    assert_eq!(
        capable(&server),
        ["restic 0000000000000000 0000000000000004 0000000000000004 0000000000000000"]
    );
    let processes = processes_of_the_user(&server);
    for name in ["cloud-backup", "backup", "rclone", "restic"] {
        assert!(processes.contains(name), "{name} is not in {processes}");
    }
    server.stop();
    ended("backup", job).code(130);
    // restic got its signal, and has released its lock.
    assert_eq!(installation.shell("ls storage/locks").ok().stdout, "");
}

#[test]
fn what_restic_starts_and_what_else_it_does_cannot_read_them() {
    let installation = Installation::new().with([LINE]);
    let server = installation.server();
    server.shell(MAKE).ok();
    server.exec(["backup", "/backup/dir1"]).ok();
    // Commands in a shell of the user, as jobs are.
    server
        .exec(["cat", "/backup/dir1/secret"])
        .code(1)
        .says("Permission denied");
    // What a backup starts.
    let status = ["sh", "-c", "grep Cap /proc/self/status"];
    let command = ["backup", "--stdin-from-command", "--"];
    server.exec([&command[..], &status].concat()).ok();
    let status = server.exec(["restic", "dump", "latest", "stdin"]).ok();
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        let none = format!("{set}:\t0000000000000000\n");
        assert!(status.stdout.contains(&none), "{}", status.stdout);
    }
    // restic that does not read sources.
    let other = [
        "restic",
        "snapshots",
        "--password-file",
        "/backup/dir1/secret",
    ];
    server.exec(other).says("permission denied");
    server.shell(REMOVE).ok();
}

#[test]
fn no_new_privileges_keeps_it_from_restic_and_the_remedy_says_so() {
    let both = [LINE, "--security-opt=no-new-privileges"];
    let installation = Installation::new().with(both);
    let server = installation.server();
    server.shell(MAKE).ok();
    server
        .exec(["backup", "/backup/dir1"])
        .code(3)
        .says("no-new-privileges keeps it from restic: remove that line from compose.yaml");
    server.shell(REMOVE).ok();
}

#[test]
fn no_new_privileges_without_the_line_changes_nothing() {
    let installation = Installation::new().with(["--security-opt=no-new-privileges"]);
    let server = installation.server();
    server.shell(MAKE).ok();
    server
        .exec(["backup", "/backup/dir1"])
        .code(3)
        .says("uncomment cap_add: [DAC_READ_SEARCH] in compose.yaml");
    server.shell(REMOVE).ok();
    server.shell("echo one >/backup/dir1/one").ok();
    server.exec(["backup", "/backup/dir1"]).ok();
}

#[test]
fn a_missing_source_is_no_matter_of_the_line() {
    let installation = Installation::new();
    installation.write("a", "one");
    let backup = installation.run(["backup", "/backup/dir1", "/backup/dir2"]);
    let backup = backup.code(3);
    assert!(!backup.all().contains("cap_add"), "{}", backup.all());
    backup.says("Check the named ones");
}

#[test]
fn a_killed_job_takes_its_restic_with_it_though_the_kernel_binds_none_with_capabilities() {
    let (_installation, server) = slow();
    let job = start(&server);
    server.kill("KILL", server.pid("backup", "^backup"));
    ended("backup", job).code(137);
    server.wait_for("restic has gone", |server| {
        server.pids("restic", "").is_empty()
    });
    // It got SIGINT, and nothing was left to read its output: the lock may have stayed.
    server.exec(["forget", "--keep-last=1"]).ok();
}

#[test]
fn a_killed_restic_is_seen_as_killed() {
    let (_installation, server) = slow();
    let job = start(&server);
    let restic = server.pid("restic", "libexec.*/restic backup");
    server.kill("KILL", restic);
    ended("backup", job)
        .code(137)
        .says("restic was killed by SIGKILL (out of memory?)");
}
