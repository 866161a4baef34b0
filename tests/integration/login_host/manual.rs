//! Each line of docs/manual.md, in its order, as it stands there, on a host for each half.

use std::process::Command;

use super::{HOME, Host, Login, run};
use crate::harness::{docker, image};
use crate::healthchecks::Healthchecks;
use crate::rig::{Realm, Rig};

const DOCS: &str = include_str!("../../../docs/manual.md");
/// The image as the document names it.
const PUBLISHED: &str = "harbor.cloud.infn.it/library/cloud-user-backup:latest";

/// The sections that have lines; a test below holds on to it that there are no others.
const SECTIONS: [&str; 5] = [
    "## The programs",
    "## The login",
    "## restic",
    "## duplicity",
    "## Every night",
];

/// The section under this heading.
fn section(heading: &str) -> &'static str {
    let (_, after) = DOCS.split_once(&format!("\n{heading}\n")).expect(heading);
    after.split("\n## ").next().expect("a section")
}

/// What is typed in a text.
fn typed(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| line.strip_prefix("    $ "))
        .collect()
}

/// The other indented lines: what is written into files.
fn content(text: &str) -> String {
    text.lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| !line.starts_with("$ "))
        .flat_map(|line| [line, "\n"])
        .collect()
}

/// What is on the way through the document.
struct Walk {
    host: Host,
    login: Login,
    realm: Realm,
    healthchecks: Healthchecks,
    /// The lines so far that change the shell, for those after them.
    shell: String,
    done: usize,
}

impl Walk {
    /// Refresh tokens are of one use: a second use of one would end the login.
    fn new(rig: &Rig) -> Self {
        let realm = rig.realm(r#"{"rotate": true}"#);
        Self {
            host: Host::on(rig),
            login: Login::of(&realm),
            realm,
            healthchecks: Healthchecks::start(),
            shell: String::new(),
            done: 0,
        }
    }

    /// Runs the line, and gives what it printed.
    #[track_caller]
    fn line(&mut self, line: &str) -> String {
        self.done += 1;
        let line = self.in_our_names(line);
        if line.starts_with("docker run ") {
            return self.copy_out(&line);
        }
        if line.starts_with("apt-get ") || line.starts_with("install cloud-backup ") {
            let id = &self.host.container.id;
            let as_root = ["exec", "--user=root", id, "sh", "-c", &line];
            return docker(as_root).ok().stdout;
        }
        if line.starts_with("export ") || line.starts_with(". ") {
            self.shell.push_str(&line);
            self.shell.push('\n');
        }
        let script = format!("set -eu\n{}{line}", self.shell);
        if ["cloud-backup config", "cloud-backup reauth"].contains(&&*line) {
            return self.host.attended(&script, &self.login.user).ok().stdout;
        }
        self.host.bash(&script).ok().stdout
    }

    /// The document's user, with her bucket, as the rig has her.
    fn in_our_names(&self, text: &str) -> String {
        text.replace(
            "infncloud:/mrossi",
            &format!("infncloud:/{}", self.login.user),
        )
        .replace("AAI_USER=mrossi", &format!("AAI_USER={}", self.login.user))
    }

    fn copy_out(&self, line: &str) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(line.contains(PUBLISHED), "{line}");
        let mut shell = Command::new("sh");
        shell.args(["-c", &line.replace(PUBLISHED, &image())]);
        let end = run(shell.current_dir(folder.path())).ok();
        let program = folder.path().join("cloud-backup");
        self.host.copy(&program.to_string_lossy(), HOME);
        let scripts = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts");
        self.host.copy(scripts, HOME);
        end.stdout
    }

    fn write(&self, file: &str, content: &str) {
        self.host.write(file, &self.in_our_names(content));
    }

    fn todo(&self, text: &str) {
        self.write("~/documents/notes/todo.txt", text);
    }

    fn reads(&self, file: &str) -> String {
        self.host.bash(&format!("cat {file}")).ok().stdout
    }

    fn full_backups(&self) -> usize {
        let keys = Rig::get().objects(&self.login.user);
        let full = |key: &&String| key.contains("duplicity-full.") && key.contains("manifest");
        keys.iter().filter(full).count()
    }

    fn the_login(&mut self) {
        let text = section("## The login");
        for line in typed(text) {
            let end = self.line(line);
            match line {
                "cloud-backup config" => {
                    assert!(end.contains("  delete it: ok"), "{end}");
                    assert!(end.contains("    rclone lsf infncloud:/"), "{end}");
                    assert!(!end.contains("docker"), "{end}");
                }
                "cloud-backup doctor" => {
                    assert!(end.ends_with("\nAll is well.\n"), "{end}");
                    assert!(!end.contains("docker"), "{end}");
                    for said in [
                        "schedule      not looked at, because a host has its own schedule",
                        "sts           good: ",
                        "bucket        good: ",
                        "server, repository: not looked at, because on a host ",
                        ", rclone 1.60.1-DEV, oidc-agent 4.2.6\n",
                    ] {
                        assert!(end.contains(said), "{said}: {end}");
                    }
                }
                line if line.starts_with("install ") => {
                    let check = self.healthchecks.url_for_containers();
                    let content = content(text);
                    assert_eq!(content.lines().count(), 3, "{content}");
                    let rig = &self.login.rig;
                    let file = format!("{content}{rig}OIDC_TOKEN_CHECK_URL={check}\n");
                    self.write("~/.config/cloud-backup/env", &file);
                }
                _ => (),
            }
        }
        assert_eq!(self.healthchecks.signals(), ["log", "start", "0"]);
        let body = self.healthchecks.last_body();
        assert!(body.contains("at any time: cloud-backup reauth"), "{body}");
    }

    fn restic(&mut self) {
        self.todo("old\n");
        for line in typed(section("## restic")) {
            let end = self.line(line);
            if line.starts_with("install ") {
                self.write(
                    "~/.config/cloud-backup/restic-password",
                    "planted-restic-word\n",
                );
            } else if line == "restic snapshots" {
                assert!(end.contains("/home/mrossi/documents"), "{end}");
            }
        }
        assert_eq!(
            self.reads("~/restored/home/mrossi/documents/notes/todo.txt"),
            "old\n"
        );
    }

    fn duplicity(&mut self) {
        self.todo("old\n");
        let text = section("## duplicity");
        let settings = content(text);
        assert_eq!(settings.lines().count(), 4, "{settings}");
        let mut key = String::new();
        for line in typed(text) {
            if ["--quick-generate-key ", "--export-secret-keys "]
                .iter()
                .any(|option| line.contains(option))
            {
                // In the place of the window that asks for the passphrase.
                let unattended = "gpg --batch --pinentry-mode loopback --passphrase 'the passphrase of that key' ";
                self.line(&line.replacen("gpg ", unattended, 1));
                continue;
            }
            if line.starts_with("duplicity full ") {
                // What was there two days ago.
                let ago = "--current-time $(date -d '2 days ago' +%s)";
                self.line(&line.replacen("full", &format!("full {ago}"), 1));
                self.todo("new\n");
            } else if line.starts_with("duplicity incremental ") {
                self.todo("newest\n");
            } else if line.starts_with(". ") {
                let file = settings.replace("=KEY\n", &format!("={key}\n"));
                self.write("~/.config/cloud-backup/duplicity", &file);
            }
            let end = self.line(line);
            if line.starts_with("gpg --list-keys ") {
                let id = end.lines().find_map(|line| {
                    let (_, id) = line.strip_prefix("pub ")?.split_once('/')?;
                    id.split(' ').next()
                });
                id.expect("an ID").clone_into(&mut key);
            }
        }
        for (file, content) in [
            ("~/restored-newest/notes/todo.txt", "newest\n"),
            ("~/restored-yesterday/notes/todo.txt", "old\n"),
            ("~/todo.txt", "newest\n"),
            (
                "key-of-the-backup.asc | head -n 1",
                "-----BEGIN PGP PRIVATE KEY BLOCK-----\n",
            ),
        ] {
            assert_eq!(self.reads(file), content, "{file}");
        }
        assert_eq!(self.full_backups(), 2, "both of the last three");
    }

    fn every_night(&mut self) {
        let text = section("## Every night");
        let check = self.healthchecks.url_for_containers();
        let added = format!(
            "printf '%s\\n' KEEP_FULL=1 CHECK_URL={check} >>~/.config/cloud-backup/duplicity"
        );
        self.host.bash(&added).ok();
        let told = self.healthchecks.signals().len();
        for line in typed(text) {
            self.line(line);
        }
        assert_eq!(self.healthchecks.signals()[told..], ["start", "0"]);
        let body = self.healthchecks.last_body();
        assert!(
            body.starts_with("Successful backup of /home/mrossi/documents\n\n"),
            "{body}"
        );
        assert_eq!(self.full_backups(), 1);
        for line in content(text).lines() {
            let (times, command) = line.split_at(line.find('/').expect("a path"));
            assert_eq!(times.split_whitespace().count(), 5, "{line}");
            // The environment that cron(8) gives, and the rig's certificates.
            self.host
                .bash(&format!(
                    "env -i HOME=$HOME LOGNAME=mrossi SHELL=/bin/sh PATH=/usr/bin:/bin \
                     SSL_CERT_FILE=$SSL_CERT_FILE /bin/sh -c '{command}'"
                ))
                .ok();
            self.done += 1;
        }
        assert_eq!(
            self.healthchecks.signals()[told + 2..],
            ["start", "0", "start", "0"]
        );
    }
}

fn lines_of(headings: &[&str]) -> usize {
    let all = headings.iter().map(|heading| typed(section(heading)).len());
    all.sum()
}

#[test]
fn the_lines_for_the_login_and_for_restic_work_as_they_stand_there() {
    let mut walk = Walk::new(&Rig::get());
    for line in typed(section("## The programs")) {
        walk.line(line);
    }
    walk.the_login();
    walk.restic();
    assert_eq!(walk.done, lines_of(&SECTIONS[..3]));
}

#[test]
fn the_lines_for_duplicity_and_for_every_night_work_as_they_stand_there() {
    let mut walk = Walk::new(&Rig::get());
    walk.host = walk.host.installed();
    let check = walk.healthchecks.url_for_containers();
    let file = format!("{}OIDC_TOKEN_CHECK_URL={check}\n", walk.login.file());
    walk.host.write("~/.config/cloud-backup/env", &file);
    let config = walk.host.attended("cloud-backup config", &walk.login.user);
    config.ok();
    walk.host
        .bash("cloud-backup credential-process >/dev/null")
        .ok();
    let refreshed = walk.realm.count("refreshed");
    walk.duplicity();
    let now = walk.realm.count("refreshed");
    assert_eq!(now, refreshed, "for all the starts of rclone");
    walk.every_night();
    // The full backup of the day before yesterday is one more line; two are of cron.
    assert_eq!(walk.done, lines_of(&SECTIONS[3..]) + 1 + 2);
}

#[test]
fn no_other_section_has_lines() {
    assert_eq!(lines_of(&SECTIONS), typed(DOCS).len());
}
