//! `ofelia-config.ini` as shipped, each job carried out as Ofelia does it, on the server of `compose.yaml` as shipped.

use crate::harness::{RESTIC_PASSWORD, docker, image};
use crate::healthchecks::Healthchecks;
use crate::project::{Project, shipped};

pub mod daemon;

use daemon::{Configuration, Section};

/// The keys that Ofelia 0.3.21 knows and this file uses; others it drops without a word.
const KEYS: [&str; 7] = [
    "schedule",
    "container",
    "user",
    "environment",
    "command",
    "no-overlap",
    "save-folder",
];

fn as_shipped() -> Configuration {
    let text = std::fs::read_to_string(shipped("ofelia-config.ini")).expect("a text");
    Configuration::read(&text)
}

fn jobs(configuration: &Configuration) -> impl Iterator<Item = &Section> {
    let sections = configuration.sections().iter();
    sections.filter(|section| section.kind != "global")
}

/// The checks of a project, one for each job-exec of the schedule.
struct Checks {
    token: Healthchecks,
    backup: Healthchecks,
    forget: Healthchecks,
    verify: Healthchecks,
}

impl Checks {
    /// Puts their URLs in the place of the guide's.
    fn of(project: &Project) -> Self {
        let checks = Self {
            token: Healthchecks::start(),
            backup: Healthchecks::start(),
            forget: Healthchecks::start(),
            verify: Healthchecks::start(),
        };
        for (variable, check) in [
            ("OIDC_TOKEN_CHECK_URL", &checks.token),
            ("BACKUP_CHECK_URL", &checks.backup),
            ("FORGET_CHECK_URL", &checks.forget),
            ("VERIFY_CHECK_URL", &checks.verify),
        ] {
            project.edit(
                "ofelia-config.ini",
                &format!("environment = {variable}=https://hc.cloud.infn.it/ping/<uuid>\n"),
                &format!("environment = {variable}={}\n", check.url_for_containers()),
            );
        }
        checks
    }
}

/// A project with a running server, on local storage.
fn running() -> Project {
    let project = Project::beside_others();
    project.edit_sources();
    project.set("BACKUP_REMOTE", "/home/user/storage");
    project.set("RESTIC_PASSWORD", RESTIC_PASSWORD);
    project.compose(["up", "--detach", "cloud-backup"]).ok();
    project
}

#[test]
fn every_job_has_six_fields_and_only_keys_that_ofelia_knows() {
    let configuration = as_shipped();
    let global = &configuration.sections()[0];
    assert_eq!(global.kind, "global");
    let folder = global.value("save-folder").expect("a folder for the logs");
    assert!(folder.starts_with('/'), "{folder} is relative");

    let mut times = Vec::new();
    for job in jobs(&configuration) {
        let schedule = job.value("schedule").expect("a schedule");
        let fields: Vec<&str> = schedule.split(' ').collect();
        assert_eq!(fields.len(), 6, "{}: {schedule}", job.name);
        assert_eq!(fields[..2], ["0", "0"], "{}: {schedule}", job.name);
        let weekday = if job.name == "verify" { "0" } else { "*" };
        assert_eq!(fields[3..], ["*", "*", weekday], "{}", job.name);
        let hour: u8 = fields[2].parse().expect("an hour");
        times.push((&*job.kind, &*job.name, hour));
        for key in job.keys() {
            assert!(KEYS.contains(&key), "{}: {key}", job.name);
        }
    }
    assert_eq!(
        times,
        [
            ("job-exec", "check-refresh-token", 1),
            ("job-exec", "backup", 2),
            ("job-exec", "forget", 3),
            ("job-exec", "verify", 5),
            ("job-local", "clean-logs", 4),
        ]
    );
    for job in ["backup", "forget", "verify"] {
        assert_eq!(configuration.job(job).value("no-overlap"), Some("true"));
    }
    for job in ["check-refresh-token", "backup", "forget", "verify"] {
        let job = configuration.job(job);
        assert_eq!(job.value("user"), Some("user"), "{}", job.name);
    }
}

#[test]
fn the_services_and_the_schedule_as_shipped_name_the_same_container_and_folders() {
    let project = Project::to_look_at();
    let services = project.compose(["config", "--format", "json"]).ok().stdout;
    let services: serde_json::Value = serde_json::from_str(&services).expect("JSON");
    let (server, ofelia) = (
        &services["services"]["cloud-backup"],
        &services["services"]["ofelia"],
    );
    let configuration = as_shipped();
    for job in jobs(&configuration).filter(|job| job.kind == "job-exec") {
        assert_eq!(server["container_name"], job.value("container").unwrap());
    }
    assert_eq!(server["working_dir"], "/backup");
    assert_eq!(server["cap_add"], serde_json::Value::Null);
    assert_eq!(ofelia["image"], "mcuadros/ofelia:latest");
    let mounted: Vec<&str> = ofelia["volumes"]
        .as_array()
        .expect("volumes")
        .iter()
        .filter_map(|volume| volume["target"].as_str())
        .map(|target| target.trim_end_matches('/'))
        .collect();
    assert_eq!(
        mounted,
        [
            "/var/run/docker.sock",
            configuration.sections()[0].value("save-folder").unwrap(),
            "/etc/ofelia/config.ini",
        ]
    );
}

#[test]
fn each_job_as_shipped_does_its_work_and_reports_it() {
    let project = running();
    let checks = Checks::of(&project);
    let configuration = Configuration::read(&project.read("ofelia-config.ini"));
    let container = project.container();

    let token = configuration
        .job("check-refresh-token")
        .exec(container)
        .ok();
    let nothing_to_check = "The storage /home/user/storage/ needs no login: nothing to check\n";
    assert_eq!(token.all(), format!("cloud-backup: {nothing_to_check}"));
    assert_eq!(checks.token.signals(), ["start", "0"]);
    assert_eq!(checks.token.last_body(), nothing_to_check);

    let backup = configuration.job("backup").exec(container).ok();
    let first = "cloud-backup: no repository was there: one was initialised\n";
    assert!(backup.stdout.starts_with(first), "{}", backup.stdout);
    assert!(
        backup.stdout.contains("processed 1 files"),
        "{}",
        backup.stdout
    );
    assert_eq!(
        backup.stderr,
        "cloud-backup: Successful backup of /backup/dir1\n"
    );
    assert_eq!(checks.backup.signals(), ["start", "0"]);
    let body = checks.backup.last_body();
    assert!(
        body.starts_with("Successful backup of /backup/dir1\n"),
        "{body}"
    );
    assert!(body.contains(first), "{body}");

    let forget = configuration.job("forget").exec(container).ok();
    let success = "Successful forget --keep-within 1m --prune\n";
    assert_eq!(forget.stderr, format!("cloud-backup: {success}"));
    assert!(
        forget.stdout.contains("keep 1 snapshots"),
        "{}",
        forget.stdout
    );
    assert_eq!(checks.forget.signals(), ["start", "0"]);
    let body = checks.forget.last_body();
    assert!(body.starts_with(success), "{body}");

    let verify = configuration.job("verify").exec(container).ok();
    let success =
        "Verified /home/user/storage/: check ok, 5 % of the data read, 1 file of snapshot ";
    assert!(
        verify
            .stderr
            .starts_with(&format!("cloud-backup: {success}")),
        "{}",
        verify.stderr
    );
    assert_eq!(checks.verify.signals(), ["start", "0"]);
    let body = checks.verify.last_body();
    assert!(body.starts_with(success), "{body}");

    // Nobody heard of another's job.
    assert_eq!(checks.token.pings().len(), 2);
    assert_eq!(checks.backup.pings().len(), 2);
    let snapshots = docker([
        "exec",
        "--user=user",
        container,
        "restic",
        "snapshots",
        "--json",
    ]);
    let snapshots: serde_json::Value =
        serde_json::from_str(snapshots.ok().stdout.trim()).expect("JSON");
    assert_eq!(snapshots.as_array().map(Vec::len), Some(1), "{snapshots}");
    assert_eq!(snapshots[0]["hostname"], "my-VM");
    assert_eq!(snapshots[0]["tags"], serde_json::json!(["example"]));
    assert_eq!(snapshots[0]["paths"], serde_json::json!(["/backup/dir1"]));
}

#[test]
fn a_job_without_a_user_and_with_quotes_and_a_relative_path_works_as_ofelia_splits_it() {
    let project = running();
    let checks = Checks::of(&project);
    let text = project.read("ofelia-config.ini");
    let text = text.replace("user = user\n", "").replace(
        "command = backup --tag example /backup/dir1\n",
        "command = backup --tag 'two words' --tag $HOME dir1 # of this VM\n",
    );
    let configuration = Configuration::read(&text);
    let backup = configuration.job("backup").exec(project.container()).ok();
    assert!(
        backup
            .stderr
            .starts_with("cloud-backup: started as root, going on as user"),
        "{}",
        backup.stderr
    );
    backup.says("Successful backup of dir1");
    assert_eq!(checks.backup.signals(), ["start", "0"]);

    // Nothing in the volume became root's: the same job of the user works.
    let configuration = Configuration::read(&project.read("ofelia-config.ini"));
    configuration.job("backup").exec(project.container()).ok();
    let snapshots = project.compose([
        "exec",
        "-T",
        "cloud-backup",
        "restic",
        "snapshots",
        "--json",
    ]);
    let snapshots: serde_json::Value =
        serde_json::from_str(snapshots.ok().stdout.trim()).expect("JSON");
    assert_eq!(
        snapshots[0]["tags"],
        serde_json::json!(["two words", "$HOME"])
    );
    assert_eq!(snapshots[0]["paths"], serde_json::json!(["/backup/dir1"]));
    assert_eq!(snapshots[1]["tags"], serde_json::json!(["example"]));
}

#[test]
fn a_failing_job_as_shipped_gives_its_exit_code_and_reports_it() {
    let project = running();
    let checks = Checks::of(&project);
    let configuration = Configuration::read(&project.read("ofelia-config.ini"));
    let forget = configuration
        .job("forget")
        .exec(project.container())
        .code(10);
    assert!(
        forget.stderr.starts_with(
            "cloud-backup: Forget --keep-within 1m --prune failed: there is no repository at"
        ),
        "{}",
        forget.stderr
    );
    assert_eq!(checks.forget.signals(), ["start", "10"]);
    let body = checks.forget.last_body();
    assert!(body.contains("there is no repository at"), "{body}");
}

#[test]
fn old_logs_are_printed_and_deleted_and_new_ones_stay() {
    let logs = tempfile::tempdir().expect("a temporary folder");
    let configuration = as_shipped();
    let job = configuration.job("clean-logs");
    assert_eq!(job.kind, "job-local");
    // The names are Ofelia's.
    let mount = format!("--volume={}:/var/log/ofelia", logs.path().display());
    let root = ["run", "--rm", "--user=root", &mount];
    let made = docker(root.into_iter().chain([
        "--entrypoint=sh",
        &*image(),
        "-c",
        "cd /var/log/ofelia && touch 20261124_020000_backup.json 20261124_020000_backup.stdout.log && \
         touch -d '32 days ago' 20261020_020000_backup.json 20261020_020000_backup.stderr.log && \
         touch -d '30 days ago' 20261024_020000_backup.json && mkdir older && touch -d '90 days ago' older",
    ]));
    made.ok();
    let command = job.command();
    let program = format!("--entrypoint={}", command[0]);
    let of_image = image();
    let cleaned = docker(
        root.into_iter()
            .chain([&*program, &of_image])
            .chain(command[1..].iter().map(String::as_str)),
    )
    .ok();
    let mut printed: Vec<&str> = cleaned.stdout.lines().collect();
    printed.sort_unstable();
    assert_eq!(
        printed,
        [
            "/var/log/ofelia/20261020_020000_backup.json",
            "/var/log/ofelia/20261020_020000_backup.stderr.log",
        ]
    );
    let mut left: Vec<String> = std::fs::read_dir(logs.path())
        .expect("the folder")
        .map(|entry| {
            let name = entry.expect("an entry").file_name();
            name.into_string().expect("a name")
        })
        .collect();
    left.sort_unstable();
    assert_eq!(
        left,
        [
            "20261024_020000_backup.json",
            "20261124_020000_backup.json",
            "20261124_020000_backup.stdout.log",
            "older",
        ]
    );
    let emptied = docker(root.into_iter().chain([
        "--entrypoint=sh",
        &*image(),
        "-c",
        "rm -r /var/log/ofelia/*",
    ]));
    emptied.ok();
}
