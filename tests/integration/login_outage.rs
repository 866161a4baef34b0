//! The login ends, is refused, or its service is out of reach, while a server runs: what is said, and how it recovers.

mod neighbours;
mod start;

use std::time::Duration;

use crate::login_renewal::scene::Scene;

/// A sentence of ours, and what to type.
const ENDED: &str = "the login has ended: invalid_token: Invalid refresh token: token not found";
const REAUTH: &str = "Log in again: docker compose run --rm cloud-backup reauth";

#[test]
fn a_revoked_login_fails_jobs_with_that_reason_until_somebody_logs_in_again() {
    let scene = Scene::new(15);
    let server = scene.installation.server();
    let (started, rclone) = (
        server.inspect("{{.State.StartedAt}}"),
        server.pid("rclone", "serve"),
    );
    assert_eq!(scene.stored(), [""; 0]);
    scene
        .realm
        .control(&format!(r#"{{"revoke": "{}"}}"#, scene.installation.user()));

    // While the credentials still last.
    let unhealthy = format!("{ENDED}. {REAUTH}");
    server.wait_for("it is known", |server| {
        server.exec(["healthcheck"]).code == 1
    });
    server.exec(["healthcheck"]).code(1).says(&unhealthy);
    server.wait_for("Docker's view", |server| server.health() == "unhealthy");
    let health = server.inspect("{{json .State.Health.Log}}");
    assert!(health.contains(&unhealthy), "{health}");

    server.wait_for("the credentials have ended", |server| {
        server.exec(["credential-process"]).code == 77
    });
    server.exec(["backup", "/backup/dir1"]).code(77).says(ENDED);
    let body = scene.healthchecks.last_body();
    let lines: Vec<&str> = body.lines().collect();
    assert_eq!(
        lines,
        [&*format!("Backup of /backup/dir1 failed: {ENDED}"), REAUTH]
    );
    assert_eq!(scene.healthchecks.signals(), ["start", "77"]);
    server
        .exec(["forget", "--keep-last=1"])
        .code(77)
        .says(ENDED);
    // Nothing was initialised: neither in the storage nor as the server sees it.
    assert_eq!(scene.stored(), [""; 0]);
    assert_eq!(server.logged(ENDED), 1, "{}", server.logs());

    scene.installation.re_auth().ok();
    let took = server.wait_at_most(Duration::from_secs(10), "Docker's view", |server| {
        server.health() == "healthy"
    });
    eprintln!("healthy {took:?} after the new login");
    assert_eq!(server.inspect("{{.State.StartedAt}}"), started);
    assert_eq!(server.pid("rclone", "serve"), rclone);
    assert_eq!(server.logged("the login works again"), 1);
    server.exec(["backup", "/backup/dir1"]).ok();
    assert!(scene.stored().contains(&"backup/VM1/config".to_owned()));
}

#[test]
fn a_policy_to_be_signed_and_a_disabled_user_are_told_and_end_with_their_reason() {
    let scene = Scene::new(15);
    let server = scene.installation.server();
    server.exec(["backup", "/backup/dir1"]).ok();
    for (reason, said) in [
        ("aup", "needs to sign AUP for this organization"),
        ("disabled", "is not active"),
    ] {
        scene
            .realm
            .control(&format!(r#"{{"answer": {{"reason": "{reason}"}}}}"#));
        let sentence = format!(
            "the login service refuses the login: invalid_grant: User {} {said}",
            scene.installation.user()
        );
        server.renew().code(77).says(&sentence);
        server
            .exec(["healthcheck"])
            .code(1)
            .says(&sentence)
            .says("Open the login service in a browser and do what it asks for");
        server.wait_for("the credentials have ended", |server| {
            server.exec(["credential-process"]).code == 77
        });
        server
            .exec(["backup", "/backup/dir1"])
            .code(77)
            .says(&sentence);
        assert_eq!(server.logged(&sentence), 1, "{}", server.logs());

        scene.realm.control(r#"{"answer": null}"#);
        if reason == "aup" {
            // The keeper looks by itself every two minutes; who asks it need not wait.
            server.renew().ok();
        } else {
            scene.installation.re_auth().ok();
        }
        server.exec(["healthcheck"]).ok();
        server.exec(["backup", "/backup/dir1"]).ok();
    }
}

#[test]
fn one_refusal_and_one_lost_connection_make_no_server_unhealthy() {
    let scene = Scene::new(120);
    let server = scene.installation.server();
    let refused = |next: &str| {
        scene.realm.control(&format!(r#"{{"next": {next}}}"#));
        let before = scene.refreshes();
        let end = server.renew();
        server.exec(["healthcheck"]).ok();
        (end, scene.refreshes() - before)
    };
    // A fresh agent is asked before a refusal is believed.
    let (end, asked) = refused(r#"[{"reason": "expired"}]"#);
    end.ok();
    assert!(asked >= 2, "{asked}");
    // The agent could repeat the refusal now.
    for _ in 0..2 {
        let (end, _) = refused(r#"[{"reason": "expired"}, {"fail": "drop"}]"#);
        end.code(69).says("cannot be reached");
        let again = scene.realm.count("refreshed");
        server.wait_for("it is tried again by itself", |_| {
            scene.realm.count("refreshed") > again
        });
    }
    let (end, _) = refused("[]");
    end.ok();
    assert_eq!(server.logged("has ended"), 0, "{}", server.logs());
}

#[test]
fn an_agent_and_an_rclone_that_are_killed_come_back() {
    let scene = Scene::new(120);
    let server = scene.installation.server();
    server.exec(["backup", "/backup/dir1"]).ok();
    for program in ["oidc-agent", "rclone"] {
        let before = server.pids(program, "-");
        for pid in &before {
            // Of several processes the first may take the others along.
            server.shell(&format!("kill -KILL {pid} || true")).ok();
        }
        let back = |server: &crate::harness::Container| {
            let now = server.pids(program, "-");
            !now.is_empty() && !now.iter().any(|pid| before.contains(pid))
        };
        assert!(!before.is_empty(), "{program}");
        let took = server.wait_at_most(Duration::from_secs(12), program, back);
        eprintln!("{program} is back after {took:?}");
        server.wait_at_most(Duration::from_secs(10), "healthy", |server| {
            server.exec(["healthcheck"]).code == 0
        });
    }
    server.wait_for("the agent has the login", |server| {
        server
            .exec(["oidc-token", "--aud=object", "infncloud"])
            .code
            == 0
    });
    server.exec(["backup", "/backup/dir1"]).ok();
    let took = server.stop();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(server.exit_code(), 0);
}

#[test]
fn oidc_token_names_the_login_service_that_does_not_work_or_hangs() {
    let scene = Scene::new(60);
    let server = scene.installation.server();
    let line = ["oidc-token", "--aud=object", "infncloud"];
    let names_it = |told: &str| {
        let guilty = format!("the login service {} ", scene.realm.issuer());
        server.exec(line).code(69).says(&format!("{guilty}{told}"));
    };
    scene.fail(r#"{"token": 503}"#);
    names_it("does not work: ");
    scene.fail(r#"{"*": "drop"}"#);
    names_it("cannot be reached: ");
    scene.fail(r#"{"*": "hang"}"#);
    // The keeper gives its agent up.
    server.renew().code(69);
    names_it("cannot be reached: no answer within ");
    scene.fail("{}");
    server.exec(line).ok().says("ey");
}

#[test]
fn an_agent_that_is_suspended_is_replaced() {
    let scene = Scene::new(60);
    let server = scene.installation.server();
    let agents = server.pids("oidc-agent", "-");
    assert_ne!(agents, [0; 0]);
    for agent in &agents {
        server.kill("STOP", *agent);
    }
    server
        .exec(["oidc-token", "--aud=object", "infncloud"])
        .ok()
        .says("ey");
    let now = server.pids("oidc-agent", "-");
    assert!(!now.is_empty() && now.iter().all(|agent| !agents.contains(agent)));
    assert_eq!(server.logged("ERROR"), 0, "{}", server.logs());
}
