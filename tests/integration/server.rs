//! The REST server's port: closed, behind a password, or open to all; and the one server of a volume.

use crate::harness::{Container, Ended, Installation, docker, image};

/// Two containers that see each other by name; removed with it.
struct Network {
    name: String,
}

impl Network {
    fn new(installation: &Installation) -> Self {
        let name = installation.volume().to_owned();
        docker(["network", "create", &name]).ok();
        Self { name }
    }

    fn option(&self) -> String {
        format!("--network={}", self.name)
    }

    /// An ordinary restic client in a container of its own, with nothing of ours but the network.
    fn restic<'a>(
        &self,
        server: &Container,
        port: &str,
        env: impl IntoIterator<Item = &'a str>,
        args: impl IntoIterator<Item = &'a str>,
    ) -> Ended {
        let host = &server.id[..12];
        let mut line: Vec<String> = vec!["run".into(), "--rm".into(), self.option()];
        line.extend(env.into_iter().map(|pair| format!("--env={pair}")));
        line.push(format!(
            "--env=RESTIC_REPOSITORY=rest:http://{host}:{port}/"
        ));
        line.push(format!(
            "--env=RESTIC_PASSWORD={}",
            crate::harness::RESTIC_PASSWORD
        ));
        line.push("--entrypoint=/usr/bin/timeout".into());
        line.extend([image(), "20".into(), "/usr/bin/restic".into()]);
        line.extend(args.into_iter().map(str::to_owned));
        docker(line.iter().map(String::as_str))
    }

    /// The status line that the port gives to a request, or what bash says where it cannot connect.
    fn status(&self, server: &Container, port: &str, authorization: Option<&str>) -> String {
        let host = &server.id[..12];
        let header = authorization.map_or_else(String::new, |pair| {
            format!("Authorization: Basic $(printf %s '{pair}' | base64)\\r\\n")
        });
        let script = format!(
            "exec 3<>/dev/tcp/{host}/{port} || exit 7; \
             printf \"HEAD /config HTTP/1.0\\r\\n{header}\\r\\n\" >&3; head -n 1 <&3"
        );
        let option = self.option();
        let image = image();
        let line = [
            "run",
            "--rm",
            &option,
            "--entrypoint=/usr/bin/timeout",
            &image,
            "10",
            "bash",
            "-c",
            &script,
        ];
        docker(line).all()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let members = docker([
            "ps",
            "--all",
            "--quiet",
            "--filter",
            &format!("network={}", self.name),
        ]);
        for container in members.stdout.lines() {
            docker(["rm", "--force", container]);
        }
        docker(["network", "rm", &self.name]);
    }
}

#[test]
fn without_a_password_the_port_is_closed_to_other_containers() {
    let installation = Installation::new();
    let network = Network::new(&installation);
    let installation = installation.with([network.option().as_str()]);
    let server = installation.server();
    let answer = network.status(&server, "8080", None);
    assert!(answer.contains("Connection refused"), "{answer}");
    let log = server.logs();
    assert!(
        log.contains("port 8080 is closed to other containers; to open it set RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD"),
        "{log}"
    );
    // It is open in the container itself.
    let own = server.shell("timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/8080'");
    own.ok();
}

#[test]
fn with_a_password_the_port_serves_an_ordinary_restic_that_has_it_and_nobody_else() {
    let installation = Installation::new()
        .env("RESTIC_REST_USERNAME", "planted-user")
        .env("RESTIC_REST_PASSWORD", "planted-rest-password-3c9a");
    let network = Network::new(&installation);
    let installation = installation.with([network.option().as_str()]);
    let server = installation.server();

    for wrong in [
        None,
        Some("planted-user:wrong"),
        Some("wrong:planted-rest-password-3c9a"),
        Some("planted-user:"),
    ] {
        let answer = network.status(&server, "8080", wrong);
        assert!(answer.contains(" 401 "), "{wrong:?}: {answer}");
    }
    let right = Some("planted-user:planted-rest-password-3c9a");
    let answer = network.status(&server, "8080", right);
    assert!(answer.contains(" 404 "), "no repository yet: {answer}");

    let login = [
        "RESTIC_REST_USERNAME=planted-user",
        "RESTIC_REST_PASSWORD=planted-rest-password-3c9a",
    ];
    network.restic(&server, "8080", login, ["init"]).ok();
    network
        .restic(&server, "8080", login, ["backup", "/etc/hostname"])
        .ok()
        .says("saved");
    // The jobs of the container see what came over the network.
    server
        .exec(["restic", "snapshots"])
        .ok()
        .says("/etc/hostname");
    network
        .restic(
            &server,
            "8080",
            ["RESTIC_REST_USERNAME=wrong"],
            ["snapshots"],
        )
        .says("401");
}

#[test]
fn a_job_with_another_password_than_the_servers_is_told_so() {
    let installation = Installation::new()
        .env("RESTIC_REST_USERNAME", "planted-user")
        .env("RESTIC_REST_PASSWORD", "planted-rest-password-3c9a");
    let server = installation.server();
    server
        .exec_with(
            ["--env=RESTIC_REST_PASSWORD=another-planted-password"],
            ["backup", "/backup/dir1"],
        )
        .code(77)
        .says("the server refuses RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD")
        .says("docker compose up -d --force-recreate");
}

#[test]
fn the_port_serves_everybody_only_on_the_users_word() {
    let installation = Installation::new().env("RESTIC_REST_ANONYMOUS", "true");
    let network = Network::new(&installation);
    let installation = installation.with([network.option().as_str()]);
    let server = installation.server();
    network.restic(&server, "8080", [], ["init"]).ok();
    let log = server.logs();
    assert!(
        log.contains("WARN port 8080 serves everybody who reaches it: RESTIC_REST_ANONYMOUS=true"),
        "{log}"
    );
}

#[test]
fn with_rclones_own_users_the_containers_jobs_are_refused_as_documented() {
    let other = "two:$apr1$636XIOSm$Dp9.PdViSBL8xspkeU2KM1";
    for (variable, value, said) in [
        (
            "RCLONE_HTPASSWD",
            "/home/user/htpasswd",
            "the server refuses RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD",
        ),
        (
            "RCLONE_PRIVATE_REPOS",
            "true",
            "the server answered 403 for the config",
        ),
    ] {
        let installation = Installation::new()
            .env("RESTIC_REST_USERNAME", "one")
            .env("RESTIC_REST_PASSWORD", "planted-rest-password-3c9a")
            .env(variable, value);
        let line = format!("echo '{other}' >/home/user/htpasswd");
        installation.run_program("sh", ["-c", &line]).ok();
        let server = installation.start(["start-server"]);
        server.wait_for(said, |server| server.logs().contains(said));
    }
}

#[test]
fn the_port_is_the_one_that_is_set() {
    let installation = Installation::new()
        .env("RESTIC_REST_ANONYMOUS", "true")
        .env("RESTIC_REST_PORT", "9123");
    let network = Network::new(&installation);
    let installation = installation.with([network.option().as_str(), "--publish=127.0.0.1::9123"]);
    let server = installation.server();
    assert!(network.status(&server, "9123", None).contains(" 404 "));
    assert!(
        network
            .status(&server, "8080", None)
            .contains("Connection refused")
    );
    // From the host, through a published port.
    let published = docker(["port", &server.id, "9123"]).ok().stdout;
    let address = published.lines().next().expect("a published port").trim();
    std::net::TcpStream::connect(address).expect("the published port is open");
}

#[test]
fn a_port_that_needs_root_is_refused() {
    for port in ["80", "0", "65536", "http"] {
        Installation::new()
            .env("RESTIC_REST_PORT", port)
            .run(["start-server"])
            .code(78)
            .says("RESTIC_REST_PORT must be a number from 1024 to 65535; empty means 8080");
    }
}

#[test]
fn a_second_server_on_the_volume_does_not_start_and_names_the_container_of_the_first() {
    let installation = Installation::new();
    let first = installation.server();
    let second = installation.run(["start-server"]).code(75);
    assert!(
        second.stderr.contains(&format!(
            "another server uses this volume: container {} (host name my-VM) since 20",
            &first.id[..12]
        )),
        "{}",
        second.stderr
    );
    assert!(
        second
            .stderr
            .contains("Stop that container first, or give this one a volume of its own."),
        "{}",
        second.stderr
    );
    // The first one is none the worse for it, and its place is free once it has gone, however it went.
    first.exec(["restic", "init"]).ok();
    first.signal("KILL").ok();
    installation.server();
}

#[test]
fn a_server_of_another_volume_does_not_mind() {
    let one = Installation::new();
    let other = Installation::new();
    one.server();
    other.server();
}

#[test]
fn a_remote_that_is_not_in_rclone_conf_is_not_configured() {
    let installation = Installation::new().env("BACKUP_REMOTE", "elsewhere:path");
    for command in [
        &["start-server"][..],
        &["restic", "snapshots"],
        &["backup", "/backup/dir1"],
    ] {
        installation.run(command.iter().copied()).code(78).says(
            "not configured yet: /home/user/.config/rclone/rclone.conf has no section [elsewhere]",
        );
    }
    // A section in the environment is as good as one in the file, and so is a remote made on the fly.
    Installation::new()
        .env("BACKUP_REMOTE", "elsewhere:/home/user/there")
        .env("RCLONE_CONFIG_ELSEWHERE_TYPE", "local")
        .run(["restic", "init"])
        .ok();
    Installation::new()
        .env("BACKUP_REMOTE", ":local:/home/user/there")
        .run(["restic", "init"])
        .ok();
}

#[test]
fn the_log_can_be_json_and_as_loud_as_wanted() {
    let installation = Installation::new()
        .env("LOG_FORMAT", "json")
        .env("LOG_LEVEL", "info");
    let server = installation.server();
    let log = server.logs();
    assert!(!log.is_empty());
    for line in log.lines() {
        let value: serde_json::Value = serde_json::from_str(line).expect(line);
        assert!(value["message"].is_string(), "{line}");
    }
    let quiet = Installation::new().env("LOG_LEVEL", "error").server_log();
    assert_eq!(quiet, "");
}

impl Installation {
    fn server_log(&self) -> String {
        self.server().logs()
    }
}
