//! Settings that are wrong.

use super::typed;
use crate::harness::Installation;
use crate::rig::Rig;

#[test]
fn all_settings_that_are_wrong_are_told_at_once() {
    let alice = Installation::new()
        .env("BACKUP_REMOTE", "")
        .env("RESTIC_PASSWORD", "")
        .env("BACKUP_BUCKET", "/backup/../VM1")
        .env("AAI_USER", "alice")
        .env("OIDC_PASSWORD", "planted-password")
        .env("OIDC_ISSUER", "http://iam.test/")
        .env("OIDC_DEVICE_ENDPOINT", "device")
        .env("OIDC_ACCOUNT", "../account")
        .env("OIDC_SCOPE", "openid")
        .env("OIDC_CLIENT_SECRET", "planted-secret")
        .env("S3_ENDPOINT", "rgw.test")
        .env("STS_DURATION", "long")
        .env("TOKEN_WARN_DAYS", "366")
        .env("EXTRA_CA_FILE", "/nowhere/ca.pem");
    let ended = alice.run(["config"]).code(78);
    assert_eq!(ended.stdout, "");
    assert!(
        ended
            .stderr
            .starts_with("cloud-backup: the configuration has 11 problems:\n"),
        "{}",
        ended.stderr
    );
    for variable in [
        "RESTIC_PASSWORD is missing",
        "BACKUP_BUCKET must be",
        "OIDC_ISSUER must be an address that begins with https://",
        "OIDC_DEVICE_ENDPOINT must be",
        "OIDC_ACCOUNT must be",
        "OIDC_SCOPE must contain offline_access",
        "OIDC_CLIENT_ID is missing though OIDC_CLIENT_SECRET is set",
        "S3_ENDPOINT must be",
        "STS_DURATION must be",
        "TOKEN_WARN_DAYS must be",
        "EXTRA_CA_FILE names /nowhere/ca.pem",
    ] {
        assert!(
            ended.stderr.contains(&format!("\n  {variable}")),
            "{variable}: {}",
            ended.stderr
        );
    }
    assert!(!ended.stderr.contains("planted"), "{}", ended.stderr);
}

#[test]
fn an_issuer_with_a_slash_too_many_or_too_few_is_told_as_that() {
    let realm = Rig::get().realm("{}");
    let alice = Installation::on_realm(&realm, "alice");
    let without = realm.issuer().trim_end_matches('/');
    let ended = typed(
        &alice,
        [&*format!("--env=OIDC_ISSUER={without}")],
        ["config"],
    )
    .code(78);
    assert_eq!(
        ended.stderr,
        format!(
            "cloud-backup: OIDC_ISSUER is not the login service's own address: the slash at its end is missing, set {}
  -> Correct OIDC_ISSUER: it is compared letter by letter, a slash at its end included.
",
            realm.issuer()
        )
    );
    let real = realm.rig().value("RIG_OIDC_ISSUER");
    typed(&alice, [&*format!("--env=OIDC_ISSUER={real}/")], ["config"])
        .code(78)
        .says(&format!("it has a slash too many at its end, set {real}\n"));
}
