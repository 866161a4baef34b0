//! `doctor`: a healthy set-up gives nothing, and each finding is provoked for real, many in one container.

mod checks;
mod second;
mod storage;

use serde_json::Value;

use crate::harness::{Container, Ended, Installation, RESTIC_PASSWORD};
use crate::healthchecks::{Answer, Healthchecks};
use crate::project::Project;
use crate::rig::OIDC_PASSWORD;
use crate::status::{Schedule, job};

/// What `doctor --json` has told.
pub struct Told {
    json: Value,
    all: String,
}

impl Told {
    /// Reads it; the exit code must fit, and no secret may be in it.
    #[track_caller]
    pub fn of(ended: &Ended) -> Self {
        let all = ended.all();
        let json: Value =
            serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {all}"));
        for secret in [RESTIC_PASSWORD, OIDC_PASSWORD, "eyJ"] {
            assert!(!all.contains(secret), "{all}");
        }
        let told = Self { json, all };
        let is_well = told.ids().is_empty();
        assert_eq!(ended.code, i32::from(!is_well), "{}", told.all);
        assert_eq!(told.json["ok"], is_well, "{}", told.all);
        told
    }

    fn findings(&self) -> &Vec<Value> {
        self.json["findings"].as_array().expect("a list")
    }

    /// The ids of what was found, in its order.
    pub fn ids(&self) -> Vec<&str> {
        let findings = self.findings().iter();
        findings
            .map(|found| found["id"].as_str().expect("an id"))
            .collect()
    }

    /// Fails the test unless these very findings were told.
    #[track_caller]
    pub fn found<const N: usize>(self, ids: [&str; N]) -> Self {
        assert_eq!(self.ids(), ids, "{}", self.all);
        for found in self.findings() {
            for key in ["check", "severity", "what", "why", "line"] {
                let text = found[key].as_str().unwrap_or_default();
                assert!(!text.is_empty(), "{key} of {found}");
            }
        }
        self
    }

    /// Fails the test unless a finding says this.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.all.contains(text), "no {text:?} in {}", self.all);
        self
    }

    /// Fails the test unless this check has this result.
    #[track_caller]
    pub fn is(self, check: &str, result: &str) -> Self {
        assert_eq!(self.check(check)["result"], result, "{check}: {}", self.all);
        self
    }

    /// What a check has come to.
    #[track_caller]
    pub fn check(&self, name: &str) -> &Value {
        let checks = self.json["checks"].as_array().expect("a list");
        let found = checks.iter().find(|check| check["check"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {}", self.all))
    }
}

/// `doctor --json` in a container that runs, with these variables over its own.
#[track_caller]
pub fn doctor<const N: usize>(container: &Container, env: [&str; N]) -> Told {
    let env = env.map(|pair| format!("--env={pair}"));
    Told::of(&container.exec_with(env.iter().map(String::as_str), ["doctor", "--json"]))
}

/// A container of the image that does nothing: there is no server.
pub fn idle(installation: &Installation) -> Container {
    installation.start_program("sleep", ["600"])
}

/// Puts a file into the container, for everybody to read and to run.
#[track_caller]
pub fn put(container: &Container, path: &str, content: &str) {
    let quoted = content.replace('\'', "'\\''");
    let script =
        format!("mkdir -p $(dirname {path}); printf %s '{quoted}' >{path}; chmod 755 {path}");
    container.shell(&script).ok();
}

#[test]
fn a_healthy_set_up_gives_none_before_the_first_backup_and_after_it() {
    let healthchecks = Healthchecks::start();
    let url = healthchecks.url_for_containers();
    let schedule = Schedule::new(&job(
        "nightly",
        "backup --tag example /backup/dir1",
        &format!("schedule = @daily\nenvironment = BACKUP_CHECK_URL={url}"),
    ));
    let installation = schedule.mounted(Installation::new());
    installation.write("a", "one");
    let fresh = installation.run(["doctor"]).ok();
    for line in [
        "settings      good: /home/user/storage/, storage without a login\n",
        "schedule      good: 1 job in /etc/ofelia/config.ini\n",
        "mounts        good: /backup/dir1: there, not empty, readable\n",
        "claims, sts: not looked at, because\n",
        "bucket        good: listing, writing, reading and deleting in /home/user/storage/\n",
        "server        good: none runs, ",
        "repository    good: none yet, the first backup makes it\n",
        "healthchecks  good: 1 check asked by a note (/log), which changes no state: reports are taken\n",
        "\nAll is well.\n",
    ] {
        assert!(fresh.stdout.contains(line), "{line:?}: {}", fresh.stdout);
    }
    let server = installation.server();
    server.exec(["backup", "/backup/dir1"]).ok();
    for ended in [
        server.exec(["doctor", "--json"]),
        installation.run(["doctor", "--json"]),
    ] {
        let told = Told::of(&ended).found([]);
        let repository = told.check("repository")["says"].as_str().expect("words");
        assert!(
            repository.starts_with("RESTIC_PASSWORD opens it; 1 snapshot, "),
            "{repository}"
        );
        told.is("server", "good")
            .is("quota", "not-looked-at")
            .says("runs in container ");
    }
    assert_eq!(healthchecks.signals(), ["log", "log", "log"]);
    let objects = server.shell("ls -A /home/user/storage").ok().stdout;
    assert!(!objects.contains("probe"), "{objects}");
}

#[test]
fn settings_names_schedule_and_mounts() {
    let installation = Installation::new();
    let idle = idle(&installation);
    let wrong = doctor(
        &idle,
        [
            "STOP_GRACE=x",
            "LOG_LEVEL=loud",
            "BACKUP_BUKET=backup/VM1",
            &format!("RESTIC_PASSWROD={RESTIC_PASSWORD}"),
        ],
    );
    wrong
        .found([
            "setting-wrong",
            "setting-wrong",
            "name-unknown",
            "name-unknown",
            "source-empty",
        ])
        .says("BACKUP_BUKET is set, and nothing reads it: the setting is called BACKUP_BUCKET")
        .is("repository", "not-looked-at");

    let file = "/etc/ofelia/config.ini";
    put(&idle, file, "[job-local \"a\"]\nschedule = never\n");
    let told = doctor(&idle, ["AAI_USERNAME=alice", "TZ=Nowhere/Town"]);
    told.found(["name-unknown", "setting-wrong", "schedule", "source-empty"])
        .says("line 2");

    // A source that is missing, one that is empty now, one with files that uid 1000 may not read.
    let lines = "schedule = @daily\nenvironment = BACKUP_CHECKURL=https://hc.test/ping/secret";
    put(
        &idle,
        file,
        &job("nightly", "backup /backup/dir1 /backup/dir9", lines),
    );
    let told = doctor(&idle, []);
    told.found(["name-unknown", "source-empty", "source-missing"])
        .says("BACKUP_CHECKURL is set (job nightly)")
        .says("/backup/dir9 is not there, and the job nightly backs it up");
    put(
        &idle,
        file,
        &job("nightly", "backup /backup/dir1", "schedule = @daily"),
    );
    doctor(&idle, ["CONTAINER_NAME=my-backup"])
        .found(["schedule-elsewhere", "source-empty"])
        .says("which is my-backup: the job nightly is for cloud-backup")
        .says("Write container = my-backup in the schedule file.");
    for name in ["inner/secret", "other"] {
        let secret = installation.write(name, "for root only");
        let refused = std::os::unix::fs::PermissionsExt::from_mode(0o000);
        std::fs::set_permissions(secret, refused).expect("chmod");
    }
    let told = doctor(&idle, []).found(["source-unreadable"]);
    told.says("and 1 more").says("cap_add: [DAC_READ_SEARCH]");
    // What the remedy says makes it well.
    let excluding = "backup --exclude /backup/dir1/inner/secret --exclude=other /backup/dir1";
    put(&idle, file, &job("nightly", excluding, "schedule = @daily"));
    doctor(&idle, []).found([]);
}

#[test]
fn a_host_name_that_nobody_chose() {
    let installation = Installation::new().with(["--hostname="]);
    installation.write("a", "one");
    let idle = idle(&installation);
    let name = &idle.id[..12];
    doctor(&idle, [])
        .found(["host-name"])
        .says(&format!("the host name is {name}, "));
    doctor(&idle, ["RESTIC_HOST=my-VM"]).found([]);
}

#[test]
fn volume_disk_and_programs() {
    let installation = Installation::new().with(["--tmpfs=/small:size=40m,uid=1000,mode=0700"]);
    installation.write("a", "one");
    let idle = idle(&installation);
    let small = doctor(&idle, ["HOME=/small", "BACKUP_REMOTE=/small/storage"]);
    small.found(["disk-low"]).says("/small has ");
    idle.shell("mkdir /home/user/.cloud-backup").ok();
    doctor(&idle, [])
        .found(["volume"])
        .is("repository", "not-looked-at")
        .is("versions", "good");
    idle.shell("rmdir /home/user/.cloud-backup").ok();

    doctor(&idle, ["PATH=/usr/local/bin"])
        .found(["program-missing", "program-missing"])
        .is("bucket", "not-looked-at");
    let says = |version: &str, program: &str| {
        format!(
            "#!/bin/sh\n[ \"$1\" = version ] && echo '{version}' && exit\nexec {program} \"$@\"\n"
        )
    };
    put(
        &idle,
        "/doubles/restic",
        &says("restic 1.0.0 compiled", "/usr/bin/restic"),
    );
    put(
        &idle,
        "/doubles/rclone",
        &says("rclone v1.60.1-DEV", "/usr/bin/rclone"),
    );
    let path = "PATH=/doubles:/usr/local/bin:/usr/bin:/bin";
    doctor(&idle, [path])
        .found(["program-untested", "program-old"])
        .says("rclone is 1.60.1-DEV, and 1.66 or newer is needed");
    // As in the double of rclone: it tells of the option that INFN's has. Nobody need be logged in for that.
    put(
        &idle,
        "/doubles/rclone",
        "#!/bin/sh\ncase \"$*\" in\n*help*) echo '- Config:      oidc_agent';;\n*) echo 'rclone v1.58.1';;\nesac\n",
    );
    put(
        &idle,
        "/doubles/restic",
        "#!/bin/sh\nexec /usr/bin/restic \"$@\"\n",
    );
    let told = doctor(
        &idle,
        [
            path,
            "BACKUP_REMOTE=",
            "AAI_USER=alice",
            "OIDC_PASSWORD=planted",
            "BACKUP_BUCKET=backup",
            "OIDC_ISSUER=https://iam.invalid/",
            "S3_ENDPOINT=https://rgw.invalid/",
        ],
    );
    told.found([
        "login-service-unreachable",
        "storage-unreachable",
        "no-login",
        "rclone-patched",
    ])
    .says("docker compose run --rm cloud-backup config")
    .is("bucket", "not-looked-at")
    .is("quota", "not-looked-at");
}

/// The lines of the document, as they stand there.
#[test]
fn the_files_as_shipped_lack_nothing_but_the_checks() {
    let docs = include_str!("../../docs/doctor.md");
    let lines: Vec<&str> = docs
        .lines()
        .filter_map(|line| line.strip_prefix("    $ "))
        .collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let project = Project::beside_others();
    project.edit_sources();
    project.set("BACKUP_REMOTE", "/home/user/storage");
    project.set("RESTIC_PASSWORD", RESTIC_PASSWORD);
    // Before the server and beside it.
    let alone = project.type_line(lines[0]).code(1);
    project.compose(["up", "--detach", "cloud-backup"]).ok();
    let beside = project.type_line(lines[1]).code(1);
    for ended in [alone, beside] {
        assert_eq!(
            ended.stdout.matches("[check-wrong]").count(),
            4,
            "{}",
            ended.all()
        );
        assert!(ended.stdout.ends_with("\n4 warnings.\n"), "{}", ended.all());
        let words: Vec<&str> = ended.stdout.split_whitespace().collect();
        let told = words.join(" ");
        assert!(
            told.contains("it still holds the guide's placeholder"),
            "{told}"
        );
        let widest = ended.stdout.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(100), "{}", ended.stdout);
    }
}

#[test]
fn an_interruption_ends_it_in_time() {
    let healthchecks = Healthchecks::start().always(Answer::Hang);
    let url = healthchecks.url_for_containers();
    let installation = Installation::new().env("BACKUP_CHECK_URL", &url);
    let doctor = installation.start(["doctor"]);
    doctor.wait_for("a check is asked", |_| !healthchecks.pings().is_empty());
    let took = doctor.stop();
    assert!(took < std::time::Duration::from_secs(8), "{took:?}");
    assert_eq!(doctor.exit_code(), 130, "{}", doctor.logs());
    assert!(
        doctor.logs().contains("repository    good: "),
        "{}",
        doctor.logs()
    );
}
