//! The check by `docker exec -u user` beside a running server, as Ofelia starts it.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::{COMMAND, DAY, REAUTH, Scene, date, good, now};
use crate::harness::{Container, ended};

/// A running server of a login that ends in 20 days; its own environment names no check.
fn beside() -> (Scene, Container, i64) {
    let mut scene = Scene::new("{}");
    let end = now() + 20 * DAY + 100;
    scene
        .realm
        .control(&json!({ "refresh_expires_at": end }).to_string());
    scene.installation.log_in().ok();
    scene.installation = scene.installation.env("OIDC_TOKEN_CHECK_URL", "");
    let server = scene.installation.server();
    (scene, server, end)
}

#[test]
fn the_servers_agent_makes_the_refresh() {
    let (scene, server, end) = beside();
    let refreshed = scene.realm.count("refreshed");
    scene.check_beside(&server).is(0, &good("20 days", end));
    assert!(scene.realm.count("refreshed") > refreshed, "a real refresh");

    let refreshed = scene.realm.count("refreshed");
    let status = server.exec(["status", "--json"]).ok().stdout;
    let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
    assert_eq!(status["login"]["days_left"], 20, "{status}");
    let ends = Timestamp::from_second(end).expect("a time").to_string();
    assert_eq!(status["login"]["ends"], ends.as_str(), "{status}");
    assert_eq!(scene.realm.count("refreshed"), refreshed, "no refresh");

    let start = || server.spawn_exec([], COMMAND);
    let (one, other) = (start(), start());
    for child in [one, other] {
        ended("check", child)
            .ok()
            .says("The login is good for 20 days");
    }

    let revoke = json!({"revoke": scene.installation.user()});
    scene.realm.control(&revoke.to_string());
    let said = "invalid_token: Invalid refresh token: token not found";
    scene.check_beside(&server).is(77, &format!(
        "The login has ended before its time: {said}\nLog in again: {REAUTH}\nIt was to last until {}\n",
        date(end)
    ));
    let status = server.exec(["status"]).code(1);
    status.says(&format!(
        "  login: the login has ended: {said}\n    -> Log in again: {REAUTH}\n"
    ));
}

#[test]
fn a_login_service_that_hangs_ends_it_in_time_beside_a_server_too() {
    let (scene, server, end) = beside();
    scene.realm.control(r#"{"fail": {"*": "hang"}}"#);
    let checked = scene.check_beside(&server);
    assert_eq!(checked.code, 69, "{}", checked.all);
    assert!(checked.took < Duration::from_secs(58), "{:?}", checked.took);
    let issuer = scene.realm.issuer();
    let begin =
        format!("Check of the login failed: the login service {issuer} cannot be reached: ");
    assert!(checked.body.starts_with(&begin), "{}", checked.body);
    let date = format!("\nBy its date the login lasts until {}\n", date(end));
    assert!(checked.body.ends_with(&date), "{}", checked.body);

    // A stop of the server in the middle of another one.
    let url = format!(
        "--env=OIDC_TOKEN_CHECK_URL={}",
        scene.healthchecks.url_for_containers()
    );
    let before = scene.healthchecks.pings().len();
    let check = server.spawn_exec([url.as_str()], COMMAND);
    server.wait_for("it has begun", |_| {
        scene.healthchecks.pings().len() > before
    });
    let took = server.stop();
    assert!(took < Duration::from_secs(10), "{took:?}");
    ended("check", check).code(130);
    assert_eq!(scene.healthchecks.signals()[before..], ["start", "130"]);
}

#[test]
fn a_server_that_gives_no_answer_is_named() {
    let (scene, server, _) = beside();
    let pid = server.pid("exe", "start-server");
    server.kill("STOP", pid);
    let checked = scene.check_beside(&server);
    server.kill("CONT", pid);
    assert_eq!(checked.code, 69, "{}", checked.all);
    assert!(checked.took < Duration::from_secs(40), "{:?}", checked.took);
    let begin = "Check of the login failed: the login is kept by ";
    assert!(checked.body.starts_with(begin), "{}", checked.body);
}
