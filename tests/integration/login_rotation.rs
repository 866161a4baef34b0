//! Refresh tokens of one use: a second use of one ends the login, so everybody on a volume has to go by one agent.
//!
//! The real provider takes the whole login away then; the model of IAM does so too, and counts.

use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::harness::{Container, Ended, Installation, ended};
use crate::rig::{Realm, Rig};

/// Beside a running server and in a container without one, the commands that use the login; `{bucket}` is the user's.
const COMMANDS: [&[&str]; 6] = [
    &["rclone", "lsf", "infncloud:/{bucket}"],
    &["oidc-token", "infncloud"],
    &["oidc-token", "--aud=object", "infncloud"],
    &["credential-process"],
    &["check-refresh-token"],
    &["restic", "snapshots"],
];

fn line(command: &[&str], installation: &Installation) -> Vec<String> {
    command
        .iter()
        .map(|word| word.replace("{bucket}", installation.user()))
        .collect()
}

/// A one-shot container in the background.
fn spawn(installation: &Installation, command: &[&str]) -> (String, Child) {
    let words = line(command, installation);
    let child = installation
        .command([], words.iter().map(String::as_str))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("docker can be started");
    (words.join(" "), child)
}

fn all_well(children: Vec<(String, Child)>) {
    all_well_beside(None, children);
}

/// The same; the server's log may tell why one has failed.
#[track_caller]
fn all_well_beside(server: Option<&Container>, children: Vec<(String, Child)>) {
    let ends: Vec<Ended> = children
        .into_iter()
        .map(|(what, child)| ended(&what, child))
        .collect();
    // What the others said tells why one has failed.
    let all: Vec<_> = ends
        .iter()
        .map(|end| (&end.command, end.code, &end.stderr))
        .collect();
    let is_well = |end: &Ended| end.code == 0 && !end.stderr.contains("in the middle of a request");
    assert!(
        ends.iter().all(is_well),
        "{all:#?}\n{}",
        server.map(Container::logs).unwrap_or_default()
    );
}

/// What tells a refresh from the next: the account's file, which oidc-agent writes anew, under another salt, with each
/// new refresh token.
struct Refreshes {
    container: Container,
    watch: Child,
}

impl Refreshes {
    const WATCH: &str = r#"
exec {pause}<> <(:)
until [[ -e /tmp/enough ]]; do
  now=$(</home/user/.cloud-backup/login/oidc-agent/infncloud)
  [[ -z $now || $now == "$last" ]] || { last=$now; echo change >>/tmp/changes; }
  read -rt 0.02 -u "$pause"
done
true
"#;

    fn watch(installation: &Installation) -> Self {
        let container = installation.start_program("sleep", ["600"]);
        let watch = container.spawn_exec([], ["bash", "-c", Self::WATCH]);
        container.wait_for("the first look", |container| {
            container.shell("test -s /tmp/changes").code == 0
        });
        Self { container, watch }
    }

    /// How many there were so far; the first look is none.
    fn count(&self) -> usize {
        let changes = self.container.shell("wc -l </tmp/changes").ok().stdout;
        changes.trim().parse::<usize>().expect("a number") - 1
    }

    fn end(self) {
        self.container.shell("touch /tmp/enough").ok();
        ended("the watch", self.watch).ok();
    }
}

/// The login still gives tokens: the proof, for one that was used twice gives none any more.
#[track_caller]
fn survives(installation: &Installation) {
    installation
        .run(["check-refresh-token"])
        .ok()
        .says("The login is good for 29 days");
    installation
        .run(["oidc-token", "--aud=object", "infncloud"])
        .ok()
        .says("ey");
}

fn installation_on_provider(user: &str) -> Installation {
    let installation = Installation::on_provider(&Rig::get(), user);
    installation.write("file", "content");
    // Its proof is not what is tested, and has all the time that it needs.
    installation.log_in().ok();
    installation.env("STS_DURATION", "10s")
}

fn one_shots_in_jobs(server: &Container, installation: &Installation) -> Vec<(String, Child)> {
    let mut children: Vec<_> = COMMANDS
        .iter()
        .map(|command| spawn(installation, command))
        .collect();
    for command in COMMANDS
        .iter()
        .copied()
        .chain([&["backup", "/backup/dir1"][..]])
    {
        let words = line(command, installation);
        let child = server.spawn_exec([], words.iter().map(String::as_str));
        children.push((words.join(" "), child));
    }
    children
}

#[test]
fn the_test_sees_a_second_use() {
    // Two agents on copies of one volume: what all these tests are about would end like this.
    let installation = installation_on_provider("twice");
    let copy = "cp -a .cloud-backup/logins /home/user/kept";
    installation.shell(copy).ok();
    installation
        .run(["oidc-token", "--aud=object", "infncloud"])
        .ok();
    let back = "rm -r .cloud-backup/logins && mv kept .cloud-backup/logins";
    installation.shell(back).ok();
    installation
        .run(["check-refresh-token"])
        .code(77)
        .says("the login");
}

#[test]
fn a_login_survives_20_refreshes_of_a_server_jobs_and_one_shot_commands_side_by_side() {
    let installation = installation_on_provider("beside");
    let refreshes = Refreshes::watch(&installation);
    let server = installation.server();
    server.exec(["restic", "init"]).ok();
    let until = Instant::now() + Duration::from_secs(110);
    let mut rounds = 0;
    while refreshes.count() < 20 {
        assert!(Instant::now() < until, "{} refreshes", refreshes.count());
        all_well_beside(Some(&server), one_shots_in_jobs(&server, &installation));
        rounds += 1;
    }
    assert!(rounds >= 2, "more than one round of all");
    survives(&installation);
    server.exec(["healthcheck"]).ok();
    server.stop();
    survives(&installation);
    let log = server.logs();
    assert!(!log.contains("ERROR"), "{log}");
    refreshes.end();
}

/// A realm with refresh tokens of one use, and an installation that has logged in there.
fn rotating(user: &str) -> (Realm, Installation) {
    let realm = Rig::get().realm(r#"{"rotate": true}"#);
    let installation = Installation::on_realm(&realm, user).env("STS_DURATION", "10s");
    installation.write("file", "content");
    installation.log_in().ok();
    (realm, installation)
}

#[test]
fn one_shot_commands_without_a_server_share_one_login() {
    let (realm, installation) = rotating("alone");
    installation.run(["restic", "init"]).ok();
    let before = realm.count("refreshed");
    for command in [COMMANDS[0], COMMANDS[2], COMMANDS[4]] {
        all_well(vec![spawn(&installation, command)]);
    }
    let between = realm.count("refreshed");
    assert!(
        between >= before + 3,
        "each by itself has refreshed: {before} {between}"
    );
    for _ in 0..2 {
        all_well(
            COMMANDS
                .iter()
                .map(|command| spawn(&installation, command))
                .collect(),
        );
    }
    survives(&installation);
    assert!(realm.count("refreshed") > between);
    assert_eq!(
        realm.count("refresh"),
        realm.count("refreshed"),
        "none was refused"
    );
}

#[test]
fn a_login_survives_servers_that_start_and_stop_among_refreshes() {
    let (realm, installation) = rotating("stops");
    let server = installation.server();
    server.exec(["restic", "init"]).ok();
    for round in 0..3 {
        // At different places of a refresh.
        let mut busy = Vec::new();
        for _ in 0..3 {
            let line = ["oidc-token", "--aud=object", "infncloud"];
            busy.push(server.spawn_exec([], line));
        }
        sleep(Duration::from_millis(150 * round));
        let beside: Vec<_> = [COMMANDS[0], COMMANDS[2], COMMANDS[5]]
            .map(|command| spawn(&installation, command))
            .into_iter()
            .collect();
        server.stop();
        for child in busy {
            // Whether it came in time or not: it ended.
            drop(ended("oidc-token", child));
        }
        // A one-shot command takes the keeper's place, and gives it back.
        docker_start(&server);
        all_well_beside(Some(&server), beside);
        server.wait_for("the server is healthy again", |server| {
            server.exec(["healthcheck"]).code == 0
        });
    }
    survives(&installation);
    assert_eq!(realm.count("refresh"), realm.count("refreshed"));
}

fn docker_start(container: &Container) -> Ended {
    crate::harness::docker(["start", &container.id]).ok()
}

#[test]
fn a_login_survives_servers_that_are_killed_at_rest() {
    let installation = installation_on_provider("killed").env("STS_DURATION", "1h");
    let server = installation.server();
    for _ in 0..3 {
        server.exec(["check-refresh-token"]).ok();
        // The new token is in the file a quarter of a second after the answer.
        sleep(Duration::from_secs(1));
        server.signal("KILL").ok();
        installation
            .run(["oidc-token", "--aud=object", "infncloud"])
            .ok();
        docker_start(&server);
        server.wait_for("the server is healthy again", |server| {
            server.exec(["healthcheck"]).code == 0
        });
    }
    survives(&installation);
}
