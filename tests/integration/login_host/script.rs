//! `scripts/duplicity-backup` where something is wrong: on a directory, without a login.

use super::Host;
use crate::harness::Ended;
use crate::healthchecks::{Healthchecks, refusing_url};

const SETTINGS: &str = "/home/mrossi/.config/cloud-backup/duplicity";
const PASSPHRASE: &str = "planted-passphrase-51c0";

struct Scene {
    host: Host,
    healthchecks: Healthchecks,
    key: String,
}

impl Scene {
    fn new() -> Self {
        let host = Host::start(&[]).installed();
        host.write("~/documents/file", "content\n");
        let key = host.bash(&format!(
            "gpg --batch --pinentry-mode loopback --passphrase {PASSPHRASE} --quick-generate-key Mario default default never \
             2>/dev/null; gpg --list-keys --keyid-format LONG | sed -n 's|^pub *[a-z0-9]*/\\([0-9A-F]*\\) .*|\\1|p'"
        ));
        Self {
            key: key.ok().stdout.trim().to_owned(),
            host,
            healthchecks: Healthchecks::start(),
        }
    }

    /// The settings of a good run, and these after them.
    fn set(&self, more: &str) {
        self.host.write(
            SETTINGS,
            &format!(
                "DIRECTORY=~/documents\nDESTINATION=file:///home/mrossi/store\nGPG_KEY={}\nPASSPHRASE='{PASSPHRASE}'\n\
                 CHECK_URL={}\n{more}\n",
                self.key,
                self.healthchecks.url_for_containers()
            ),
        );
    }

    /// A run with these settings; the signals and the body that the check got of it.
    fn run(&self, more: &str) -> (Ended, Vec<String>, String) {
        self.set(more);
        let before = self.healthchecks.signals().len();
        let end = self.host.bash("duplicity-backup");
        let signals = self.healthchecks.signals()[before..].to_vec();
        assert!(!end.all().contains(PASSPHRASE), "{}", end.all());
        (end, signals, self.healthchecks.last_body())
    }

    #[track_caller]
    fn fails(&self, more: &str, code: i32, verdict: &str) {
        let (end, signals, body) = self.run(more);
        end.code(code).says(&format!("duplicity-backup: {verdict}"));
        assert_eq!(signals, ["start", &code.to_string()], "{more}");
        assert!(body.starts_with(verdict), "{body}");
        assert!(!body.contains(PASSPHRASE), "{body}");
    }
}

#[test]
fn what_goes_wrong_is_reported_and_a_report_that_fails_is_not() {
    let scene = Scene::new();
    let (end, signals, body) = scene.run("");
    end.ok().says("Successful backup");
    assert_eq!(signals, ["start", "0"]);
    assert!(
        body.starts_with("Successful backup of /home/mrossi/documents\n\n"),
        "{body}"
    );
    assert!(body.contains("Errors 0"), "{body}");
    let stored = scene.host.bash("ls ~/store").ok().stdout;
    let encrypted = |name: &str| name.rsplit('.').next() == Some("gpg");
    assert!(
        stored.lines().count() > 2 && stored.lines().all(encrypted),
        "{stored}"
    );

    // A name that PATH has as well, and nobody who takes the output.
    let told = scene.healthchecks.signals().len();
    let unheard = "cd ~/.config/cloud-backup; duplicity-backup duplicity >/dev/full 2>/dev/full";
    scene.set("");
    scene.host.bash(unheard).ok();
    assert_eq!(scene.healthchecks.signals()[told..], ["start", "0"]);
    for wrong in ["OPTIONS=(--exclude $NOWHERE)", "OPTIONS='"] {
        let (end, signals, _) = scene.run(wrong);
        end.code(78).says("cannot be read by the shell, see above");
        assert!(signals.is_empty(), "{signals:?}");
    }

    let (end, ..) = scene.run(&format!("CHECK_URL={}", refusing_url()));
    end.ok().says("the report was not delivered");

    scene.fails(
        "DIRECTORY=~/nowhere",
        78,
        "Backup of /home/mrossi/nowhere failed: there is no such directory",
    );
    scene.fails("GPG_KEY=", 78, "Backup failed: GPG_KEY is not set in ");
    scene.fails(
        "DESTINATION=rclone://infncloud:/mrossi/duplicity",
        78,
        "Backup of /home/mrossi/documents failed: the configuration has ",
    );
    scene.fails(
        "GPG_KEY=0123456789ABCDEF",
        31,
        "Backup of /home/mrossi/documents failed: duplicity ended with code 31",
    );
    scene
        .host
        .bash("install -m 000 /dev/null ~/documents/secret")
        .ok();
    scene.fails(
        "",
        1,
        "Backup of /home/mrossi/documents is not complete: 1 files could not be read",
    );
    scene.fails(
        "DEADLINE=1 DIRECTORY=/usr OPTIONS=(--allow-source-mismatch)",
        124,
        "Backup of /usr failed: it did not end within 1 and was ended",
    );

    scene.host.bash(&format!("chmod 644 {SETTINGS}")).ok();
    scene
        .host
        .bash("duplicity-backup")
        .code(78)
        .says("mode 0600");
}

#[test]
fn a_run_beside_another_one_is_skipped_and_one_that_is_ended_is_reported() {
    let scene = Scene::new();
    // More than a second's work.
    scene.set("DIRECTORY=/usr DESTINATION=file:///home/mrossi/other");
    let script = format!(
        "duplicity-backup & first=$!; sleep 1; duplicity-backup; echo second $?; kill -TERM $first; wait $first; echo first $?; \
         sleep 0.5; echo left $(cat /proc/[0-9]*/comm | grep -c ^duplicity) $(ls /tmp | wc -l); flock --nonblock {SETTINGS} echo free"
    );
    let end = scene.host.bash(&script).ok();
    for line in ["second 75\n", "first 143\n", "left 0 0\n", "free\n"] {
        assert!(end.stdout.contains(line), "{}", end.all());
    }
    assert_eq!(scene.healthchecks.signals(), ["start", "log", "143"]);
    let body = scene.healthchecks.last_body();
    assert!(
        body.starts_with("Backup of /usr failed: it was interrupted by SIGTERM\n"),
        "{body}"
    );
}
