//! The conformance run of `rest_protocol.rs` on object storage: Ceph, by a login.

use crate::harness::Installation;
use crate::rest_protocol::{Place, Scene, compare, opened};
use crate::rig::Rig;

#[test]
fn on_object_storage_each_request_ends_as_the_table_says() {
    let realm = Rig::get().realm("{}");
    let installation = opened(Installation::on_realm(&realm, "rita"));
    installation.log_in().ok();
    let server = installation.server();
    let user = installation.user().to_owned();
    compare(&Scene::new(server, Place::Objects { user }));
}
