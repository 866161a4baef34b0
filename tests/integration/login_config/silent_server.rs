//! A login beside a server that is frozen, as by `docker pause`.

use std::time::Duration;

use super::{approving, only_login, typed_within};
use crate::harness::docker;

#[test]
fn a_login_beside_a_frozen_server_is_saved_and_the_way_to_make_the_server_take_it_is_told() {
    let (realm, alice) = approving();
    alice.log_in().ok();
    let server = alice.server();
    let login = only_login(&alice);
    docker(["pause", &server.id]).ok();
    let name = format!(
        "the running server, container {} (host name my-VM) since ",
        &server.id[..12]
    );
    let ended = typed_within(Duration::from_mins(1), &alice, [], ["reauth"])
        .code(75)
        .says("The login is saved.\n")
        .says(&format!("Waiting for an answer of {name}"))
        .says("The login stays saved: no other one has to be made. The way to the storage is not proven.\n")
        .says(&format!("cloud-backup: the login is kept by {name}"))
        .says(", which gives no answer\n  -> Start it anew, and it takes the login in use: docker compose restart cloud-backup\n");
    // Before the login, and after it.
    assert_eq!(ended.stdout.matches("Waiting for").count(), 2, "{ended:?}");
    let made = only_login(&alice);
    assert_ne!(made, login);

    docker(["restart", &server.id]).ok();
    server.wait_for("it is healthy", |server| {
        server.exec(["healthcheck"]).code == 0
    });
    alice
        .run(["config"])
        .ok()
        .says("The login works and is kept")
        .says("The running server has taken it.");
    assert_eq!((only_login(&alice), realm.count("device")), (made, 2));
}
