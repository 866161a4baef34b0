//! Tests of the harness itself.

use std::process::Command;

use serde_json::Value;

use super::screen::{Request, attend};
use super::{Realm, Rig};
use crate::harness::{Ended, Installation};
use crate::project::Project;

/// What `config` writes, as the login's issue has it.
const SCREEN: &str = "\
To log in, open this address in a browser on any device:

    https://oidc.test:8443/device

and enter this code:

    ABCD-EFGH

The code lives for 10 minutes. Waiting for the login service ...
";

#[test]
fn a_screen_is_read_only_when_its_lines_are_whole() {
    let request = Request::on(SCREEN).expect("a request");
    assert_eq!(request.uri, "https://oidc.test:8443/device");
    assert_eq!(request.code, "ABCD-EFGH");
    let end = SCREEN.find("EFGH").expect("the code") + "EFGH".len();
    for length in 0..=end {
        assert_eq!(
            Request::on(&SCREEN[..length]),
            None,
            "{:?}",
            &SCREEN[..length]
        );
    }
    assert_eq!(Request::on(&SCREEN[..=end]), Some(request));
    assert_eq!(
        Request::on("see https://oidc.test/device\nenter this code:\n\nA\n"),
        None
    );
    let prose = "https://oidc.test/device\nenter this code:\n\nno code came\n";
    assert_eq!(Request::on(prose), None);
}

#[test]
fn a_command_that_asks_is_answered_while_it_runs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new("sh");
    command.current_dir(folder.path()).env("SCREEN", SCREEN);
    let script = "printf %s \"$SCREEN\"; echo noise >&2; i=0; until [ -e approved ]; do \
                  [ $((i += 1)) -lt 300 ] || exit 1; sleep 0.1; done; cat approved; exit 3";
    command.args(["-c", script]);
    let ended = attend(command, |request| {
        std::fs::write(folder.path().join("approved"), request.code).expect("a written file");
    });
    let ended = ended.code(3);
    assert_eq!(ended.stdout, format!("{SCREEN}ABCD-EFGH"));
    assert_eq!(ended.stderr, "noise\n");
}

/// STS by curl, in a container of the rig; the token goes by the environment.
fn assume_role(rig: &Rig, token: &str, role: &str) -> Ended {
    let output = Command::new("docker")
        .args(["run", "--rm", "--env=TOKEN", "--entrypoint=sh"])
        .arg(format!("--network={}", rig.network()))
        .arg(format!("--volume={}:/ca.pem:ro", rig.ca_file()))
        .args(["cloud-user-backup-rig:tools", "-c"])
        .arg(
            "printf %s \"$TOKEN\" | curl -sS --cacert /ca.pem --max-time 20 \
             --data Action=AssumeRoleWithWebIdentity --data Version=2011-06-15 \
             --data RoleArn=arn:aws:iam:::role/$1 --data RoleSessionName=test \
             --data-urlencode WebIdentityToken@- $2",
        )
        .args(["sh", role, rig.value("S3_ENDPOINT")])
        .env("TOKEN", token)
        .output()
        .expect("docker can be started");
    Ended::of("curl".to_owned(), &output)
}

#[test]
fn two_realms_have_scripts_counts_and_roles_of_their_own() {
    let rig = Rig::get();
    let one = rig.realm(r#"{"refresh_token": "opaque", "introspection": false}"#);
    let other = rig.realm(r#"{"fail": {"jwks": 503}, "interval": null}"#);
    assert_ne!(one.issuer(), other.issuer());
    let told = one.control(r#"{"access_lifetime": 60}"#);
    assert_eq!(told["issuer"], one.issuer());
    assert_eq!(told["script"]["refresh_token"], "opaque");
    assert_eq!(told["script"]["interval"], 1);
    let told = other.control("{}");
    assert_eq!(told["script"]["refresh_token"], "jwt");
    assert_eq!(told["script"]["access_lifetime"], 3600);
    assert_eq!(told["script"]["interval"], Value::Null);

    let token = one.token("alice");
    let assumed = |token: &str, realm: &Realm| assume_role(&rig, token, realm.role());
    assumed(&token, &one).ok().says("<SessionToken>");
    assumed(&token, &other).ok().says("AccessDenied");
    let role = rig.value("S3_ROLE");
    assume_role(&rig, &token, role).ok().says("AccessDenied");
    assumed(&other.token("alice"), &other)
        .ok()
        .says("AccessDenied");
    other.control(r#"{"fail": {}}"#);
    assumed(&other.token("alice"), &other)
        .ok()
        .says("<SessionToken>");
    assert!(one.count("jwks") >= 1);
    assert!(other.count("jwks") >= 1);
    assert_eq!(one.count("device"), 0);
}

#[test]
fn a_container_is_cut_off_from_one_host_and_others_are_not() {
    let rig = Rig::get();
    let realm = rig.realm("{}");
    let on_realm = || Installation::on_realm(&realm, "alice");
    let (one, other) = (on_realm(), on_realm());
    assert_ne!(one.user(), other.user());
    let probe = format!("exec 3<>/dev/tcp/{} && echo reached", "iam.test/8443");
    let [one, other] =
        [&one, &other].map(|installation| installation.start_program("sleep", ["600"]));
    one.exec(["bash", "-c", &probe]).ok();
    one.cut_off("iam.test");
    one.exec(["bash", "-c", &probe])
        .code(1)
        .says("Connection refused");
    other.exec(["bash", "-c", &probe]).ok();
    one.exec(["bash", "-c", "exec 3<>/dev/tcp/rgw.test/8443"])
        .ok();
    one.reconnect("iam.test");
    one.exec(["bash", "-c", &probe]).ok().says("reached");
}

/// A login by oidc-gen, with its screen put into our form; what it leaves is a refresh token that works.
/// (`oidc-token` alone would be our command, at the agent of the volume.)
const LOGIN: &str = r#"
cd && export OIDC_SOCK=$PWD/socket
oidc-agent -d -a "$OIDC_SOCK" --no-autoload --no-autoreauthenticate --no-webserver --no-scheme >/dev/null 2>&1 &
for _ in {1..100}; do [[ -S $OIDC_SOCK ]] || sleep 0.1; done
oidc-gen a --iss="$OIDC_ISSUER" --cp="$EXTRA_CA_FILE" --flow=device --scope="openid offline_access" --pw-env=OIDC_PASSWORD \
  --confirm-default --prompt=none 2>&1 | sed -u 's/^And enter the code: /enter this code:\n/'
[[ $(/usr/bin/oidc-token --aud=object a) == ey*.*.* ]] && echo logged in
"#;

#[test]
fn a_login_is_approved_on_the_pages_of_both_issuers() {
    let rig = Rig::get();
    let log_in = |installation: Installation| {
        let installation = installation.with(["--entrypoint=bash"]);
        let ended = installation.attended(installation.user(), ["-c", LOGIN]);
        ended.ok().says("logged in");
    };
    log_in(Installation::on_provider(&rig, "alice"));
    let realm = rig.realm("{}");
    log_in(Installation::on_realm(&realm, "bob"));
    realm.control(r#"{"approve": "carol"}"#);
    log_in(Installation::on_realm(&realm, "carol"));
    assert_eq!(realm.count("device"), 2);
    assert_eq!(realm.count("refreshed"), 2);
}

#[test]
fn projects_stand_side_by_side_and_log_in() {
    let rig = Rig::get();
    let one = Project::on_realm(&rig.realm("{}"), "alice");
    let other = Project::on_provider(&rig, "bob");
    assert_ne!(one.container(), other.container());
    for project in [&one, &other] {
        let beside = ["run", "--rm", "--detach", "--entrypoint=sleep"];
        project
            .compose(beside.into_iter().chain(["cloud-backup", "600"]))
            .ok();
    }
    for project in [&one, &other] {
        let script = format!("cat /backup/dir1/file && echo \" of $AAI_USER\" && {LOGIN}");
        let login = [
            "run",
            "--rm",
            "--entrypoint=bash",
            "cloud-backup",
            "-c",
            &script,
        ];
        let ended = project.attended(login);
        let of_user = format!("one of {}", project.value("AAI_USER"));
        ended.ok().says(&of_user).says("logged in");
    }
}

#[test]
fn the_administrator_sees_what_is_stored() {
    let rig = Rig::get();
    let bucket = format!("b-{}", crate::harness::unique());
    assert_eq!(rig.objects(&bucket), [""; 0]);
    rig.s3_admin([
        "copy",
        "/etc/hostname",
        &format!("storage:{bucket}/backup/"),
    ])
    .ok();
    assert_eq!(rig.objects(&bucket), ["backup/hostname"]);
}
