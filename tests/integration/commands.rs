//! The commands of the image: by link name, by first argument, in a one-shot container and by `docker exec`.

use std::io::Write;
use std::process::Stdio;

use crate::harness::{Container, Ended, Installation, docker, ended, image};

/// In the order of the help.
const COMMANDS: [&str; 18] = [
    "config",
    "reauth",
    "check-refresh-token",
    "start-server",
    "schedule",
    "backup",
    "copy",
    "forget",
    "verify",
    "restore",
    "recovery-kit",
    "restic",
    "rclone",
    "oidc-token",
    "credential-process",
    "status",
    "doctor",
    "healthcheck",
];

/// Their help is the program's own.
const PASSED_THROUGH: [&str; 3] = ["restic", "rclone", "oidc-token"];

fn bare<'a>(args: impl IntoIterator<Item = &'a str>) -> Ended {
    let image = image();
    let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
    docker(
        ["run", "--rm", &image]
            .into_iter()
            .chain(args.iter().map(String::as_str)),
    )
}

#[test]
fn help_lists_exactly_the_commands_that_work() {
    for line in [&["--help"][..], &["-h"]] {
        let help = bare(line.iter().copied()).ok().stdout;
        let (_, commands) = help.split_once("Commands:\n").expect("a list of commands");
        let (commands, _) = commands.split_once("\n\n").expect("its end");
        let listed: Vec<&str> = commands
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        assert_eq!(listed, COMMANDS);
        assert!(help.contains("docker compose run --rm cloud-backup <COMMAND>"));
    }
}

#[test]
fn each_command_explains_itself() {
    for command in COMMANDS
        .iter()
        .filter(|command| !PASSED_THROUGH.contains(*command))
    {
        let by_argument = bare([*command, "--help"]).ok().stdout;
        assert!(
            by_argument.contains(&format!("Usage: cloud-backup {command}")),
            "{by_argument}"
        );
    }
}

#[test]
fn an_unknown_command_ends_with_64_and_says_where_help_is() {
    bare(["nonsense"])
        .code(64)
        .says("'nonsense'")
        .says("--help");
    bare(["config", "--nonsense"]).code(64);
    bare(["backup"]).code(64).says("<ARGUMENTS>");
    bare(["start-server", "--nonsense"]).code(64);
}

#[test]
fn rclone_and_oidc_token_work_before_anything_is_configured() {
    bare(["rclone", "version"]).ok().says("rclone v1.");
    bare(["rclone", "--help"]).ok().says("rclone [command]");
    bare(["rclone", "help", "flags"]).ok();
    bare(["oidc-token", "--help"]).ok().says("oidc-token");
    bare(["rclone", "lsf", "infncloud:/alice"])
        .code(78)
        .says("AAI_USER is missing");
}

#[test]
fn restic_itself_works_before_anything_is_configured() {
    bare(["restic", "version"]).ok().says("restic 0.");
    let help = bare(["restic", "--help"]).ok().stdout;
    assert!(
        help.contains("restic is a backup program"),
        "restic's own help: {help}"
    );
    bare(["restic", "backup", "--help"])
        .ok()
        .says("--exclude-caches");
    bare(["restic", "help", "forget"])
        .ok()
        .says("--keep-within");
    bare(["restic"]).ok().says("Available Commands");
}

#[test]
fn restic_without_a_repository_takes_an_environment_that_is_not_text() {
    let installation = Installation::new();
    installation
        .run_program(
            "sh",
            [
                "-c",
                "env ODD=$(printf '\\377') cloud-backup restic version",
            ],
        )
        .ok()
        .says("restic 0.");
}

#[test]
fn a_first_argument_and_a_link_are_the_same_command_in_every_way_of_calling() {
    let installation = Installation::new();
    installation.write("file", "content");
    // One-shot containers, as `docker compose run --rm cloud-backup COMMAND` makes them.
    installation.run(["restic", "init"]).ok();
    installation
        .run(["backup", "/backup/dir1"])
        .ok()
        .says("Successful backup of /backup/dir1");
    installation
        .run(["cloud-backup", "backup", "/backup/dir1"])
        .code(64);
    installation
        .run_program("backup", ["/backup/dir1"])
        .ok()
        .says("Successful backup of /backup/dir1");
    installation
        .run_program("forget", ["--keep-last=2"])
        .ok()
        .says("Successful forget");

    // `docker exec -u user`, as Ofelia does it, beside a server that was started by its link's name.
    let server = installation.start_program("start-server", []);
    server.wait_for("the server is healthy", |server| {
        server.exec(["healthcheck"]).code == 0
    });
    for prefix in [&[][..], &["cloud-backup"]] {
        let exec = |line: &[&str]| server.exec(prefix.iter().chain(line).copied());
        exec(&["backup", "--tag=x", "/backup/dir1"])
            .ok()
            .says("Successful backup of /backup/dir1");
        exec(&["forget", "--keep-last=2"])
            .ok()
            .says("Successful forget --keep-last=2");
        exec(&["restic", "snapshots"]).ok().says("/backup/dir1");
        exec(&["healthcheck"]).ok().says("healthy");
    }
}

#[test]
fn a_job_without_a_user_line_runs_as_the_user_and_leaves_no_file_of_root() {
    let installation = Installation::new();
    installation.write("file", "content");
    let server = installation.server();
    docker(["exec", "--user=root", &server.id, "backup", "/backup/dir1"])
        .ok()
        .says("user = user");
    docker(["exec", "--user=root", &server.id, "restic", "snapshots"]).ok();
    let of_root = server.shell("find /home/user ! -user user");
    assert_eq!(of_root.ok().stdout, "");
}

#[test]
fn another_user_hears_who_may_use_the_volume() {
    let installation = Installation::new();
    let server = installation.server();
    for user in ["--user=1001", "--user=nobody", "--user=www-data"] {
        for command in [
            &["backup", "/backup/dir1"][..],
            &["status"],
            &["restic", "snapshots"],
        ] {
            let exec = [&["exec", user, &server.id], command].concat();
            docker(exec)
                .code(78)
                .says(": HOME is /")
                .says(" and not the volume: run this as user (docker exec -u user; user = user in the schedule file)");
        }
    }
}

#[test]
fn restic_ends_with_its_own_exit_codes() {
    let installation = Installation::new();
    installation.write("file", "content");
    let server = installation.server();
    let both = |line: &[&str], code: i32| {
        server
            .exec(["restic"].into_iter().chain(line.iter().copied()))
            .code(code);
        installation
            .run(["restic"].into_iter().chain(line.iter().copied()))
            .code(code);
    };
    both(&["snapshots"], 10);
    server.exec(["restic", "init"]).ok();
    both(&["init"], 1);
    both(&["no-such-command"], 1);
    both(&["backup", "/backup/missing", "/backup/dir1"], 0);
    let secret = installation.write("secret", "unreadable");
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o000))
        .expect("chmod");
    both(&["backup", "/backup/dir1"], 3);
    server
        .exec_with(["--env=RESTIC_PASSWORD=another"], ["restic", "snapshots"])
        .code(12);
    installation.write_random("big", 20_000_000);
    let mut holder = server.spawn_exec(
        [],
        ["restic", "backup", "--limit-upload=50", "/backup/dir1/big"],
    );
    server.wait_for("restic has taken its lock", |server| {
        !server
            .shell("ls /home/user/storage/locks")
            .stdout
            .is_empty()
    });
    both(&["prune"], 11);
    server.shell("for p in /proc/[0-9]*; do [ $(cat $p/comm) = restic ] && kill -INT ${p#/proc/}; done; true");
    // restic 0.18 ends an interrupted backup with 130 or with 1.
    assert!(!holder.wait().expect("an end").success());
}

#[test]
fn restic_gives_and_takes_streams_byte_for_byte() {
    let installation = Installation::new();
    let server = installation.server();
    server.exec(["restic", "init"]).ok();
    let content: Vec<u8> = (0..=255_u8).cycle().take(300_000).collect();

    let stdin = ["restic", "backup", "--stdin", "--stdin-filename=stream"];
    let one_shot = installation.command(["--interactive"], stdin);
    let mut exec = std::process::Command::new("docker");
    exec.args(["exec", "--interactive", "--user=user", &server.id])
        .args(stdin);
    for mut command in [one_shot, exec] {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("docker can be started");
        let mut input = child.stdin.take().expect("a pipe");
        input.write_all(&content).expect("a reader");
        drop(input);
        ended("restic backup --stdin", child).ok();

        for args in [&["run"][..], &["exec"]] {
            let dump = ["restic", "dump", "latest", "/stream"];
            let output = match args {
                ["run"] => installation.command([], dump).output(),
                _ => std::process::Command::new("docker")
                    .args(["exec", "--user=user", &server.id])
                    .args(dump)
                    .output(),
            }
            .expect("docker can be started");
            assert!(output.stdout == content, "by {args:?}");
        }
    }
}

#[test]
fn the_servers_health_is_told_with_0_and_1() {
    let installation = Installation::new();
    installation
        .run(["healthcheck"])
        .code(1)
        .says("no server runs on this volume");
    let server = installation.server();
    server.exec(["healthcheck"]).ok().says("no repository yet");
    server.exec(["restic", "init"]).ok();
    server
        .exec(["healthcheck"])
        .ok()
        .says("healthy: serving the repository at /home/user/storage/");
    // Another container on the volume asks the same server.
    installation.run(["healthcheck"]).ok();
    server
        .shell("mv /home/user/storage /home/user/elsewhere")
        .ok();
    server
        .exec(["healthcheck"])
        .code(1)
        .says("the repository's keys are missing");
    server
        .shell("rm -rf /home/user/storage; mv /home/user/elsewhere /home/user/storage")
        .ok();
    server.exec(["healthcheck"]).ok();
    stop_rclone(&server);
    server
        .exec(["healthcheck"])
        .code(1)
        .says("no answer within");
}

fn stop_rclone(server: &Container) {
    server.kill("STOP", server.pid("rclone", "serve"));
}
