//! `credential-process` by its documentation ("Sourcing credentials with an external process" of the AWS SDKs), and
//! with a program that calls it: an rclone of its own.

use serde_json::Value;

use super::logged_in;
use crate::harness::Installation;
use crate::rig::Rig;

#[track_caller]
fn is_well_formed(text: &str) {
    let told: Value = serde_json::from_str(text).expect("only JSON");
    assert_eq!(told["Version"], 1);
    for name in ["AccessKeyId", "SecretAccessKey", "SessionToken"] {
        assert!(
            told[name].as_str().is_some_and(|value| value.len() > 10),
            "{name}"
        );
    }
    let until: jiff::Timestamp = told["Expiration"]
        .as_str()
        .expect("a time")
        .parse()
        .expect("RFC 3339");
    assert!(until > jiff::Timestamp::now());
}

#[test]
fn it_prints_json_alone_with_and_without_a_server() {
    let installation = logged_in().env("LOG_LEVEL", "trace");
    is_well_formed(&installation.run(["credential-process"]).ok().stdout);
    let server = installation.server();
    is_well_formed(&server.exec(["credential-process"]).ok().stdout);
    is_well_formed(&installation.run(["credential-process"]).ok().stdout);
    installation.run(["credential-process", "x"]).code(64);
}

#[test]
fn a_program_with_the_sdk_of_aws_gets_its_credentials_from_it() {
    let installation = logged_in();
    let rig = Rig::get();
    let endpoint = rig.value("S3_ENDPOINT");
    let container = installation.start_program("sleep", ["600"]);
    container
        .shell("printf '[default]\\ncredential_process = /usr/local/bin/credential-process\\n' >/tmp/aws")
        .ok();
    // As the user would, beside our program: the rig's certificates are told to each by hand.
    let rclone = format!(
        "echo x | SSL_CERT_FILE=/ca.pem AWS_CONFIG_FILE=/tmp/aws /usr/bin/rclone --config /dev/null rcat \
         ':s3,provider=Ceph,env_auth,endpoint=\"{endpoint}\":{}/by-rclone'",
        installation.user()
    );
    container.exec(["sh", "-c", &rclone]).ok();
    let keys = rig.objects(installation.user());
    assert_eq!(keys, ["by-rclone"]);
}

#[test]
fn it_fails_with_one_sentence_on_standard_error() {
    let realm = Rig::get().realm("{}");
    let installation = Installation::on_realm(&realm, "alice");
    installation.log_in().ok();
    realm.control(r#"{"answer": {"reason": "aup"}}"#);
    let end = installation.run(["credential-process"]).code(77);
    assert_eq!(end.stdout, "");
    assert!(end.stderr.contains("sign"), "{}", end.stderr);
    assert!(end.stderr.lines().count() <= 2, "{}", end.stderr);
}
