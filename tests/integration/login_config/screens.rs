//! What the user sees.

use super::{approving, constant, only_login, typed};
use crate::harness::Installation;
use crate::rig::{Realm, Rig};

const NEXT: &str = "
Next:

    docker compose run --rm cloud-backup restic init   # optional: the first backup does it too
    docker compose up -d
";

fn login_screen(realm: &Realm, user: &str) -> String {
    let issuer = realm.issuer();
    format!(
        "To log in, open this address in a browser on any device:

    {issuer}device

and enter this code:

    CODE

The address to scan:

QR CODE
The code is good for 10 minutes. Waiting until you have logged in there ...
(Ctrl-C ends this, and nothing is changed.)

Logged in as {user}. Saving the login ...
The login is saved.
"
    )
}

fn proof(user: &str) -> String {
    format!(
        "Token: ok. Credentials for the storage: ok, until TIME.
Storage: infncloud:/{user}/backup/VM1/
  write an object: ok
  list: ok
  read it: ok
  delete it: ok
"
    )
}

fn assert_narrow(screen: &str) {
    let wide: Vec<&str> = screen
        .lines()
        .filter(|line| line.chars().count() > 100)
        .collect();
    assert!(wide.is_empty(), "{wide:?}");
}

#[test]
fn config_shows_each_step_and_the_next_one_keeps_a_login_that_works_and_makes_a_new_one_if_told_so()
{
    let realm = Rig::get().realm("{}");
    let alice = Installation::on_realm(&realm, "alice");
    let user = alice.user();
    let first = alice.log_in().ok();
    assert_eq!(
        constant(&first.stdout),
        format!(
            "{}{}\nThe login is good until TIME.\n{NEXT}",
            login_screen(&realm, user),
            proof(user)
        )
    );
    assert_eq!(first.stderr, "");
    assert_narrow(&first.stdout);
    assert_eq!(realm.count("register"), 1);

    let login = only_login(&alice);
    let second = alice.run(["config"]).ok();
    assert_eq!(
        constant(&second.stdout),
        format!(
            "There is a login already: trying it ...
The login works and is kept (config --force makes a new one).
{}{NEXT}",
            proof(user)
        )
    );
    assert_eq!(second.stderr, "");
    assert_eq!(realm.count("register"), 1);
    assert_eq!(realm.count("device"), 1);
    assert_eq!(only_login(&alice), login);

    let third = alice.attended(user, ["config", "--force"]).ok();
    assert_eq!(constant(&third.stdout), constant(&first.stdout));
    assert_eq!(realm.count("register"), 2);
    assert_ne!(only_login(&alice), login);
}

#[test]
fn a_terminal_shows_the_same_as_a_pipe_and_reauth_uses_the_registration_that_there_is() {
    let (realm, alice) = approving();
    let user = alice.user();
    let ended = typed(&alice, ["--tty"], ["config"]).ok();
    assert!(ended.stdout.contains("\r\n"), "no terminal: {ended:?}");
    let body = format!(
        "{}{}\nThe login is good until TIME.\n",
        login_screen(&realm, user),
        proof(user)
    );
    assert_eq!(constant(&ended.stdout), format!("{body}{NEXT}"));

    let ended = alice.re_auth().ok();
    let next = "\nNext:\n\n    docker compose up -d\n";
    assert_eq!(constant(&ended.stdout), format!("{body}{next}"));
    assert_eq!(ended.stderr, "");
    assert_eq!(realm.count("register"), 1);

    // What the server has to do it does by itself, and nothing is left to type.
    let server = alice.server();
    let ended = alice.re_auth().ok();
    let taken = "The running server has taken it.\n";
    assert_eq!(
        constant(&ended.stdout),
        format!(
            "{}{}{taken}\nThe login is good until TIME.\n",
            login_screen(&realm, user),
            proof(user)
        )
    );
    server.exec(["healthcheck"]).ok();
}

#[test]
fn reauth_without_a_login_names_config_and_storage_without_a_login_needs_neither() {
    let alice = Installation::new()
        .env("BACKUP_REMOTE", "")
        .env("AAI_USER", "alice")
        .env("OIDC_PASSWORD", "any")
        .env("BACKUP_BUCKET", "backup/VM1");
    let ended = alice.run(["reauth"]).code(78);
    assert_eq!(
        ended.stderr,
        "cloud-backup: not configured yet: nobody has logged in on this volume
  -> Log in: docker compose run --rm cloud-backup config
"
    );
    assert_eq!(ended.stdout, "");
    let local = Installation::new();
    assert_eq!(
        local.run(["reauth"]).ok().stdout,
        "The storage /home/user/storage/ needs no login: nothing to renew.\n"
    );
    assert_eq!(
        local.run(["config"]).ok().stdout,
        "The storage /home/user/storage/ needs no login. Trying it ...
Storage: /home/user/storage/
  write an object: ok
  list: ok
  read it: ok
  delete it: ok

Next:

    docker compose run --rm cloud-backup restic init   # optional: the first backup does it too
    docker compose up -d
"
    );
}
