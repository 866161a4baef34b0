//! Whose login it is, and what becomes of one that has ended.

use super::{approve_as, approving, in_volume, only_login, typed};

#[test]
fn reauth_does_not_take_another_persons_login_unless_it_is_told_so() {
    let (realm, alice) = approving();
    alice.log_in().ok();
    let server = alice.server();
    let login = only_login(&alice);
    approve_as(&realm, "mallory");
    let refused = alice.re_auth().code(77);
    let user = alice.user();
    assert_eq!(
        refused.stderr,
        format!(
            "cloud-backup: you logged in as mallory, and the login so far was {user}'s: nothing was changed
  -> Log in as the same person, in a private window of the browser if need be; or, to switch: docker compose run \
--rm cloud-backup reauth --force
"
        )
    );
    assert!(!refused.stdout.contains("saved"), "{}", refused.stdout);
    assert_eq!(only_login(&alice), login);
    alice.run(["config"]).ok().says("is kept");

    let note =
        format!("Note: you logged in as mallory, and AAI_USER is {user}, whose bucket is used.\n");
    alice
        .attended("mallory", ["reauth", "--force"])
        .ok()
        .says(&note)
        .says("The running server has taken it.");
    assert_ne!(only_login(&alice), login);
    server.exec(["healthcheck"]).ok();
    approve_as(&realm, user);
    alice
        .re_auth()
        .code(77)
        .says("the login so far was mallory's");
    assert_eq!(realm.count("register"), 1);
}

#[test]
fn a_login_that_has_ended_is_renewed_by_either_command_and_a_forgotten_client_is_registered_anew() {
    let (realm, alice) = approving();
    alice.log_in().ok().says("The login is saved.");
    let revoke = serde_json::json!({"revoke": alice.user()}).to_string();
    realm.control(&revoke);
    alice.run(["restic", "snapshots"]).code(77);
    alice.re_auth().ok();
    assert_eq!(realm.count("register"), 1);

    realm.control(&revoke);
    alice
        .log_in()
        .ok()
        .says("It does not work any more: the login has ended: ")
        .says("The login is saved.");
    let registered = realm.count("register");
    realm.control(r#"{"forget_clients": true}"#);
    alice
        .re_auth()
        .ok()
        .says("The login service has forgotten this installation: registering it anew.");
    assert_eq!(realm.count("register"), registered + 1);
    alice.run(["config"]).ok().says("is kept");
}

#[test]
fn a_login_whose_file_is_damaged_is_renewed_by_the_same_person_only() {
    let (realm, alice) = approving();
    alice.log_in().ok();
    in_volume(
        &alice,
        "truncate -s 100 ~/.cloud-backup/login/oidc-agent/infncloud",
    );
    alice.run(["restic", "snapshots"]).code(77).says(
        "infncloud is damaged\n  -> Log in again: docker compose run --rm cloud-backup reauth",
    );
    approve_as(&realm, "mallory");
    alice
        .re_auth()
        .code(77)
        .says(&format!("and the login so far was {}'s", alice.user()));
    approve_as(&realm, alice.user());
    alice.re_auth().ok().says("infncloud is damaged");
    alice.run(["config"]).ok().says("is kept");
}

#[test]
fn another_password_than_the_logins_is_told_as_that_and_a_new_login_mends_it() {
    let (realm, alice) = approving();
    alice.log_in().ok();
    let login = only_login(&alice);
    let other = ["--env=OIDC_PASSWORD=another"];
    for args in ["config", "reauth"] {
        let ended = typed(&alice, other, [args]).code(78);
        assert_eq!(
            ended.stderr,
            "cloud-backup: OIDC_PASSWORD is not the password that the login was saved with
  -> Set OIDC_PASSWORD to the password of that login, then: docker compose up -d --force-recreate; or log in anew \
with the present one: docker compose run --rm cloud-backup config --force
"
        );
    }
    assert_eq!((only_login(&alice), realm.count("device")), (login, 1));
    typed(&alice, other, ["config", "--force"]).ok();
    typed(&alice, other, ["config"]).ok().says("is kept");
    alice.run(["config"]).code(78);
}

#[test]
fn a_login_at_another_issuer_than_the_one_that_is_set_is_told_as_that() {
    let (realm, alice) = approving();
    alice.log_in().ok();
    let other = realm.rig().realm("{}");
    approve_as(&other, alice.user());
    let issuer = format!("--env=OIDC_ISSUER={}", other.issuer());
    let role = format!("--env=S3_ROLE={}", other.role());
    let there = [&*issuer, &role];
    for args in ["config", "reauth"] {
        let ended = typed(&alice, there, [args]).code(78);
        let told = format!(
            "cloud-backup: the login is one at {}, and OIDC_ISSUER is {}\n",
            realm.issuer(),
            other.issuer()
        );
        assert!(ended.stderr.starts_with(&told), "{}", ended.stderr);
        assert!(ended.stderr.contains("config --force"), "{}", ended.stderr);
    }
    assert_eq!(other.count("device"), 0);
    typed(&alice, there, ["config", "--force"]).ok();
    typed(&alice, there, ["reauth"]).ok();
    assert_eq!(other.count("register"), 1);
}

#[test]
fn a_login_under_another_name_than_the_one_that_is_set_is_kept_and_told_as_that() {
    let (realm, alice) = approving();
    alice.log_in().ok();
    let login = only_login(&alice);
    let second = ["--env=OIDC_ACCOUNT=second"];
    for command in ["config", "reauth", "check-refresh-token"] {
        typed(&alice, second, [command])
            .code(78)
            .says("the login is saved as infncloud, and OIDC_ACCOUNT is second\n")
            .says("config --force");
    }
    assert_eq!((only_login(&alice), realm.count("device")), (login, 1));
    alice.run(["check-refresh-token"]).ok();
    typed(&alice, second, ["config", "--force"]).ok();
    typed(&alice, second, ["check-refresh-token"]).ok();
    alice.run(["config"]).code(78);
}

#[test]
fn where_nobody_has_written_down_whose_login_it_is_its_token_or_the_settings_tell() {
    let (realm, alice) = approving();
    alice.log_in().ok();
    let user = alice.user();
    let forget_owner = || in_volume(&alice, "rm ~/.cloud-backup/login/login.json");
    forget_owner();
    approve_as(&realm, "mallory");
    alice
        .re_auth()
        .code(77)
        .says(&format!("and the login so far was {user}'s"));
    approve_as(&realm, user);
    alice.re_auth().ok();

    // One that gives no tokens any more: then it must be the user who is set.
    forget_owner();
    realm.control(&serde_json::json!({ "revoke": user }).to_string());
    approve_as(&realm, "mallory");
    alice.re_auth().code(77).says(&format!(
        "you logged in as mallory, AAI_USER is {user}, and whose the login so far was is not known"
    ));
    approve_as(&realm, user);
    alice.re_auth().ok();
}

#[test]
fn what_the_provider_wants_first_is_told_and_not_taken_for_the_end_of_a_new_login() {
    let (realm, alice) = approving();
    realm.control(r#"{"answer": {"reason": "aup"}}"#);
    let refused = alice.log_in().code(77);
    assert!(
        refused
            .stderr
            .starts_with("cloud-backup: the login service refuses the login: invalid_grant: User "),
        "{}",
        refused.stderr
    );
    refused
        .says("needs to sign AUP for this organization in order to proceed\n  -> Open the login service in a browser")
        .says("docker compose run --rm cloud-backup config");
}
