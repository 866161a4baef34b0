//! `config` with another `OIDC_PASSWORD` than the saved login's.

use crate::harness::{Ended, Installation};
use crate::rig::Rig;

#[test]
fn config_keeps_no_login_that_its_password_does_not_open_though_the_running_server_has_the_right_one()
 {
    let realm = Rig::get().realm("{}");
    let alice = Installation::on_realm(&realm, "alice");
    alice.attended(alice.user(), ["config"]).ok();
    let server = alice.server();
    let mut config = alice.command(["--env=OIDC_PASSWORD=another"], ["config"]);
    let output = config.output().expect("docker can be started");
    Ended::of("config".to_owned(), &output)
        .code(78)
        .says("OIDC_PASSWORD is not the password that the login was saved with");
    server.exec(["healthcheck"]).ok().says("healthy");
}
