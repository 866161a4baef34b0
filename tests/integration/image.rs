//! The image: its user, its commands, its health check, its labels, and what must not be in it.

use std::collections::BTreeSet;

use crate::harness::{Ended, Installation, docker, image};

fn inspect(format: &str) -> String {
    docker(["inspect", "--format", format, &image()])
        .ok()
        .stdout
        .trim()
        .to_owned()
}

/// A shell command in a bare container of the image; as root, where all is to be seen.
fn shell(user: &str, script: &str) -> Ended {
    let user = format!("--user={user}");
    docker([
        "run",
        "--rm",
        &user,
        "--entrypoint=sh",
        &image(),
        "-c",
        script,
    ])
}

#[test]
fn it_runs_as_the_user_whose_home_is_the_volume() {
    assert_eq!(
        shell("", "id -u; id -g; id -un; echo $HOME; pwd")
            .ok()
            .stdout,
        "1000\n1000\nuser\n/home/user\n/backup\n"
    );
    assert_eq!(
        shell("root", "stat -c '%U %a' /home/user").ok().stdout,
        "user 700\n"
    );
}

#[test]
fn the_entrypoint_serves_by_default_and_stops_on_sigterm() {
    assert_eq!(
        inspect("{{json .Config.Entrypoint}} {{json .Config.Cmd}} {{.Config.StopSignal}}"),
        r#"["/usr/local/bin/cloud-backup"] ["start-server"] SIGTERM"#
    );
    assert_eq!(
        inspect("{{json .Config.ExposedPorts}}"),
        r#"{"8080/tcp":{}}"#
    );
}

#[test]
fn every_command_is_a_link_to_the_one_program() {
    let links = shell(
        "",
        "cd /usr/local/bin; for f in *; do echo $f $(readlink $f); done",
    );
    let links = links.ok().stdout;
    let listed: BTreeSet<&str> = links.lines().map(str::trim).collect();
    let expected = [
        "backup cloud-backup",
        "check-refresh-token cloud-backup",
        "cloud-backup",
        "config cloud-backup",
        "copy cloud-backup",
        "credential-process cloud-backup",
        "doctor cloud-backup",
        "forget cloud-backup",
        "healthcheck cloud-backup",
        "oidc-token cloud-backup",
        "rclone cloud-backup",
        "reauth cloud-backup",
        "recovery-kit cloud-backup",
        "restic cloud-backup",
        "restore cloud-backup",
        "schedule cloud-backup",
        "start-server cloud-backup",
        "status cloud-backup",
        "verify cloud-backup",
    ];
    assert_eq!(listed, expected.into());
}

#[test]
fn the_programs_are_the_real_ones_and_new_enough() {
    shell("", "/usr/bin/restic version")
        .ok()
        .says("restic 0.18.");
    shell("", "oidc-agent --version")
        .ok()
        .says("oidc-agent 4.2");
    let rclone = shell("", "rclone version").ok().stdout;
    let version = rclone
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("rclone v"))
        .expect("a version");
    let mut parts = version
        .split('.')
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (parts.next(), parts.next());
    assert!(version >= (Some(1), Some(66)), "{version:?}");
    let release = shell("", "cat /etc/os-release").ok().stdout;
    assert!(release.contains("VERSION_CODENAME=trixie"), "{release}");
}

#[test]
fn the_health_check_is_ours_and_docker_believes_it() {
    assert_eq!(
        inspect("{{json .Config.Healthcheck.Test}}"),
        r#"["CMD","/usr/local/bin/cloud-backup","healthcheck"]"#
    );
    let installation = Installation::new().with(["--health-interval=1s", "--health-retries=1"]);
    let server = installation.start(["start-server"]);
    server.wait_for("docker says healthy", |server| {
        server.inspect("{{.State.Health.Status}}") == "healthy"
    });
    server.exec(["restic", "init"]).ok();
    let moved = server.shell("mv /home/user/storage /home/user/elsewhere");
    moved.ok();
    server.wait_for("docker says unhealthy", |server| {
        server.inspect("{{.State.Health.Status}}") == "unhealthy"
    });
    let said = server.inspect("{{range .State.Health.Log}}{{.Output}}{{end}}");
    assert!(said.contains("keys are missing"), "{said}");
    let back =
        server.shell("rm -rf /home/user/storage; mv /home/user/elsewhere /home/user/storage");
    back.ok();
    server.wait_for("docker says healthy again", |server| {
        server.inspect("{{.State.Health.Status}}") == "healthy"
    });
}

#[test]
fn it_has_the_labels_of_the_open_container_initiative() {
    for (name, value) in [("title", "cloud-user-backup"), ("licenses", "Apache-2.0")] {
        let label = inspect(&format!(
            "{{{{index .Config.Labels \"org.opencontainers.image.{name}\"}}}}"
        ));
        assert_eq!(label, value);
    }
    let description = inspect("{{index .Config.Labels \"org.opencontainers.image.description\"}}");
    assert!(!description.is_empty());
}

#[test]
fn no_build_tool_package_list_cache_or_log_is_in_it() {
    let tools = shell(
        "root",
        "for t in gcc cc ld as make cargo rustc git curl wget gpg; do command -v $t; done; true",
    );
    assert_eq!(tools.ok().stdout, "");
    let left = shell(
        "root",
        "find /var/lib/apt/lists /var/cache/apt /var/log /tmp /var/tmp /root/.cache /root/.cargo \
           /build /home/user /backup -type f -size +0 2>/dev/null; true",
    );
    assert_eq!(left.ok().stdout, "");
    let sources = shell(
        "root",
        "grep -rlE 'sid|unstable|testing|backports' /etc/apt/sources.list.d /etc/apt/preferences.d; true",
    );
    assert_eq!(sources.ok().stdout, "");
}

#[test]
fn no_program_gains_rights() {
    let gaining = shell(
        "root",
        "find / -xdev -perm /6000 -type f 2>/dev/null | sort",
    );
    assert_eq!(gaining.ok().stdout, "");
    let capable = shell(
        "root",
        "command -v getcap >/dev/null && getcap -r / 2>/dev/null; true",
    );
    assert_eq!(capable.ok().stdout, "");
}

#[test]
fn the_trusted_certificates_are_those_of_debians_package() {
    // A bundle that is put together from the package's own files has exactly as many certificates as these.
    let same = shell(
        "root",
        "cd /usr/share/ca-certificates && find . -name '*.crt' | wc -l; \
         grep -c 'BEGIN CERTIFICATE' /etc/ssl/certs/ca-certificates.crt; \
         ls /usr/local/share/ca-certificates | wc -l",
    )
    .ok();
    let numbers: Vec<&str> = same.stdout.lines().map(str::trim).collect();
    assert_eq!(numbers[0], numbers[1], "a certificate more than Debian's");
    assert_eq!(numbers[2], "0");
    // Its documentation is left out, as in all slim images.
    let changed = shell(
        "root",
        "dpkg --verify ca-certificates | grep -v '^missing .*/usr/share/\\(doc\\|man\\)/'; true",
    )
    .ok();
    assert_eq!(changed.stdout, "");
}

#[test]
fn no_layer_tells_of_the_machine_that_built_it() {
    let history = docker([
        "history",
        "--no-trunc",
        "--format",
        "{{.CreatedBy}}",
        &image(),
    ])
    .ok()
    .stdout;
    let environment = inspect("{{json .Config.Env}}");
    for word in ["PROXY", "proxy", "PASSWORD", "TOKEN", "SECRET"] {
        assert!(!environment.contains(word), "{environment}");
        assert!(!history.contains(&format!("{word}=")), "{history}");
    }
    // The secret that may carry a bundle of certificates into the build stays outside.
    let secrets = shell("root", "ls -A /run/secrets 2>/dev/null; true").ok();
    assert_eq!(secrets.stdout, "");
}
