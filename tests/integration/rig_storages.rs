//! Storage without a login: sftp, WebDAV, S3 with keys, and a directory, by the lines of docs/other-storage.md.
//!
//! Each is configured, backed up to and restored from, and fails once with a sentence that names what to look at. The
//! servers are real: openssh, rclone, Ceph.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::documented::lines_of;
use crate::harness::{Container, Ended, Installation, docker, ended, image, unique};
use crate::rig::{CA_FILE, Rig};

const DOCS: &str = include_str!("../../docs/other-storage.md");
const PASSWORD: &str = "planted-storage-password-91b7";

/// The lines for `.env` under this heading, with other values for these words.
fn lines(heading: &str, values: &[(&str, &str)]) -> Vec<(String, String)> {
    let (_, section) = DOCS
        .split_once(&format!("\n## {heading}\n\n"))
        .expect(heading);
    section
        .lines()
        .take_while(|line| line.starts_with("    "))
        .map(|line| {
            let (name, value) = line.trim().split_once('=').expect("NAME=value");
            let known = values.iter().find(|(word, _)| *word == value);
            (
                name.to_owned(),
                known.map_or(value, |(_, other)| other).to_owned(),
            )
        })
        .collect()
}

fn with_lines(installation: Installation, lines: &[(String, String)]) -> Installation {
    let set = |new: Installation, (name, value): &(String, String)| new.env(name, value);
    lines.iter().fold(installation, set)
}

/// `rclone obscure -`, as the document has it: before anything is configured.
fn obscured(password: &str) -> String {
    let [_, line] = &lines_of("docs/other-storage.md", "# Other storage")[..] else {
        panic!("config, and this one")
    };
    assert_eq!(
        line.typed,
        "docker compose run --rm -T cloud-backup rclone obscure -"
    );
    let mut child = Command::new("docker")
        .args(["run", "--rm", "--interactive", &image()])
        .args(["rclone", "obscure", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("docker can be started");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(password.as_bytes()).expect("a reader");
    drop(stdin);
    ended(&line.typed, child).ok().stdout.trim().to_owned()
}

/// `config`, a backup, a restore, and a comparison.
#[track_caller]
fn works(installation: &Installation) {
    installation.write_random("file", 200_000);
    let remote = installation.value("BACKUP_REMOTE").expect("a remote");
    let steps = format!(
        "Storage: {remote}/\n  write an object: ok\n  list: ok\n  read it: ok\n  delete it: ok\n\nNext:\n"
    );
    let configured = installation.run(["config"]).ok().says(&steps);
    lines_of("docs/other-storage.md", "# Other storage")[0].shows(&configured);
    let server = installation.server();
    server.exec(["backup", "/backup/dir1"]).ok();
    server.exec(["restore", "--target=/home/user/back"]).ok();
    server
        .shell("cmp /home/user/back/backup/dir1/file /backup/dir1/file")
        .ok();
    server.exec(["restic", "check"]).ok();
    assert!(!server.logs().contains(PASSWORD), "{}", server.logs());
}

/// `config` with another value of a variable, which fails.
#[track_caller]
fn refused(installation: &Installation, set: &str, code: i32) -> Ended {
    let set = format!("--env={set}");
    let mut command = installation.command([set.as_str()], ["config"]);
    let output = command.output().expect("docker can be started");
    let ended = Ended::of(format!("config with {set}"), &output).code(code);
    assert!(!ended.all().contains(PASSWORD), "{}", ended.all());
    ended
}

/// A server beside an installation, found as `name` on the rig's network; it goes with the installation.
fn beside(installation: &Installation, rig: &Rig, name: &str, args: &[&str]) -> Container {
    let network = format!("--network={}", rig.network());
    let label = format!("--label={}", installation.volume());
    let alias = format!("--network-alias={name}");
    let options = ["run", "--detach", &network, &label, &alias];
    let id = docker([&options[..], args].concat()).ok().stdout;
    Container {
        id: id.trim().to_owned(),
    }
}

fn on(rig: &Rig) -> Installation {
    Installation::new().with([&*format!("--network={}", rig.network())])
}

#[test]
fn an_sftp_server_of_openssh() {
    let rig = Rig::get();
    let host = format!("nas-{}", unique());
    let folder = tempfile::tempdir().expect("a folder");
    let known_hosts = folder.path().join("known_hosts");
    let mount = format!("--volume={}:/known_hosts:ro", known_hosts.display());
    let installation = on(&rig).with([mount.as_str()]);
    let script = format!(
        "userdel backup && useradd --create-home backup && echo backup:{PASSWORD} | chpasswd && mkdir -p /run/sshd && ssh-keygen -A && \
         exec /usr/sbin/sshd -D -e -p 22"
    );
    let tools = ["cloud-user-backup-rig:tools", "sh", "-c", &script];
    let server = beside(&installation, &rig, &host, &tools);
    server.wait_for("sshd listens", |server| {
        server.logs().contains("Server listening")
    });
    let keys = server.shell("cat /etc/ssh/ssh_host_*_key.pub").ok().stdout;
    let keys: Vec<String> = keys.lines().map(|key| format!("{host} {key}")).collect();
    std::fs::write(&known_hosts, keys.join("\n")).expect("a file");

    let password = obscured(PASSWORD);
    let values = [
        ("nas.example.org", host.as_str()),
        ("the obscured password", &password),
    ];
    let installation = with_lines(installation, &lines("A server with SSH (sftp)", &values));
    works(&installation);
    server.shell("test -e /home/backup/backup/VM1/config").ok();

    let wrong = obscured("another");
    refused(&installation, &format!("RCLONE_CONFIG_NAS_PASS={wrong}"), 69)
        .says("the storage lets us not write: ")
        .says("unable to authenticate")
        .says("Check the user and the password or key in the section [nas], which the RCLONE_CONFIG_NAS_... lines of .env make");
    refused(&installation, "RCLONE_CONFIG_NAS_PASS=in the clear", 69)
        .says("docker compose run --rm -T cloud-backup rclone obscure -");
    refused(&installation, "RCLONE_CONFIG_NAS_PORT=1", 69)
        .says("connection refused")
        .says("Check the address and the port in the section [nas]");
    refused(&installation, "BACKUP_REMOTE=nas:/root/backup", 69)
        .says("the storage lets us not write: ")
        .says("the path of BACKUP_REMOTE");
    refused(&installation, "BACKUP_REMOTE=other:backup", 78)
        .says("has no section [other]")
        .says("RCLONE_CONFIG_NAME_TYPE");
    std::fs::write(
        &known_hosts,
        format!("{host} ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqKcC1GZkGCYxmMdGGLHvvN2ZbTyzK0yRSqMLHPnYWd\n"),
    )
    .expect("a file");
    refused(&installation, "NOTHING=else", 69).says("known_hosts_file in the section [nas]");
}

#[test]
fn a_webdav_server() {
    let rig = Rig::get();
    let host = format!("dav-{}", unique());
    let installation = on(&rig);
    let secret = format!("--env=RCLONE_PASS={PASSWORD}");
    let serve = [
        "--env=RCLONE_USER=backup",
        &secret,
        "--entrypoint=/usr/bin/rclone",
        &image(),
        "serve",
        "webdav",
        "--addr=:8080",
        "/tmp",
    ]
    .map(str::to_owned);
    let serve: Vec<&str> = serve.iter().map(String::as_str).collect();
    let server = beside(&installation, &rig, &host, &serve);
    server.wait_for("rclone listens", |server| {
        server.logs().contains("WebDav Server started")
    });
    let url = format!("http://{host}:8080");
    let password = obscured(PASSWORD);
    let values = [
        (
            "https://dav.example.org/remote.php/dav/files/backup",
            url.as_str(),
        ),
        ("the obscured password", &password),
    ];
    let installation = with_lines(installation, &lines("WebDAV", &values));
    works(&installation);
    server.shell("test -e /tmp/backup/VM1/config").ok();
    refused(&installation, "RCLONE_CONFIG_DAV_USER=somebody", 69)
        .says("401")
        .says("Check the user and the password or key in the section [dav]");
    refused(
        &installation,
        &format!("RCLONE_CONFIG_DAV_URL=http://{host}:1"),
        69,
    )
    .says("connection refused")
    .says("Check the address and the port in the section [dav]");
}

#[test]
fn an_s3_user_with_keys() {
    let rig = Rig::get();
    let user = format!("keys-{}", unique());
    rig.s3_user(&user, "1");
    let bucket = format!("{user}-bucket");
    let remote = format!("s3:{bucket}/backup/VM1");
    let values = [
        ("s3:experiment/backup/VM1", remote.as_str()),
        ("https://s3.example.org", rig.value("S3_ENDPOINT")),
        ("the access key", &user),
        ("the secret key", &user),
    ];
    let installation = on(&rig)
        .env("EXTRA_CA_FILE", CA_FILE)
        .with([&*format!("--volume={}:{CA_FILE}:ro", rig.ca_file())]);
    let installation = with_lines(installation, &lines("S3 with keys of its own", &values));
    works(&installation);
    let keys = rig.objects(&bucket);
    assert!(
        keys.iter().any(|key| key == "backup/VM1/config"),
        "{keys:?}"
    );

    // The user may not make a second one.
    refused(&installation, &format!("BACKUP_REMOTE=s3:{user}-missing/x"), 69)
        .says("TooManyBuckets")
        .says("The bucket is not there, and this user may not make it. Make it, or correct BACKUP_REMOTE=s3:BUCKET/PATH");
    refused(
        &installation,
        "RCLONE_CONFIG_S3_SECRET_ACCESS_KEY=wrong",
        69,
    )
    .says("the storage lets us not write: ")
    .says("Check the user and the password or key in the section [s3]");
    refused(
        &installation,
        "RCLONE_CONFIG_S3_ENDPOINT=https://rgw.test:1",
        69,
    )
    .says("Check the address and the port in the section [s3]");
}

#[test]
fn a_directory_of_the_vm_and_a_second_destination_there() {
    let disk = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::chown(disk.path(), Some(1000), Some(1000)).expect("chown, as root");
    let mount = format!("--volume={}:/storage", disk.path().display());
    let installation = with_lines(
        Installation::new().with([mount.as_str()]),
        &lines("A directory", &[]),
    );
    works(&installation);
    assert!(disk.path().join("VM1/config").exists());

    refused(&installation, "BACKUP_REMOTE=/tmp/storage", 73)
        .says("/tmp/storage/ is a place in the container, which goes with it");
    std::os::unix::fs::chown(disk.path(), Some(0), Some(0)).expect("chown, as root");
    refused(&installation, "BACKUP_REMOTE=/storage/other", 69)
        .says("permission denied")
        .says("The directory of BACKUP_REMOTE must lie in a volume or a mount of compose.yaml, and be writable for uid 1000");
    // The second destination is tried alike.
    refused(&installation, "COPY_REMOTE=/home/user/copies", 0)
        .says("The second destination:\nStorage: /home/user/copies/\n  write an object: ok\n");
    refused(&installation, "COPY_REMOTE=/storage/copies", 69)
        .says("at the second destination /storage/copies/: the storage lets us not write: ")
        .says("The directory of COPY_REMOTE must lie in a volume");
}
