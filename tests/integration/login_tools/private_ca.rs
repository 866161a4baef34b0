//! The rig's certificates are of a private CA: with EXTRA_CA_FILE each part trusts it, without it each names the guilty.

use super::logged_in;
use crate::harness::{Ended, Installation};
use crate::rig::Rig;

#[track_caller]
fn names_certificates(end: &Ended) {
    assert_ne!(end.code, 0, "{}", end.command);
    let said = end.all();
    let named = ["EXTRA_CA_FILE", "certificate"]
        .iter()
        .any(|word| said.contains(word));
    assert!(named, "{}:\n{said}", end.command);
}

#[test]
fn a_login_without_the_ca_names_it() {
    let realm = Rig::get().realm("{}");
    let installation = Installation::on_realm(&realm, "alice").env("EXTRA_CA_FILE", "");
    names_certificates(&installation.run(["config"]));
    assert_eq!(realm.count("register"), 0, "TLS is never switched off");
}

#[test]
fn each_command_names_the_ca_when_it_is_gone() {
    let installation = logged_in().env("EXTRA_CA_FILE", "");
    let bucket = format!("infncloud:/{}", installation.user());
    let commands = [
        &["rclone", "lsf", &bucket][..],
        &["oidc-token", "--aud=object", "infncloud"],
        &["credential-process"],
        &["check-refresh-token"],
        &["reauth"],
        &["backup", "/backup/dir1"],
    ];
    std::thread::scope(|scope| {
        for command in commands {
            scope.spawn(|| names_certificates(&installation.run(command.iter().copied())));
        }
    });
    // The same volume, with it: nothing was spoilt.
    installation
        .env("EXTRA_CA_FILE", crate::rig::CA_FILE)
        .run(["credential-process"])
        .ok();
}

#[test]
fn rclone_itself_trusts_it_with_extra_ca_file_only() {
    let rig = Rig::get();
    let installation = logged_in();
    let remote = format!(
        ":s3,provider=Ceph,access_key_id={},secret_access_key={},endpoint=\"{}\":",
        rig.value("RIG_S3_ADMIN_KEY"),
        rig.value("RIG_S3_ADMIN_SECRET"),
        rig.value("S3_ENDPOINT")
    );
    let line = [
        "rclone",
        "--low-level-retries=1",
        "--retries=1",
        "lsf",
        &remote,
    ];
    installation.run(line).ok();
    names_certificates(&installation.env("EXTRA_CA_FILE", "").run(line));
}
