//! Checks of Healthchecks that take no report.

use super::{doctor, idle};
use crate::harness::Installation;
use crate::healthchecks::{Answer, CHECK, Healthchecks};

#[test]
fn checks_that_take_no_report_are_told_and_none_hears_of_a_run() {
    let good = Healthchecks::start();
    let elsewhere = Healthchecks::start().always(Answer::Status(409, ""));
    let hosted = Healthchecks::start().always(Answer::Status(200, "OK (not found)"));
    let busy = Healthchecks::start().always(Answer::Status(200, "OK (rate limited)"));
    let installation = Installation::new();
    installation.write("a", "one");
    let idle = idle(&installation);
    let other = "11111111-2222-4333-8444-555555555555";
    let url = |of: &Healthchecks| of.url_for_containers();
    let told = doctor(
        &idle,
        [
            &format!("BACKUP_CHECK_URL={}", url(&good).replace(CHECK, other)),
            &format!("FORGET_CHECK_URL={}", url(&elsewhere)),
            &format!("VERIFY_CHECK_URL={}", url(&hosted)),
            &format!("OIDC_TOKEN_CHECK_URL=http://127.0.0.1:9/ping/{other}"),
            "RESTIC_CHECK_URL=https://hc.cloud.infn.it/ping/<uuid>",
        ],
    );
    let told = told.found([
        "check-wrong",
        "check-missing",
        "check-refused",
        "check-missing",
        "check-unreachable",
    ]);
    let told = told.says("several checks have this slug");
    for secret in [CHECK, other] {
        assert!(!told.all.contains(secret), "{}", told.all);
    }
    // A check that its first report makes, one that is busy, and one that takes it.
    let made = format!("{}/slug?create=1", url(&good).replace(CHECK, "key"));
    let told = doctor(
        &idle,
        [
            &format!("BACKUP_CHECK_URL={}", url(&good)),
            &format!("FORGET_CHECK_URL={}", url(&busy)),
            &format!("VERIFY_CHECK_URL={made}"),
        ],
    );
    told.found([]).is("healthchecks", "good");
    for server in [&good, &elsewhere, &hosted, &busy] {
        for ping in server.pings() {
            assert_eq!(ping.signal, "log", "{ping:?}");
        }
    }
    assert_eq!(good.signals(), ["log"]);
    assert!(
        good.last_body().contains("no job has run"),
        "{}",
        good.last_body()
    );
}
