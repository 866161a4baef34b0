//! No secret of a login shows: not in a log, an output, a report, an argument, the image, or the volume in the clear.
//!
//! The real ones are read where they are (the account, the environment of rclone, what credentials are given), and looked
//! for as they are and encoded; beside that, no word that looks random is shown at all.

mod known;

use serde_json::{Value, json};

use crate::harness::{Container, Ended, Installation, RESTIC_PASSWORD, docker, ended, image};
use crate::healthchecks::{Healthchecks, Ping};
use crate::rig::{OIDC_PASSWORD, Realm, Rig};
use known::Secrets;

const REST_PASSWORD: &str = "planted-rest-password-3be7";

/// Notes each command line once, of all processes of the container, until it is told that this is enough; without
/// processes of its own, so that it sees short ones too.
const SAMPLER: &str = r#"
declare -A seen
exec {pause}<> <(:)
until [[ -e /tmp/enough ]]; do
  for process in /proc/[0-9]*; do
    mapfile -d '' -t line <"$process/cmdline" || continue
    [[ ${line[*]} && ! ${seen["${line[*]}"]} ]] || continue
    seen["${line[*]}"]=1
    echo "${line[*]}"
  done
  read -rt 0.003 -u "$pause"
done 2>/dev/null
true
"#;

struct Sampler<'a> {
    container: &'a Container,
    child: std::process::Child,
}

impl<'a> Sampler<'a> {
    fn start(container: &'a Container) -> Self {
        Self {
            child: container.spawn_exec([], ["bash", "-c", SAMPLER]),
            container,
        }
    }

    /// The command lines that it has seen, one of each.
    fn lines(self) -> String {
        self.container.shell("touch /tmp/enough").ok();
        ended("the sampler", self.child).ok().stdout
    }
}

/// The environment of a process of the container, as the machine's administrator sees it: oidc-agent hides its own from
/// its own user.
fn environment(container: &Container, process: u32) -> String {
    let end = docker([
        "run",
        "--rm",
        "--user=root",
        "--cap-add=SYS_PTRACE",
        &format!("--pid=container:{}", container.id),
        "--entrypoint=cat",
        &image(),
        &format!("/proc/{process}/environ"),
    ]);
    end.ok().stdout
}

/// A variable of a process of the container.
fn variable(container: &Container, process: u32, name: &str) -> Option<String> {
    let environment = environment(container, process);
    let prefix = format!("{name}=");
    let mut variables = environment.split('\0');
    variables.find_map(|pair| pair.strip_prefix(&prefix).map(str::to_owned))
}

/// Adds what the account in use holds, and what it opens now.
fn learn(secrets: &mut Secrets, container: &Container, time: &str) {
    let folder = "--env=OIDC_CONFIG_DIR=/home/user/.cloud-backup/login/oidc-agent";
    let account = container
        .exec_with(
            [folder],
            ["oidc-gen", "-p", "infncloud", "--pw-env=OIDC_PASSWORD"],
        )
        .ok();
    let account: Value = serde_json::from_str(&account.stdout).expect("an account");
    for name in ["refresh_token", "client_secret"] {
        let value = account[name].as_str().expect("a text");
        secrets.add(&format!("{name} {time}"), value);
    }
    let credentials = container.exec(["credential-process"]).ok().stdout;
    let credentials: Value = serde_json::from_str(&credentials).expect("credentials");
    for name in ["SecretAccessKey", "SessionToken"] {
        let value = credentials[name].as_str().expect("a text");
        secrets.add(&format!("{name} {time}"), value);
    }
    let token = container.exec(["oidc-token", "--aud=object", "infncloud"]);
    secrets.add(&format!("access token {time}"), token.ok().stdout.trim());
}

/// All that is seen by others, with where it was seen.
#[derive(Default)]
struct Seen {
    texts: Vec<(String, String)>,
}

impl Seen {
    fn text(&mut self, place: &str, text: String) {
        self.texts.push((place.to_owned(), text));
    }

    /// Both streams of a command.
    fn command(&mut self, end: &Ended) {
        self.text(&end.command, end.all());
    }

    /// What it says on standard error, where standard output is for credentials.
    fn errors(&mut self, end: &Ended) {
        self.text(&end.command, end.stderr.clone());
    }

    #[track_caller]
    fn hold_no(&self, secrets: &Secrets) {
        for (place, text) in &self.texts {
            let shown = secrets.shown_in(text);
            assert!(shown.is_empty(), "{place} shows {shown:?}:\n{text}");
        }
    }

    #[track_caller]
    fn contain(&self, word: &str) {
        let found = self.texts.iter().any(|(_, text)| text.contains(word));
        assert!(found, "nothing says {word:?}: the test sees too little");
    }
}

/// A user with a realm and a check of his own, and what others see of him.
struct Story {
    realm: Realm,
    healthchecks: Healthchecks,
    installation: Installation,
    bucket: String,
    secrets: Secrets,
    seen: Seen,
}

impl Story {
    fn new(script: &str, log: [&str; 2]) -> Self {
        let realm = Rig::get().realm(script);
        let healthchecks = Healthchecks::start();
        let url = healthchecks.url_for_containers();
        let installation = Installation::on_realm(&realm, "alice")
            .env("LOG_LEVEL", log[0])
            .env("LOG_FORMAT", log[1])
            .env("RESTIC_REST_USERNAME", "backup")
            .env("RESTIC_REST_PASSWORD", REST_PASSWORD)
            .env("STS_DURATION", "10s")
            .env("RCLONE_VERBOSE", "2")
            .env("BACKUP_CHECK_URL", &url)
            .env("FORGET_CHECK_URL", &url)
            .env("VERIFY_CHECK_URL", &url)
            .env("OIDC_TOKEN_CHECK_URL", &url);
        installation.write("file", "content");
        realm.control(&json!({"approve": installation.user()}).to_string());
        let mut secrets = Secrets::default();
        for (name, value) in [
            ("OIDC_PASSWORD", OIDC_PASSWORD),
            ("RESTIC_PASSWORD", RESTIC_PASSWORD),
            ("RESTIC_REST_PASSWORD", REST_PASSWORD),
            ("the check's ID", crate::healthchecks::CHECK),
        ] {
            secrets.add(name, value);
        }
        Self {
            bucket: format!("infncloud:/{}", installation.user()),
            realm,
            healthchecks,
            installation,
            secrets,
            seen: Seen::default(),
        }
    }

    /// A command that ends with this code; what it prints is seen.
    fn sees(&mut self, container: &Container, line: &[&str], code: i32) {
        let words = line.iter().map(|word| match *word {
            "BUCKET" => &self.bucket,
            word => word,
        });
        self.seen.command(&container.exec(words).code(code));
    }

    /// All that works, in the server's container.
    fn works(&mut self, server: &Container) {
        for line in [
            &["backup", "--verbose=2", "/backup/dir1"][..],
            &["forget", "--keep-last=1", "--prune"],
            &["verify"],
            &["check-refresh-token"],
            &["restic", "snapshots"],
            &["rclone", "-vv", "lsf", "BUCKET"],
        ] {
            self.sees(server, line, 0);
        }
    }

    /// All that fails, while the provider quotes the token in its refusal.
    fn is_refused(&mut self, refusal: &Value, server: &Container, beside: &Container) {
        let answer = json!({"answer": refusal}).to_string();
        self.realm.control(&answer);
        self.sees(server, &["check-refresh-token"], 77);
        server.wait_for("the last credentials have ended", |server| {
            server.exec(["credential-process"]).code == 77
        });
        for line in [
            &["backup", "/backup/dir1"][..],
            &["forget", "--keep-last=1"],
            &["verify"],
            &["restic", "snapshots"],
            &["rclone", "-vv", "lsf", "BUCKET"],
            &["credential-process"],
            &["oidc-token", "infncloud"],
        ] {
            self.sees(server, line, 77);
            self.sees(beside, line, 77);
        }
        self.sees(server, &["healthcheck"], 1);
    }
}

/// From the first login to one that is refused with its token quoted, and back.
fn tell(script: &str, refusal: &Value, log: [&str; 2]) {
    let mut story = Story::new(script, log);
    let beside = story.installation.start_program("sleep", ["600"]);
    let sampler = Sampler::start(&beside);
    story.sees(&beside, &["config"], 0);
    learn(&mut story.secrets, &beside, "of the first login");
    story.sees(&beside, &["backup", "--verbose=2", "/backup/dir1"], 0);

    let server = story.installation.server();
    let server_sampler = Sampler::start(&server);
    let rclone = server.pid("rclone", "serve");
    let token = variable(&server, rclone, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
    story
        .secrets
        .add("the endpoint's token", &token.expect("a token"));
    story.works(&server);
    story.sees(&beside, &["reauth"], 0);
    learn(&mut story.secrets, &server, "of the second login");
    story.sees(&beside, &["rclone", "-vv", "lsf", "BUCKET"], 0);
    story.is_refused(refusal, &server, &beside);
    let server_lines = server_sampler.lines();
    assert_private(&server, &story.secrets);
    server.stop();

    story.sees(&beside, &["oidc-token", "infncloud"], 77);
    story.sees(&beside, &["check-refresh-token"], 77);
    story.realm.control(r#"{"answer": null}"#);
    story.sees(&beside, &["config", "--force"], 0);
    learn(&mut story.secrets, &beside, "of the third login");
    let seen = &mut story.seen;
    seen.errors(&beside.exec(["credential-process"]).ok());
    let lines = sampler.lines();
    assert_private(&beside, &story.secrets);

    for (lines, program) in [
        (&lines, "oidc-agent -d"),
        (&lines, "rclone -vv lsf"),
        (&lines, "oidc-token --aud"),
        (&server_lines, "rclone serve restic"),
        (&server_lines, "oidc-agent -d"),
        (&server_lines, "/usr/bin/restic "),
    ] {
        assert!(lines.contains(program), "{program} is not among:\n{lines}");
    }
    seen.text("the process list", lines);
    seen.text("the server's process list", server_lines);
    seen.text("the server's log", server.logs());
    for report in [
        "Successful backup of ",
        "Successful forget ",
        "Verified ",
        "The login ",
    ] {
        let heard = |ping: &Ping| ping.body.starts_with(report);
        assert!(story.healthchecks.pings().iter().any(heard), "{report}");
    }
    for ping in story.healthchecks.pings() {
        seen.text("the report", format!("{:?}\n{}", ping.headers, ping.body));
    }
    // By its marks it is known that the quotation came as far as to us.
    seen.contain("[redacted]");
    seen.hold_no(&story.secrets);
}

/// Nothing in the volume is for others to read, but restic's marks on its cache (in a folder of mode 0700); and none of
/// the secrets lies there as it is.
#[track_caller]
fn assert_private(container: &Container, secrets: &Secrets) {
    let open = container
        .shell(
            "find /home/user ! -type l ! -type s -perm /077 \
               ! -path '/home/user/.cache/restic/CACHEDIR.TAG' ! -path '/home/user/.cache/restic/*/version' -ls",
        )
        .ok();
    assert_eq!(open.stdout, "");
    for (name, value) in secrets.all() {
        let script = format!("grep -rlF -e '{value}' /home/user /tmp /var /run; true");
        assert_eq!(container.shell(&script).ok().stdout, "", "{name}");
    }
}

#[test]
fn a_login_shows_no_secret_where_refresh_tokens_are_jwts() {
    let quotation = json!({
        "status": 401, "error": "invalid_token", "description": "Expired refresh token: TOKEN"
    });
    tell("{}", &quotation, ["trace", "text"]);
}

#[test]
fn a_login_shows_no_secret_where_refresh_tokens_are_opaque_and_logs_json() {
    let quotation = json!({
        "status": 400, "error": "invalid_grant", "description": "TOKEN of USER is no good (TOKEN)"
    });
    tell(
        r#"{"refresh_token": "opaque"}"#,
        &quotation,
        ["debug", "json"],
    );
}

#[test]
fn each_process_gets_no_more_secrets_than_it_needs() {
    let rig = Rig::get();
    let installation = Installation::on_realm(&rig.realm("{}"), "alice")
        .env("RESTIC_REST_USERNAME", "backup")
        .env("RESTIC_REST_PASSWORD", REST_PASSWORD);
    installation.write_random("big", 2_000_000);
    installation.log_in().ok();
    let server = installation.server();
    let job = server.spawn_exec([], ["backup", "--limit-upload=300", "/backup/dir1"]);
    let processes = [
        ("oidc-agent", "-d", &[][..]),
        (
            "rclone",
            "serve",
            &["AWS_CONTAINER_AUTHORIZATION_TOKEN", "RCLONE_PASS"],
        ),
        (
            "restic",
            "^/usr/bin/restic .*backup",
            &["RESTIC_PASSWORD", "RESTIC_REST_PASSWORD"],
        ),
    ];
    for (program, argument, expected) in processes {
        server.wait_for(program, |server| !server.pids(program, argument).is_empty());
        for process in server.pids(program, argument) {
            let environment = environment(&server, process);
            let names: Vec<&str> = environment
                .split('\0')
                .filter_map(|pair| pair.split_once('='))
                .map(|(name, _)| name)
                .filter(|name| {
                    ["PASS", "TOKEN", "SECRET", "KEY", "CHECK_URL"]
                        .iter()
                        .any(|mark| name.contains(mark))
                })
                .filter(|name| !name.starts_with("RCLONE_CONFIG_INFNCLOUD_"))
                .collect();
            assert_eq!(names, expected, "{program}");
        }
    }
    assert_eq!(ended("the backup", job).code, 0);
}

#[test]
fn the_image_holds_no_secret() {
    let mut text = docker(["inspect", &image()]).ok().stdout;
    text += &docker(["history", "--no-trunc", &image()]).ok().stdout;
    let environment: Value = serde_json::from_str(&docker(["inspect", &image()]).stdout)
        .map(|told: Value| told[0]["Config"]["Env"].clone())
        .expect("JSON");
    let names: Vec<&str> = environment
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|pair| pair.as_str()?.split('=').next())
        .collect();
    assert_eq!(names, ["PATH", "CLOUD_BACKUP_USER"]);
    let shown = Secrets::default().shown_in(&text);
    assert!(shown.is_empty(), "{shown:?} in:\n{text}");
}
