//! `OIDC_FLOW=client_credentials`: a service client in the place of a person's login.

use std::time::{Duration, Instant};

use crate::doctor::{Told, doctor};
use crate::documented::lines_of;
use crate::harness::{Ended, Installation, unique};
use crate::login_restore::without_the_image;
use crate::rig::{CA_FILE, Rig};

/// As the rig's real provider has it (`tests/rig/oidc/server.mjs`).
const CLIENT: (&str, &str) = ("service", "planted-service-secret-c3f7");

/// An installation of this client at this issuer, on a bucket of its own.
fn installation(rig: &Rig, issuer: &str, role: &str, (id, secret): (&str, &str)) -> Installation {
    let bucket = format!("experiment-{}", unique());
    [
        ("BACKUP_REMOTE", ""),
        ("OIDC_FLOW", "client_credentials"),
        ("OIDC_CLIENT_ID", id),
        ("OIDC_CLIENT_SECRET", secret),
        ("S3_BUCKET", &bucket),
        ("BACKUP_BUCKET", "backup/VM1"),
        ("OIDC_ISSUER", issuer),
        ("S3_ENDPOINT", rig.value("S3_ENDPOINT")),
        ("S3_ROLE", role),
        ("EXTRA_CA_FILE", CA_FILE),
    ]
    .into_iter()
    .fold(Installation::new(), |new, (name, value)| {
        new.env(name, value)
    })
    .with([
        &*format!("--network={}", rig.network()),
        &format!("--volume={}:{CA_FILE}:ro", rig.ca_file()),
    ])
}

#[test]
fn a_client_of_a_real_provider_backs_up_and_restores_without_a_login() {
    let rig = Rig::get();
    let role = rig.value("S3_ROLE");
    let service = installation(&rig, rig.value("OIDC_ISSUER"), role, CLIENT);
    service.write("file", "content of the experiment");
    let bucket = service.value("S3_BUCKET").expect("a bucket").to_owned();
    let mut server = None;
    for section in ["## Set it up", "## What the commands of the login do"] {
        for line in lines_of("docs/service-client.md", section) {
            let words: Vec<&str> = line.typed.split_whitespace().collect();
            match &words[..] {
                [
                    "docker",
                    "compose",
                    "run",
                    "--rm",
                    "cloud-backup",
                    args @ ..,
                ] => {
                    let ended = service.run(args.iter().copied()).ok();
                    assert!(!ended.all().contains(CLIENT.1));
                    line.shows(&ended);
                }
                ["docker", "compose", "up", "-d"] => server = Some(service.server()),
                _ => panic!("a line that this test does not know: {}", line.typed),
            }
        }
    }
    let server = server.expect("it is started there");
    assert!(!server.processes().contains("oidc-agent"));
    server.exec(["backup", "/backup/dir1"]).ok();
    server
        .exec(["restore", "--target=/home/user/back"])
        .ok()
        .says("Restored");
    server
        .shell("cmp /home/user/back/backup/dir1/file /backup/dir1/file")
        .ok();
    let keys = rig.objects(&bucket);
    assert!(
        keys.iter().any(|key| key == "backup/VM1/config"),
        "{keys:?}"
    );

    server.exec(["reauth"]).ok().says("nothing to renew");
    let status = server.exec(["status"]);
    status.says("none that ends: the service client service gets tokens by itself");
    let healthy = doctor(&server, []).found([]);
    let healthy = healthy
        .says("nobody logs in: a service client gets the tokens")
        .says("given, by a real grant")
        .says(", of the client service")
        .is("login", "not-looked-at")
        .is("agent", "not-looked-at");
    for check in ["token", "claims", "sts", "bucket", "repository", "versions"] {
        assert_eq!(healthy.check(check)["result"], "good", "{check}");
    }
    let token = server
        .exec(["oidc-token", "--aud=object", "infncloud"])
        .ok();
    assert!(token.stdout.starts_with("eyJ"), "{}", token.stdout);
    let refused = server.exec(["oidc-token", "--all", "infncloud"]).code(78);
    refused.says("oidc-token takes infncloud, --aud, --scope and --time");
    let credentials = server.exec(["credential-process"]).ok();
    credentials.says("\"SessionToken\":\"");
    server
        .exec(["rclone", "lsf", &format!("infncloud:/{bucket}/backup")])
        .ok()
        .says("VM1/");
    // Neither the secret nor a token is kept.
    let kept = format!("grep -rl -e {} -e eyJhbGciOi /home/user; true", CLIENT.1);
    assert_eq!(server.shell(&kept).ok().stdout, "");
    let bare = server.exec(["recovery-kit"]).ok();
    assert!(!bare.stdout.contains(CLIENT.1));
    let kit = server.exec(["recovery-kit", "--with-secrets"]).ok();
    without_the_image(&rig, &kit.stdout, "", str::to_owned)
        .ok()
        .says("content of the experiment");
    kit.says("OIDC_FLOW=client_credentials")
        .says(&format!("S3_BUCKET={bucket}"))
        .says("OIDC_CLIENT_ID=service\n")
        .says(&format!("OIDC_CLIENT_SECRET={}\n", CLIENT.1));
}

#[test]
fn a_client_that_is_refused_is_told_as_that_and_its_tokens_are_renewed_in_time() {
    let rig = Rig::get();
    let realm = rig.realm(r#"{"services": {"svc": "planted-secret-1"}}"#);
    let client = ("svc", "planted-secret-1");
    let service =
        installation(&rig, realm.issuer(), realm.role(), client).env("STS_DURATION", "12s");
    service.write("file", "content");
    let with = |set: &str, args: &[&str]| {
        let output = service
            .command([set], args.iter().copied())
            .output()
            .expect("docker");
        Ended::of(format!("{args:?} with {set}"), &output)
    };
    let refused = "the login service refuses the service client of OIDC_CLIENT_ID: invalid_client: Bad client credentials";
    for command in [
        &["config"][..],
        &["check-refresh-token"],
        &["backup", "/backup/dir1"],
    ] {
        let ended = with("--env=OIDC_CLIENT_SECRET=planted-wrong", command).code(77);
        let ended = ended
            .says(refused)
            .says("Check OIDC_CLIENT_ID and OIDC_CLIENT_SECRET");
        assert!(!ended.all().contains("planted"));
    }
    Told::of(&with(
        "--env=OIDC_CLIENT_SECRET=planted-wrong",
        &["doctor", "--json"],
    ))
    .found(["service-refused"])
    .says(refused)
    .is("login-service", "good")
    .is("bucket", "not-looked-at");
    with("--env=OIDC_CLIENT_SECRET=", &["config"])
        .code(78)
        .says("OIDC_CLIENT_SECRET is missing");
    with("--env=S3_ROLE=nobody", &["config"])
        .code(77)
        .says("The service client gets tokens, and the storage does not open.")
        .says("the storage refuses the role nobody");
    assert_eq!(realm.count("register"), 0);

    let server = service.server();
    server.exec(["backup", "/backup/dir1"]).ok();
    // One whose `.env` was corrected meanwhile is told of the server's, and not of its own.
    with("--env=OIDC_CLIENT_SECRET=planted-other", &["check-refresh-token"])
        .code(78)
        .says("the running server was started with other settings than this command: OIDC_CLIENT_ID or OIDC_CLIENT_SECRET");
    let begun = realm.count("service");
    let until = Instant::now() + Duration::from_secs(30);
    while realm.count("service") < begun + 2 {
        assert!(Instant::now() < until, "no renewal: {}", server.logs());
        std::thread::sleep(Duration::from_millis(200));
    }
    server.exec(["restic", "snapshots"]).ok();

    // The client is disabled there.
    realm.control(r#"{"services": {}}"#);
    server.exec(["check-refresh-token"]).code(77).says(refused);
    server.wait_for("the server tells of it", |server| {
        server.exec(["healthcheck"]).all().contains(refused)
    });
    realm.control(r#"{"services": {"svc": "planted-secret-1"}}"#);
    server.exec(["check-refresh-token"]).ok();
    server.exec(["healthcheck"]).ok();
}
