//! A login that does not come to its end leaves the one that was there, and nothing else.

use super::{approve_as, approve_nobody, approving, only_login, typed};
use crate::rig::{Request, attend};

#[test]
fn an_interrupted_run_leaves_the_login_that_was_there_and_nothing_half_made() {
    let (realm, alice) = approving();
    alice.log_in().ok();
    let login = only_login(&alice);
    approve_nobody(&realm);
    for (signal, code) in [("SIGINT", 130), ("SIGTERM", 130), ("SIGKILL", 137)] {
        let config = alice.start(["config", "--force"]);
        config.wait_for("the code is shown", |config| {
            Request::on(&config.logs()).is_some()
        });
        alice
            .run(["reauth"])
            .code(75)
            .says("config or reauth is running already");
        config.signal(signal).ok();
        assert_eq!(config.wait(), code, "{}", config.logs());
        let told = format!(
            "cloud-backup: it was interrupted by {signal}\n  -> Nothing was changed but what the screen calls saved. \
             Type the command again.\n"
        );
        assert_eq!(
            config.logs().contains(&told),
            code == 130,
            "{}",
            config.logs()
        );
        assert_eq!(only_login(&alice), login);
    }
    alice.run(["config"]).ok().says("is kept");

    // Killed while the new login is tried: it is half-made then.
    approve_as(&realm, alice.user());
    realm.control(r#"{"next": [{"fail": "hang"}]}"#);
    let config = alice.start(["config", "--force"]);
    config.wait_for("the new login is tried", |config| {
        config.logs().contains("Saving the login")
            && realm.control("{}")["script"]["next"] == serde_json::json!([])
    });
    config.signal("SIGKILL").ok();
    config.wait();
    assert_ne!(
        super::logins(&alice).lines().count(),
        2,
        "nothing was half-made"
    );
    alice.run(["config"]).ok().says("is kept");
    assert_eq!(only_login(&alice), login);
}

#[test]
fn a_login_that_is_declined_or_too_late_is_told_as_that_and_the_old_one_stays() {
    let (realm, alice) = approving();
    alice.log_in().ok();
    let login = only_login(&alice);
    approve_nobody(&realm);
    let declined = attend(alice.command([], ["reauth"]), |request| {
        realm.rig().decline(&request, alice.user());
    });
    let declined = declined.code(77);
    assert_eq!(
        declined.stderr,
        "cloud-backup: the login was declined in the browser
  -> Nothing was changed. Begin again, and approve the login.
"
    );
    realm.control(r#"{"code_lifetime": 3}"#);
    let late = typed(&alice, [], ["config", "--force"]).code(77);
    assert!(
        late.stdout.contains("The code is good for 3 seconds."),
        "{}",
        late.stdout
    );
    assert_eq!(
        late.stderr,
        "cloud-backup: the code ran out before the login was approved
  -> Nothing was changed. Begin again: a new code is shown, and for how long it is good.
"
    );
    assert_eq!(only_login(&alice), login);
    alice.run(["config"]).ok().says("is kept");
}
