//! A login service that does not answer, or not as it should, and clients that were registered by hand.

use std::time::Duration;

use serde_json::{Value, json};

use super::{approving, only_login, typed, typed_within};
use crate::harness::{Installation, docker};
use crate::rig::{Realm, Rig, attend};

/// A container has to be started, on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(15);

fn assert_told(told: &str, realm: &Realm, words: &str) {
    let first = told.lines().next().unwrap_or_default();
    let guilty = format!("cloud-backup: the login service {} ", realm.issuer());
    assert!(
        first.starts_with(&guilty) && first.contains(words),
        "{told}"
    );
    assert!(
        told.lines()
            .nth(1)
            .is_some_and(|line| line.starts_with("  -> ")),
        "{told}"
    );
}

#[test]
fn a_first_login_at_a_service_that_does_not_work_ends_in_time_and_says_so() {
    let realm = Rig::get().realm("{}");
    let alice = Installation::on_realm(&realm, "alice");
    for (fail, most, words) in [
        (json!({"*": 503}), AT_ONCE, "does not work: status 503"),
        (json!({"*": "drop"}), AT_ONCE, "cannot be reached: "),
        (
            json!({"*": "hang"}),
            Duration::from_secs(40),
            "cannot be reached: ",
        ),
        (
            json!({"device": "hang"}),
            Duration::from_secs(40),
            "cannot be reached: ",
        ),
        (
            json!({"register": 503}),
            AT_ONCE,
            "does not work: status 503",
        ),
    ] {
        realm.control(&json!({ "fail": fail }).to_string());
        let ended = typed_within(most, &alice, [], ["config"]).code(69);
        assert_told(&ended.stderr, &realm, words);
        assert_eq!(ended.stdout, "", "no code, no screen");
    }
    realm.control(r#"{"fail": {}}"#);
    let ended = typed_within(
        AT_ONCE,
        &alice,
        ["--add-host=iam.test:127.0.0.1"],
        ["config"],
    );
    assert_told(&ended.code(69).stderr, &realm, "connection refused");
    alice.log_in().ok();
}

#[test]
fn a_bad_moment_after_the_approval_costs_no_login() {
    let (realm, alice) = approving();
    realm.control(r#"{"next": [{"fail": 503}, {"fail": "drop"}, null, {"fail": 503}]}"#);
    alice
        .log_in()
        .ok()
        .says(" does not work: ")
        .says(": trying again ...\n")
        .says("The login is saved.");
    assert_eq!(realm.control("{}")["script"]["next"], json!([]));
    assert_eq!(realm.count("device"), 1);
    alice.run(["check-refresh-token"]).ok();
}

#[test]
fn a_saved_login_outlives_a_service_that_does_not_work() {
    let (realm, alice) = approving();
    alice.log_in().ok();
    let login = only_login(&alice);
    realm.control(r#"{"fail": {"*": 503}}"#);
    for args in [&["config"][..], &["reauth"], &["config", "--force"]] {
        let ended = alice.run(args.iter().copied()).code(69);
        assert_told(&ended.stderr, &realm, "does not work");
    }
    let unreachable = ["--add-host=iam.test:127.0.0.1"];
    let ended = typed_within(AT_ONCE, &alice, unreachable, ["config"]).code(69);
    assert_told(&ended.stderr, &realm, "cannot be reached");
    realm.control(r#"{"fail": {"*": "hang"}}"#);
    let ended = typed_within(Duration::from_secs(75), &alice, [], ["config"]).code(69);
    assert_told(&ended.stderr, &realm, "cannot be reached");
    realm.control(r#"{"fail": {}}"#);
    assert_eq!(only_login(&alice), login);
    alice.run(["config"]).ok().says("is kept");
    assert_eq!(realm.count("register"), 1);
}

#[test]
fn a_service_that_does_not_answer_while_the_approval_is_waited_for_is_told_of_once() {
    let realm = Rig::get().realm("{}");
    let alice = Installation::on_realm(&realm, "alice");
    for fail in [json!({"token": 503}), json!({"token": "drop"})] {
        let ended = attend(alice.command([], ["config", "--force"]), |request| {
            let polled = realm.count("token");
            realm.control(&json!({ "fail": fail }).to_string());
            while realm.count("token") < polled + 3 {
                std::thread::sleep(Duration::from_millis(100));
            }
            realm.control(r#"{"fail": {}}"#);
            realm
                .rig()
                .approve(&request.uri, &request.code, alice.user());
        })
        .ok();
        let (before, told) = ended
            .stdout
            .split_once("\nNote: the login service ")
            .unwrap_or_else(|| panic!("{}", ended.stdout));
        assert!(before.contains("Waiting until you have logged in there"));
        let mut lines = told.lines();
        assert!(lines.next().unwrap().starts_with(realm.issuer()), "{told}");
        assert_eq!(
            lines.next(),
            Some("It is asked again, ever more rarely, until the code runs out.")
        );
        assert!(!told.contains("Note: "), "{told}");
        assert!(told.contains("The login is saved."), "{told}");
    }
}

/// A client that somebody registers by hand: its id and its secret.
#[track_caller]
fn register(realm: &Realm) -> [String; 2] {
    let wanted = json!({
        "client_name": "by hand", "scope": "openid profile offline_access email",
        "grant_types": ["refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
    });
    let told = docker([
        "exec",
        &format!("{}-iam", realm.rig().value("RIG_NAME")),
        "curl",
        "-sSf",
        "--json",
        &wanted.to_string(),
        &format!("{}iam/api/client-registration", realm.issuer()),
    ]);
    let client: Value = serde_json::from_str(&told.ok().stdout).expect("JSON");
    ["client_id", "client_secret"].map(|key| client[key].as_str().expect("a text").to_owned())
}

#[test]
fn a_client_that_was_registered_by_hand_is_used_and_a_wrong_one_is_told_as_that() {
    let (realm, alice) = approving();
    let [id, secret] = register(&realm);
    let [id, secret] = [
        format!("--env=OIDC_CLIENT_ID={id}"),
        format!("--env=OIDC_CLIENT_SECRET={secret}"),
    ];
    let wrong = [
        [&*id, "--env=OIDC_CLIENT_SECRET=planted-wrong-secret"],
        ["--env=OIDC_CLIENT_ID=nobody", &*secret],
        // Some devices endpoints want no secret: then the token endpoint refuses.
        [&*id, "--env=OIDC_CLIENT_SECRET="],
    ];
    for options in wrong {
        let ended = typed(&alice, options, ["config"]).code(78);
        assert_eq!(
            ended.stderr,
            "cloud-backup: the login service refuses the client of OIDC_CLIENT_ID: invalid_client: Bad client credentials
  -> Correct OIDC_CLIENT_ID and OIDC_CLIENT_SECRET; or leave both empty, and a client is registered.
"
        );
    }
    let right = [&*id, &*secret];
    typed(&alice, right, ["config"])
        .ok()
        .says("The login is saved.");
    typed(&alice, right, ["reauth"]).ok();
    // By hand, and by nobody else.
    assert_eq!(realm.count("register"), 1);
}
