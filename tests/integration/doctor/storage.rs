//! Storage without a login: the path, the server, the repository, the quota.

use super::{doctor, idle};
use crate::harness::Installation;
use crate::healthchecks::Healthchecks;

#[test]
fn path_server_and_repository() {
    let installation = Installation::new();
    installation.write("a", "one");
    installation.run(["backup", "/backup/dir1"]).ok();
    let idle = idle(&installation);
    let closed = "install -d -m 000 -o user /home/user/closed";
    idle.shell(closed).ok();
    doctor(&idle, ["BACKUP_REMOTE=/home/user/closed"])
        .found(["storage-refuses"])
        .says("be writable for uid 1000")
        .says("the storage lets us not write: ")
        .is("repository", "not-looked-at");
    doctor(&idle, ["BACKUP_REMOTE=nowhere:path"]).found(["remote-unknown"]);
    doctor(&idle, ["RESTIC_PASSWORD=another-password"]).found(["repository-password"]);
    let storage = |script: &str| idle.shell(&format!("cd /home/user/storage; {script}")).ok();
    storage("mv config ../config; echo nonsense >config; chown user config");
    doctor(&idle, []).found(["repository-unreadable"]);
    storage("mv ../config config; mv keys ../keys");
    doctor(&idle, []).found(["repository-damaged"]);
    storage("mv ../keys keys; cd ..; mv storage elsewhere");
    doctor(&idle, []).found(["repository-gone"]);
    // A look makes nothing that stays.
    idle.shell("cd /home/user; [ ! -e storage ] && mv elsewhere storage")
        .ok();
    doctor(&idle, ["BACKUP_REMOTE=/home/user/mistyped/path"]).found([]);
    idle.shell("[ ! -e /home/user/mistyped ]").ok();

    let server = installation.server();
    doctor(&server, []).found([]);
    doctor(&server, ["BACKUP_REMOTE=/home/user/other"])
        .found(["server-settings"])
        .says("docker compose up -d --force-recreate");
    server.kill("STOP", server.pid("rclone", "serve"));
    doctor(&server, [])
        .found(["repository-unreadable"])
        .is("server", "found")
        .is("repository", "not-looked-at");
}

#[test]
fn from_80_percent_of_the_quota_on_doctor_and_each_backup_warn() {
    let healthchecks = Healthchecks::start();
    let installation = Installation::new();
    installation.write_random("a", 900_000);
    let server = installation.server();
    let url = format!(
        "--env=BACKUP_CHECK_URL={}",
        healthchecks.url_for_containers()
    );
    let backup = |quota: &str| {
        let quota = format!("--env=QUOTA={quota}");
        let ended = server.exec_with([&*url, &quota], ["backup", "/backup/dir1"]);
        (ended.ok().all(), healthchecks.last_body())
    };
    // 900 kB of random bytes, and what restic adds to them.
    let (shown, body) = backup("1100000");
    let warning = "warning: 82 % of the quota is used (";
    assert!(
        shown.contains(&format!("cloud-backup: {warning}")),
        "{shown}"
    );
    let head: Vec<&str> = body.lines().take(2).collect();
    assert_eq!(head[0], "Successful backup of /backup/dir1");
    assert!(head[1].starts_with(warning), "{body}");
    assert!(
        head[1].contains("how fast it grows is not known yet"),
        "{body}"
    );
    let (_, body) = backup("2M");
    assert!(!body.contains("warning"), "{body}");
    let (shown, body) = backup("");
    assert!(
        !shown.contains("quota") && !body.contains("quota"),
        "{body}"
    );

    doctor(&server, ["QUOTA=1100000"])
        .found(["quota-low"])
        .says("forget --keep-within 14d --prune");
    // The line that it says works as it stands there.
    let line = include_str!("../../../docs/doctor.md");
    let (_, line) = line
        .split_once("docker compose exec cloud-backup forget ")
        .expect("the line");
    let (args, _) = line.split_once('.').expect("its end");
    server
        .exec(["forget"].into_iter().chain(args.split(' ')))
        .ok();
    doctor(&server, ["QUOTA=800K"]).found(["quota-full"]);
    doctor(&server, ["QUOTA=2G"])
        .found([])
        .says("0 % of the quota is used (");
    doctor(&server, ["QUOTA=much"]).found(["setting-wrong"]);
    // It fails no backup.
    server
        .exec_with(["--env=QUOTA=200"], ["backup", "/backup/dir1"])
        .ok()
        .says("warning: QUOTA is not used, it must be a size such as 200G");
}

#[test]
fn an_interruption_leaves_no_object_behind() {
    let doubles = tempfile::tempdir().expect("a folder");
    let open = || std::os::unix::fs::PermissionsExt::from_mode(0o755);
    let slow = "#!/bin/sh\ncase \"$*\" in *lsf*) sleep 20;; esac\nexec /usr/bin/rclone \"$@\"\n";
    let file = doubles.path().join("rclone");
    std::fs::write(&file, slow).expect("a file");
    for path in [doubles.path(), &file] {
        std::fs::set_permissions(path, open()).expect("chmod");
    }
    let mount = format!("--volume={}:/doubles:ro", doubles.path().display());
    let installation = Installation::new()
        .with([&*mount])
        .env("PATH", "/doubles:/usr/local/bin:/usr/bin:/bin");
    let doctor = installation.start(["doctor"]);
    let storage = "ls -A /home/user/storage";
    doctor.wait_for("the object is written", |doctor| {
        doctor.shell(storage).stdout.contains("cloud-backup-probe-")
    });
    doctor.stop();
    assert_eq!(doctor.exit_code(), 130, "{}", doctor.logs());
    // Nor the directory, which was not there before.
    let left = installation.run_program("ls", ["-A", "/home/user"]).ok();
    assert!(!left.stdout.contains("storage"), "{}", left.stdout);
}
