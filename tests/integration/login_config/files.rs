//! What `config` writes into the volume, and a volume of before it.

use super::{approving, in_volume, typed};
use crate::documented::lines_of;
use crate::rig::{OIDC_PASSWORD, attend};

#[test]
fn all_files_are_for_their_owner_alone_and_what_the_user_keeps_there_stays() {
    let (realm, alice) = approving();
    let own = "# mine\n[other]\ntype = local\n";
    in_volume(
        &alice,
        &format!(
            "mkdir -p ~/.config/rclone && cd ~/.config/rclone && printf '{own}' >rclone.conf && \
             touch rclone.config"
        ),
    );
    let ended = alice.log_in().ok();
    assert!(
        ended.stdout.contains(
            "Note: rclone does not read /home/user/.config/rclone/rclone.config: it reads rclone.conf beside it.\n"
        ),
        "{}",
        ended.stdout
    );
    let config = in_volume(&alice, "cat ~/.config/rclone/rclone.conf");
    assert_eq!(
        config,
        format!(
            "{own}\n[infncloud]
type = s3
provider = INFN Cloud
account = infncloud
oidc_agent = True
endpoint = {}/
role_name = {}
audience = object
env_auth = false
",
            realm.rig().value("S3_ENDPOINT"),
            realm.role()
        )
    );
    let issuer = in_volume(
        &alice,
        "cat ~/.cloud-backup/login/oidc-agent/issuer.config.d/infn-cloud",
    );
    let issuer: serde_json::Value = serde_json::from_str(&issuer).expect("JSON");
    assert_eq!(issuer["issuer"], realm.issuer());
    assert_eq!(issuer["legacy_aud_mode"], true);
    // That is for version 5; the present one takes it for no account.
    let accounts = in_volume(
        &alice,
        "OIDC_CONFIG_DIR=~/.cloud-backup/login/oidc-agent oidc-add --list",
    );
    assert_eq!(accounts.lines().skip(1).collect::<Vec<_>>(), ["infncloud"]);
    // A server and a job leave more behind than config alone.
    alice.write("file", "content");
    alice.server().exec(["backup", "/backup/dir1"]).ok();
    let open = in_volume(
        &alice,
        "find ~ -mindepth 1 \\( ! -user user -o -type f ! -perm 600 -o -type d ! -perm 700 \\) \
         ! -path '*/.cache*' ! -name '.bash*' ! -name .profile -exec ls -ld {} +",
    );
    assert_eq!(open, "");
    let account = in_volume(&alice, "cat ~/.cloud-backup/login/oidc-agent/infncloud");
    assert!(account.contains("Generated using version"), "{account}");
    assert!(!account.contains("refresh_token"), "{account}");
}

/// What the old image had its user type: the two lines of docs/restore.md for the day our image is gone, with the answers
/// that a person gives.
fn oidc_gen() -> String {
    let lines = lines_of("docs/restore.md", "## The day our image is gone");
    let line = |program: &str| {
        let mut lines = lines.iter().map(|line| line.typed.as_str());
        lines.find(|line| line.contains(program)).expect("a line")
    };
    let agent = line("oidc-agent)");
    let make = line("oidc-gen ").replace("https://iam.cloud.infn.it/", "$OIDC_ISSUER");
    assert!(make.contains("=$OIDC_ISSUER "), "{make}");
    let answers = "--cp=$EXTRA_CA_FILE --pw-env=OIDC_PASSWORD --confirm-default --prompt=none 2>&1";
    format!("cd\nmkdir -p ~/.oidc-agent\n{agent}\n{make} {answers}\nls ~/.oidc-agent\n")
}

#[test]
fn a_login_that_oidc_gen_has_made_is_used_and_renewed() {
    let (realm, alice) = approving();
    let made = alice.command(["--entrypoint=bash"], ["-c", &oidc_gen()]);
    let ended = attend(made, |_| ()).ok();
    assert!(
        ended.stdout.lines().any(|line| line == "infncloud"),
        "{}",
        ended.all()
    );
    assert_eq!(realm.count("register"), 1);

    // Who has backed up before has a bucket.
    let bucket = format!("storage:{}/", alice.user());
    realm
        .rig()
        .s3_admin(["copy", "/etc/hostname", &bucket])
        .ok();
    alice.write("file", "content");
    alice
        .run(["backup", "/backup/dir1"])
        .ok()
        .says("Successful backup of /backup/dir1");
    alice
        .run(["check-refresh-token"])
        .ok()
        .says("The login is good for");
    alice
        .run(["config"])
        .ok()
        .says("The login works and is kept");
    assert_eq!(realm.count("device"), 1);
    alice.re_auth().ok().says("The login is saved.");
    assert_eq!(realm.count("register"), 1, "the registration of before");
    alice.run(["restic", "snapshots"]).ok().says("1 snapshots");
    let env = format!("--env=OIDC_PASSWORD={OIDC_PASSWORD}-other");
    typed(&alice, [&*env], ["restic", "snapshots"]).code(78);
}
