//! Refresh tokens that do not tell their end: the provider is asked, else it is estimated, else it is not known.

use std::time::Duration;

use serde_json::json;

use super::{DAY, REAUTH, Scene, date, good, now};

const OPAQUE: &str = r#"{"refresh_token": "opaque"}"#;

#[test]
fn a_provider_that_is_asked_tells_the_end_and_else_it_is_estimated() {
    let scene = Scene::new(OPAQUE);
    let end = now() + 20 * DAY + 60;
    scene
        .realm
        .control(&json!({ "refresh_expires_at": end }).to_string());
    let before = now();
    scene.installation.log_in().ok();
    let after = now();
    scene.check([]).is(0, &good("20 days", end));

    let not_known = |why: &str| {
        format!(
            "Check of the login failed: the login service {} {why}\nWhen it is back the server goes on by itself; another \
             command is to be typed again. If this stays, check OIDC_ISSUER and the network of this machine.\nA refresh has worked; only when the login ends is not \
             known.\n",
            scene.realm.issuer()
        )
    };
    scene.realm.control(r#"{"fail": {"introspect": 503}}"#);
    let path = format!("{}introspect", scene.realm.issuer());
    let path = path.split("8443").last().expect("a path");
    scene.check([]).is(
        69,
        &not_known(&format!("does not work: status 503 at {path}")),
    );
    scene.realm.control(r#"{"fail": {"introspect": "hang"}}"#);
    let checked = scene.check([]);
    checked.is(69, &not_known("cannot be reached: no answer within 10 s"));
    assert!(checked.took < Duration::from_secs(20), "{:?}", checked.took);

    scene
        .realm
        .control(r#"{"introspection": false, "fail": {}}"#);
    let checked = scene.check([]);
    let estimates = (before..=after).map(|made| {
        let end = format!(
            "{} (estimated: 30 days after the login)",
            date(made + 30 * DAY)
        );
        format!("The login is good for 29 days, until {end}\nTo renew it at any time: {REAUTH}\n")
    });
    assert!(
        checked.code == 0 && estimates.into_iter().any(|body| body == checked.body),
        "{}",
        checked.all
    );

    // As an account that was made by oidc-gen alone.
    let script = "mkdir ~/.oidc-agent && cp ~/.cloud-backup/login/oidc-agent/infncloud ~/.oidc-agent/ && rm \
                  ~/.cloud-backup/login";
    scene.installation.run_program("sh", ["-c", script]).ok();
    scene.check([]).is(
        69,
        &format!(
            "Check of the login failed: it works, but nobody knows when it ends\nLog in again to be sure: {REAUTH}\n"
        ),
    );
    scene.realm.control(r#"{"introspection": true}"#);
    scene.check([]).is(0, &good("20 days", end));
}

#[test]
fn an_opaque_token_that_is_refused_is_not_shown() {
    let scene = Scene::logged_in(OPAQUE);
    let token = scene.refresh_token();
    for description in ["Expired refresh token: TOKEN", "TOKEN of USER is no good"] {
        let answer = json!({"status": 400, "error": "invalid_grant", "description": description});
        scene
            .realm
            .control(&json!({ "answer": answer }).to_string());
        let checked = scene.check([]);
        assert_eq!(checked.code, 77, "{}", checked.all);
        assert!(!checked.all.contains(&token), "{}", checked.all);
        let begin = "The login has ended before its time: invalid_grant: ";
        assert!(checked.body.starts_with(begin), "{}", checked.body);
    }
}

#[test]
fn of_tokens_of_one_use_the_new_one_is_asked_about() {
    let mut scene = Scene::new(r#"{"refresh_token": "opaque", "rotate": true}"#);
    let end = now() + 20 * DAY + 100;
    scene
        .realm
        .control(&json!({ "refresh_expires_at": end }).to_string());
    scene.installation.log_in().ok();
    scene.check([]).is(0, &good("20 days", end));
    scene.installation = scene.installation.env("OIDC_TOKEN_CHECK_URL", "");
    let server = scene.installation.server();
    for _ in 0..4 {
        scene.check_beside(&server).is(0, &good("20 days", end));
    }
}

/// The line of a screen that tells until when the login is good.
fn until(screen: &str) -> &str {
    let mut lines = screen.lines();
    lines
        .find_map(|line| line.strip_prefix("The login is good until "))
        .unwrap_or_else(|| panic!("no date: {screen}"))
}

#[test]
fn a_new_login_of_tokens_of_one_use_is_told_with_the_providers_date_and_status_keeps_it() {
    let scene = Scene::new(r#"{"refresh_token": "opaque", "rotate": true}"#);
    let end = now() + 5 * DAY + 100;
    scene
        .realm
        .control(&json!({ "refresh_expires_at": end }).to_string());
    let status = || {
        let told = scene.installation.run(["status", "--json"]).stdout;
        let status: serde_json::Value = serde_json::from_str(&told).expect("JSON");
        (
            status["login"]["days_left"].clone(),
            status["login"]["estimated"].clone(),
        )
    };
    let made = scene.installation.log_in().ok();
    assert_eq!(until(&made.stdout), format!("{}.", date(end)));
    assert_eq!(status(), (json!(5), json!(false)));

    let made = scene.installation.re_auth().ok();
    assert_eq!(until(&made.stdout), format!("{}.", date(end)));

    // Of a provider that does not tell it just then.
    scene.realm.control(r#"{"fail": {"introspect": 503}}"#);
    let made = scene.installation.re_auth().ok();
    let told = until(&made.stdout);
    assert!(
        told.ends_with(" (estimated: 30 days after the login)."),
        "{told}"
    );
    assert_eq!(status(), (json!(29), json!(true)));

    // What the check has learned is shown from then on.
    scene.realm.control(r#"{"fail": {}}"#);
    let checked = scene.check([]);
    assert_eq!(checked.code, 1, "{}", checked.all);
    assert_eq!(status(), (json!(5), json!(false)));
}
