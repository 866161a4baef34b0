//! Commands beside a server on another path of the same login: `BACKUP_BUCKET` was changed since its start.

use super::approving;

#[test]
fn config_does_not_say_that_the_server_has_taken_another_path() {
    let (_realm, alice) = approving();
    alice.log_in().ok();
    let server = alice.server();
    let user = alice.user().to_owned();
    let told = format!(
        "The running server has taken the login, and still works on infncloud:/{user}/backup/VM1/: it keeps the settings \
         of its start. For it to take changed ones: docker compose up -d --force-recreate\n"
    );
    let bucket = format!("{user}-other");
    let alice = alice.env("BACKUP_BUCKET", "backup/VM2");
    let ended = alice.run(["config"]).ok().says(&told);
    assert!(!ended.all().contains("taken it"), "{}", ended.all());
    let alice = alice
        .env("BACKUP_BUCKET", "backup/VM1")
        .env("S3_BUCKET", &bucket);
    alice.run(["config"]).ok().says(&told);
    alice.re_auth().ok().says(&told);
    let alice = alice.env("S3_BUCKET", "");
    alice
        .run(["config"])
        .ok()
        .says("The running server has taken it.");
    server.exec(["healthcheck"]).ok();
}
