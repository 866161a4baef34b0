//! `doctor` on the login's storage: each link of the chain broken for real, the others as they should be.

use serde_json::json;

use crate::doctor::{Told, doctor, idle, put};
use crate::harness::Installation;
use crate::rig::Rig;

/// A realm, and alice, whose logins are approved as soon as they are asked for.
fn alice() -> (crate::rig::Realm, Installation) {
    let realm = Rig::get().realm("{}");
    let alice = Installation::on_realm(&realm, "alice");
    alice.write("a", "one");
    realm.control(&json!({"approve": alice.user()}).to_string());
    (realm, alice)
}

#[test]
fn before_config_it_says_what_to_type_and_after_it_nothing() {
    let (_realm, alice) = alice();
    let before = Told::of(&alice.run(["doctor", "--json"])).found(["no-login"]);
    before
        .says("Log in: docker compose run --rm cloud-backup config")
        .is("login-service", "good")
        .is("storage", "good")
        .is("clock", "good")
        .is("token", "not-looked-at")
        .is("bucket", "not-looked-at")
        .is("repository", "not-looked-at");
    alice.log_in().ok();
    let alone = Told::of(&alice.run(["doctor", "--json"])).found([]);
    let alone = alone.says("none yet, the first backup makes it");
    alone.says("0 % of the quota is used (0 B of 200.0 GiB)");

    let server = alice.server();
    server.exec(["backup", "/backup/dir1"]).ok();
    let beside = doctor(&server, []).found([]);
    for check in [
        "agent",
        "token",
        "claims",
        "sts",
        "bucket",
        "server",
        "repository",
        "quota",
    ] {
        assert_eq!(beside.check(check)["result"], "good", "{check}");
    }
    let user = alice.user();
    let beside = beside.says(&format!("of {user}, good until "));
    let told = beside.check("quota")["says"].as_str().expect("words");
    assert!(
        told.contains("KiB of 200.0 GiB"),
        "the storage tells what the bucket holds: {told}"
    );
    // What the storage tells makes a backup warn, too.
    let warned = server
        .exec_with(["--env=QUOTA=1K"], ["backup", "/backup/dir1"])
        .ok();
    warned
        .says("% of the quota is used (")
        .says("Successful backup");

    doctor(&server, ["S3_ROLE=other"])
        .found(["server-settings"])
        .says("started with other settings than this command: S3_ROLE")
        .is("token", "not-looked-at");
}

#[test]
fn services_that_do_not_answer_as_they_should() {
    let (realm, alice) = alice();
    alice.log_in().ok();
    let idle = idle(&alice);
    idle.cut_off("iam.test");
    doctor(&idle, [])
        .found(["login-service-unreachable"])
        .is("login", "good")
        .is("agent", "not-looked-at");
    idle.reconnect("iam.test");
    idle.cut_off("rgw.test");
    doctor(&idle, [])
        .found(["storage-unreachable"])
        .is("token", "good")
        .is("sts", "not-looked-at");
    idle.reconnect("rgw.test");
    let nobody = doctor(&idle, ["EXTRA_CA_FILE="]);
    nobody.found(["login-service-untrusted", "storage-untrusted"]);
    realm.control(r#"{"fail": {"discovery": 503}}"#);
    doctor(&idle, []).found(["login-service-failing"]);
    realm.control(r#"{"fail": {}}"#);
    let without = realm.issuer().trim_end_matches('/');
    doctor(&idle, [&*format!("OIDC_ISSUER={without}")])
        .found(["login-service-name"])
        .says("the slash at its end is missing");
    let other = realm.rig().value("RIG_IAM_ISSUER");
    doctor(&idle, [&*format!("S3_ENDPOINT={other}")]).found(["sts-failing"]);

    realm.control(r#"{"clock_ahead": -1200}"#);
    let told = doctor(&idle, []).found(["clock"]);
    let told = told.says("s ahead of that of the login service");
    assert_eq!(told.check("bucket")["result"], "good");
    realm.control(r#"{"clock_ahead": 0}"#);
}

#[test]
fn a_login_that_does_not_work() {
    let (realm, alice) = alice();
    alice.log_in().ok();
    let idle = idle(&alice);
    doctor(&idle, ["OIDC_PASSWORD=another-password"]).found(["login-password"]);
    let other = Rig::get().realm("{}");
    let issuer = format!("OIDC_ISSUER={}", other.issuer());
    doctor(&idle, [&*issuer]).found(["login-issuer"]);
    doctor(&idle, ["OIDC_ACCOUNT=second"]).found(["login-account"]);
    // A look makes no bucket: the second one finds the same.
    let slip = format!("S3_BUCKET={}-slip", alice.user());
    for _ in 0..2 {
        let told = doctor(&idle, [&*slip]).found(["storage-refuses"]);
        told.says("there is no bucket ")
            .is("repository", "not-looked-at");
    }
    for (reason, id) in [
        ("revoked", "login-ended"),
        ("aup", "login-refused"),
        ("client", "client-refused"),
    ] {
        realm.control(&json!({"answer": {"reason": reason}}).to_string());
        doctor(&idle, []).found([id]).is("sts", "not-looked-at");
    }
    realm.control(r#"{"answer": null}"#);
    // An agent that does not start, and somebody who keeps the login and says nothing.
    put(
        &idle,
        "/doubles/oidc-agent",
        "#!/bin/sh\n[ \"$1\" = --version ] && exec /usr/bin/oidc-agent --version\nexit 1\n",
    );
    doctor(&idle, ["PATH=/doubles:/usr/local/bin:/usr/bin:/bin"]).found(["agent"]);
    let lock = "/home/user/.cloud-backup/run/login.lock";
    let mut holder = idle.spawn_exec([], ["flock", lock, "sleep", "60"]);
    idle.wait_for("the lock is held", |idle| {
        idle.exec(["flock", "--nonblock", lock, "true"]).code == 1
    });
    doctor(&idle, []).found(["keeper-silent"]);
    let _ = holder.kill();
    let _ = holder.wait();
}

#[test]
fn a_token_and_a_role_that_are_not_what_the_storage_takes() {
    let (realm, alice) = alice();
    alice.log_in().ok();
    let idle = idle(&alice);
    realm.control(r#"{"claims": {"aud": "else"}}"#);
    doctor(&idle, [])
        .found(["token-refused"])
        .says("it is for else, and OIDC_AUDIENCE is object")
        .is("claims", "found")
        .is("sts", "not-looked-at");
    realm.control(r#"{"claims": {"sub": null}}"#);
    doctor(&idle, [])
        .found(["token-subject"])
        .is("sts", "not-looked-at");
    alice
        .run(["backup", "/backup/dir1"])
        .code(77)
        .says("the storage refuses the token: it has no subject (sub)")
        .says("Ask the login service's people: a token names its user in the claim sub.");
    // A minute and more, scopes, another user, and an end within 31 days: warnings all, and the rest is good.
    let changes = json!({
        "claims": {"scope": "openid profile email", "preferred_username": "gverdi"}, "clock_ahead": 120,
    });
    realm.control(&changes.to_string());
    let told = doctor(&idle, ["TOKEN_WARN_DAYS=31"]);
    let told = told.found(["clock", "login-ends", "token-scope", "other-user"]);
    let told = told.says("lacks what OIDC_SCOPE asks for: offline_access");
    assert_eq!(told.check("repository")["result"], "good");
    realm.control(r#"{"claims": {}, "clock_ahead": 0}"#);
    doctor(&idle, ["S3_ROLE=nobody"]).found(["role-refused"]);
    doctor(&idle, ["STS_DURATION=1s"]).found(["session-refused"]);
}
