//! INFN's patched rclone, played by the double: it asks oidc-agent itself, by the documented section.

use super::logged_in;

#[test]
fn a_patched_rclone_gets_the_section_the_agent_and_nothing_of_aws() {
    let installation = logged_in()
        .fake_rclone("keys=404 snapshots=404")
        .env("RCLONE_FAKE_PATCHED", "1")
        .env("RCLONE_FAKE_STARTED", "/home/user/started")
        .env("AWS_ACCESS_KEY_ID", "the-users-own-key")
        .env("AWS_PROFILE", "mine");
    let server = installation.start(["start-server"]);
    server.wait_for("the double has started", |server| {
        server.shell("test -s /home/user/started").code == 0
    });
    let started = server.shell("cat /home/user/started").ok().stdout;
    let lines: Vec<&str> = started.lines().collect();
    let aws: Vec<&&str> = lines
        .iter()
        .filter(|line| line.starts_with("AWS_"))
        .collect();
    assert!(aws.is_empty(), "{aws:?}");
    assert!(!started.contains("RCLONE_CONFIG_INFNCLOUD_"), "{started}");
    assert!(!started.contains("unix://"), "{started}");
    let at = lines
        .iter()
        .position(|line| *line == "--config")
        .expect("--config");
    let config = server.shell(&format!("cat {}", lines[at + 1])).ok().stdout;
    for line in [
        "[infncloud]",
        "type = s3",
        "provider = INFN Cloud",
        "account = infncloud",
        "oidc_agent = True",
        "audience = object",
        "env_auth = false",
    ] {
        assert!(
            config.lines().any(|known| known == line),
            "{line:?} in:\n{config}"
        );
    }

    let socket = lines
        .iter()
        .find_map(|line| line.strip_prefix("OIDC_SOCK="))
        .expect("OIDC_SOCK");
    let socket = format!("--env=OIDC_SOCK={socket}");
    server.wait_for("the agent has the account", |server| {
        let token = ["/usr/bin/oidc-token", "--aud=object", "infncloud"];
        server
            .exec_with([socket.as_str()], token)
            .stdout
            .starts_with("ey")
    });
    server.wait_for("the server is ready", |server| {
        server.logs().contains("ready: ")
    });
    let log = server.logs();
    assert_eq!(log.matches("INFN's patched one").count(), 1, "{log}");
    server.stop();
    assert_eq!(server.exit_code(), 0, "{}", server.logs());
}
