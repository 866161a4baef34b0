//! The programs of the image with the login in place: `rclone`, `oidc-token`, `credential-process`; and INFN's patched
//! rclone, by its double.

mod credential_process;
mod patched;
mod private_ca;

use std::io::Write;
use std::process::{Command, Stdio};

use crate::harness::{Container, Ended, Installation, ended};
use crate::rig::Rig;

fn logged_in() -> Installation {
    let realm = Rig::get().realm("{}");
    let installation = Installation::on_realm(&realm, "alice");
    installation.log_in().ok();
    installation
}

/// The three ways of calling a command: in a one-shot container, beside a server or not, and in the server's.
enum Way<'a> {
    OneShot(&'a Installation),
    Exec(&'a Container),
}

impl Way<'_> {
    fn run(&self, line: &[&str]) -> Ended {
        match self {
            Self::OneShot(installation) => installation.run(line.iter().copied()),
            Self::Exec(server) => server.exec(line.iter().copied()),
        }
    }

    fn with_input(&self, line: &[&str], input: &[u8]) -> Ended {
        let mut command = match self {
            Self::OneShot(installation) => {
                installation.command(["--interactive"], line.iter().copied())
            }
            Self::Exec(server) => {
                let mut command = Command::new("docker");
                command.args(["exec", "--interactive", "--user=user", &server.id]);
                command.args(line);
                command
            }
        };
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("docker can be started");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(input).expect("a reader");
        drop(stdin);
        ended("a command with input", child)
    }
}

/// Streams, input and exit codes are those of rclone itself.
#[track_caller]
fn rclone_is_itself(way: &Way, bucket: &str, name: &str) {
    let object = format!("{bucket}/{name}");
    let written = way
        .with_input(&["rclone", "rcat", &object], b"a line\nof \xff bytes")
        .ok();
    assert_eq!((written.stdout.as_str(), written.stderr.as_str()), ("", ""));
    let listed = way.run(&["rclone", "ls", &format!("{bucket}/")]).ok();
    assert!(
        listed.stdout.contains(&format!("       17 {name}\n")),
        "{listed:?}"
    );
    let listed = way.run(&["rclone", "lsf", bucket]).ok();
    assert!(listed.stdout.lines().any(|line| line == name), "{listed:?}");
    assert_eq!(listed.stderr, "");
    let md5 = way.run(&["rclone", "md5sum", &object]).ok();
    assert!(
        md5.stdout.starts_with("80ce09bea1ee852987c0830c487d9981 "),
        "{md5:?}"
    );
    // rclone's own codes: 3 for what is not there, 2 for what it does not know.
    let missing = way.run(&["rclone", "lsf", &format!("{bucket}-missing")]);
    missing.code(3).says("directory not found");
    way.run(&["rclone", "cat", &object])
        .ok()
        .says("a line\nof ");
    way.run(&["rclone", "no-such-command", bucket])
        .code(2)
        .says("unknown command");
}

#[test]
fn rclone_has_the_login_s_storage_in_place_and_is_itself() {
    let installation = logged_in();
    let bucket = format!("infncloud:/{}", installation.user());
    rclone_is_itself(&Way::OneShot(&installation), &bucket, "alone");
    let server = installation.server();
    rclone_is_itself(&Way::OneShot(&installation), &bucket, "beside");
    rclone_is_itself(&Way::Exec(&server), &bucket, "inside");
    assert!(!server.logs().contains("ERROR"), "{}", server.logs());
}

#[test]
fn oidc_token_gives_tokens_and_is_itself() {
    let installation = logged_in();
    let claims = |end: Ended| -> serde_json::Value {
        use base64::Engine;
        let end = end.ok();
        assert_eq!(end.stderr, "");
        let token = end.stdout.trim_end().to_owned();
        let payload = token.split('.').nth(1).expect("a JWT");
        let json = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(payload)
            .expect("base64");
        serde_json::from_slice(&json).expect("claims")
    };
    let all = |way: Way| {
        let plain = claims(way.run(&["oidc-token", "infncloud"]));
        assert_eq!(plain["preferred_username"], installation.user());
        let for_storage = claims(way.run(&["oidc-token", "--aud=object", "infncloud"]));
        assert_eq!(for_storage["aud"], "object");
        way.run(&["oidc-token", "--issuer", "infncloud"])
            .ok()
            .says("/realm/");
        let unknown = way.run(&["oidc-token", "nonsense"]).code(1);
        assert_eq!(
            (unknown.stdout.as_str(), unknown.stderr.as_str()),
            ("", "Error: account not loaded\n")
        );
    };
    all(Way::OneShot(&installation));
    let server = installation.server();
    all(Way::OneShot(&installation));
    all(Way::Exec(&server));
}

#[test]
fn without_a_login_commands_that_need_it_name_config() {
    let rig = Rig::get();
    let installation = Installation::on_realm(&rig.realm("{}"), "alice");
    for line in [
        &["rclone", "lsf", "infncloud:/alice"][..],
        &["oidc-token", "infncloud"],
        &["credential-process"],
    ] {
        let end = installation.run(line.iter().copied()).code(78);
        assert_eq!(end.stdout, "");
        end.says("docker compose run --rm cloud-backup config");
    }
    // What is not the login's works.
    let version = installation.run(["rclone", "cat", "/etc/debian_version"]);
    version.ok().says("13.");
    installation.run(["oidc-token", "--help"]).ok();
}

#[test]
fn rclone_on_another_storage_waits_for_no_credentials() {
    let realm = Rig::get().realm("{}");
    let installation = Installation::on_realm(&realm, "alice").env("LOG_LEVEL", "warn");
    installation.write("file", "content");
    installation.log_in().ok();
    realm.control(r#"{"fail": {"*": "hang"}}"#);
    let begun = std::time::Instant::now();
    let container = installation.start(["rclone", "cat", "/backup/dir1/file"]);
    container.wait_for("rclone has read", |container| {
        container.logs().contains("content")
    });
    let took = begun.elapsed();
    // Credentials would be waited for 30 s.
    assert!(took < std::time::Duration::from_secs(25), "{took:?}");
    assert_eq!(container.wait(), 0);
}
