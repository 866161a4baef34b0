//! The proof of the storage behind the login.

use std::time::Duration;

use super::{approving, in_volume, only_login, typed, typed_within};

#[test]
fn a_missing_bucket_is_made_one_that_is_there_is_used_and_the_probe_is_gone() {
    let (realm, alice) = approving();
    let rig = realm.rig();
    let bucket = format!("storage:{}", alice.user());
    rig.s3_admin(["lsd", &bucket]).code(3);
    alice.log_in().ok().says("delete it: ok");
    rig.s3_admin(["lsd", &bucket]).ok();
    let nothing: [&str; 0] = [];
    assert_eq!(rig.objects(alice.user()), nothing);

    rig.s3_admin(["copy", "/etc/hostname", &format!("{bucket}/backup/VM1/")])
        .ok();
    alice.run(["config"]).ok().says("delete it: ok");
    assert_eq!(rig.objects(alice.user()), ["backup/VM1/hostname"]);
}

#[test]
fn a_storage_that_refuses_the_role_is_told_and_the_login_is_kept() {
    let (realm, alice) = approving();
    let wrong = ["--env=S3_ROLE=nobody"];
    let told = "The login works and is saved, and the storage does not open. Once that is mended, try again by:

    docker compose run --rm cloud-backup config
";
    for saved in ["The login is saved.", "The login works and is kept"] {
        let ended = typed_within(Duration::from_secs(20), &alice, wrong, ["config"]).code(77);
        assert!(ended.stdout.contains(saved), "{}", ended.stdout);
        assert!(ended.stdout.contains(told), "{}", ended.stdout);
        assert!(
            ended
                .stderr
                .starts_with("cloud-backup: the storage refuses the role nobody: "),
            "{}",
            ended.stderr
        );
    }
    let login = only_login(&alice);
    alice.run(["config"]).ok().says("is kept").says("Next:");
    assert_eq!((only_login(&alice), realm.count("register")), (login, 1));
}

#[test]
fn a_storage_that_cannot_be_reached_is_told_and_the_login_is_kept() {
    let (_realm, alice) = approving();
    let unreachable = ["--add-host=rgw.test:127.0.0.1"];
    let ended = typed_within(Duration::from_secs(30), &alice, unreachable, ["config"]).code(69);
    assert!(
        ended
            .stderr
            .starts_with("cloud-backup: the storage https://rgw.test:8443/ cannot be reached: "),
        "{}",
        ended.stderr
    );
    alice.run(["config"]).ok().says("is kept");
}

#[test]
fn who_logs_in_as_somebody_else_than_the_settings_have_is_told_whose_bucket_is_used() {
    let (realm, alice) = approving();
    super::approve_as(&realm, "bob");
    alice.log_in().ok().says(&format!(
        "Note: you logged in as bob, and AAI_USER is {}, whose bucket is used.\n",
        alice.user()
    ));
}

#[test]
fn a_bucket_that_is_gone_is_made_by_the_first_backup() {
    let (realm, alice) = approving();
    alice.log_in().ok();
    let bucket = format!("storage:{}", alice.user());
    realm.rig().s3_admin(["purge", &bucket]).ok();
    alice.write("file", "content");
    let server = alice.server();
    let begun = std::time::Instant::now();
    server.exec(["backup", "/backup/dir1"]).ok();
    assert!(begun.elapsed() < Duration::from_secs(30), "{begun:?}");
    realm.rig().s3_admin(["lsd", &bucket]).ok();
}

#[test]
fn a_volume_without_room_is_told_before_the_login() {
    let (realm, alice) = approving();
    // Docker makes what is above a mount for root.
    in_volume(&alice, "mkdir -p ~/.cloud-backup/logins");
    let full = "--tmpfs=/home/user/.cloud-backup/logins:size=64k,uid=1000,gid=1000,mode=0700";
    let ended = typed(&alice, [full], ["config"]).code(73);
    assert_eq!(ended.stdout, "", "no code, no screen");
    ended.says("cannot use /home/user/.cloud-backup/logins: ");
    assert_eq!(realm.count("device"), 0);
}
