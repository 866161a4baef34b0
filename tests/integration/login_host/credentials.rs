//! The settings file of a host, and the credentials that calls share.

use super::{HOME, Host, Login};
use crate::rig::Rig;

const SAVED: &str = "/home/mrossi/.cloud-backup/run/credentials.json";

#[test]
fn calls_side_by_side_are_one_refresh_and_good_credentials_outlive_an_outage() {
    let rig = Rig::get();
    // Of one use: a second one of the same refresh token would end the login.
    let realm = rig.realm(r#"{"rotate": true}"#);
    let login = Login::of(&realm);
    let host = Host::on(&rig).installed();
    host.bash("cloud-backup credential-process")
        .code(78)
        .says("AAI_USER is missing")
        .says("Correct ~/.config/cloud-backup/env");
    host.bash("cloud-backup doctor")
        .code(1)
        .says("-> Correct ~/.config/cloud-backup/env, then: cloud-backup doctor\n");
    host.write("~/.config/cloud-backup/env", &login.file());
    host.bash("cloud-backup credential-process")
        .code(78)
        .says("  -> Log in: cloud-backup config\n");
    host.attended("cloud-backup config", &login.user).ok();

    let before = realm.count("refreshed");
    let all = host.bash(
        "for i in {1..8}; do cloud-backup credential-process >/tmp/$i & done; \
         for i in {1..8}; do wait -n || exit; done; cat /tmp/[1-8]; stat -c %a ~/.cloud-backup/run/credentials.json",
    );
    let all = all.ok().stdout;
    let mut lines: Vec<&str> = all.lines().collect();
    assert_eq!(lines.pop(), Some("600"));
    assert_eq!(lines.len(), 8);
    lines.dedup();
    assert_eq!(lines.len(), 1, "the same credentials for all");
    // oidc-agent makes one when it loads the login, and one for the token.
    assert_eq!(realm.count("refreshed"), before + 2);

    // Less than a third of an hour is left, and the login service is down.
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(10);
    host.bash(&format!(
        "sed -i -E 's/\"Expiration\":\"[^\"]*\"/\"Expiration\":\"{soon}\"/' {SAVED}"
    ))
    .ok();
    realm.control(r#"{"fail": {"*": 503}}"#);
    host.bash("cloud-backup credential-process | grep -q AccessKeyId")
        .ok()
        .says("; the credentials are good until ");
    realm.control(r#"{"fail": {}}"#);
    let renewed = host.bash("cloud-backup credential-process").ok().stdout;
    assert_ne!(renewed.trim(), lines[0]);

    // A new login has its own.
    host.attended("cloud-backup reauth", &login.user).ok();
    let after = host.bash("cloud-backup credential-process").ok().stdout;
    assert_ne!(after, renewed);
}

#[test]
fn a_settings_file_that_others_may_read_is_refused() {
    let host = Host::start(&["--network=none"]).installed();
    host.write("~/.config/cloud-backup/env", "OIDC_PASSWORD=planted-word\n");
    host.bash("chmod 640 ~/.config/cloud-backup/env").ok();
    let refused = host.bash("cloud-backup config").code(78);
    let line = format!("chmod 600 {HOME}/.config/cloud-backup/env");
    refused.clone().says(&line);
    assert!(!refused.all().contains("planted-word"), "{}", refused.all());
}
