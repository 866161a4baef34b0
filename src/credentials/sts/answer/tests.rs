use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;

const NOW: &str = "2026-11-23T23:39:26Z";
/// As Ceph RGW 18.2 gave it, with other keys.
const GRANTED: &str = "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult>\
    <SubjectFromWebIdentityToken>6d8f1c34</SubjectFromWebIdentityToken><Audience>object</Audience>\
    <AssumedRoleUser><Arn>arn:aws:sts:::assumed-role/IAMaccess/cloud-backup</Arn></AssumedRoleUser>\
    <Credentials><AccessKeyId>KEY</AccessKeyId><Expiration>2026-11-23T23:54:26.683133309Z</Expiration>\
    <SecretAccessKey>SECRET</SecretAccessKey><SessionToken>SESSION+/a</SessionToken></Credentials>\
    <Provider>https://iam.test:8443/</Provider><PackedPolicySize>0</PackedPolicySize>\
    </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";

fn refusal(code: &str, message: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message>\
         <RequestId>tx0</RequestId><HostId>1008-default-default</HostId></Error>"
    )
}

/// The judgement of an answer whose `Date` is `NOW`, at this time by our clock.
fn judged(status: u16, content_type: &str, body: &str, now: &str) -> Result<Credentials, Trouble> {
    judged_of("no-jwt", 3600, status, content_type, body, now)
}

/// The same of this token and a session of these seconds.
fn judged_of(
    token: &str,
    session: u64,
    status: u16,
    content_type: &str,
    body: &str,
    now: &str,
) -> Result<Credentials, Trouble> {
    Answer {
        status: StatusCode::from_u16(status).unwrap(),
        date: NOW.parse().ok(),
        content_type: content_type.to_owned(),
        body: body.to_owned(),
    }
    .judge(
        token,
        Duration::from_secs(session),
        &Expected {
            endpoint: "https://rgw.test/".to_owned(),
            role: "IAMaccess".to_owned(),
            issuer: "https://iam.test/".to_owned(),
            audience: "object".to_owned(),
        },
        now.parse().unwrap(),
    )
}

fn sentence(status: u16, content_type: &str, body: &str, now: &str) -> String {
    judged(status, content_type, body, now)
        .unwrap_err()
        .to_string()
}

#[test]
fn credentials_are_read_with_their_end_in_whole_seconds() {
    let credentials = judged(200, "application/xml", GRANTED, NOW).unwrap();
    assert_eq!(credentials.access_key_id, "KEY");
    assert_eq!(credentials.secret_access_key, "SECRET");
    assert_eq!(credentials.session_token, "SESSION+/a");
    assert_eq!(credentials.expiration.to_string(), "2026-11-23T23:54:26Z");
}

#[test]
fn credentials_that_have_ended_are_none() {
    assert_eq!(
        sentence(200, "application/xml", GRANTED, "2026-11-24T00:39:26Z"),
        "the clock of this machine is 3600 s ahead of that of the storage https://rgw.test/"
    );
    let ended = GRANTED.replace("T23:54:26", "T23:39:26");
    assert_eq!(
        sentence(200, "application/xml", &ended, NOW),
        "the storage https://rgw.test/ does not give credentials: what it gave has ended already, at \
         2026-11-23T23:39:26Z"
    );
}

#[test]
fn the_end_of_credentials_is_told_by_a_clock_that_is_behind() {
    let end = |now| {
        judged(200, "application/xml", GRANTED, now)
            .unwrap()
            .expiration
            .to_string()
    };
    // 15 minutes from now on, in each case.
    assert_eq!(end("2026-11-23T20:39:26Z"), "2026-11-23T20:54:26Z");
    assert_eq!(end("2026-11-23T23:39:24.9Z"), "2026-11-23T23:54:24Z");
    // One that is ahead makes it earlier, which does no harm.
    assert_eq!(end("2026-11-23T23:44:26Z"), "2026-11-23T23:54:26Z");
}

/// A token of these claims, asked for with a session of these seconds, that STS minds an argument of.
fn minded(claims: &str, session: u64, code: &str, message: &str) -> Trouble {
    let token = format!(
        "eyJhbGciOiJSUzI1NiJ9.{}.c2ln",
        URL_SAFE_NO_PAD.encode(claims)
    );
    let body = refusal(code, message);
    judged_of(&token, session, 400, "application/xml", &body, NOW).unwrap_err()
}

#[test]
fn a_bad_argument_is_the_duration_where_that_is_known() {
    let exceeds = "The requested DurationSeconds exceeds the MaxSessionDuration";
    let limits = "it allows 900 s or more, up to what the role allows, mostly 3600 s";
    let perhaps =
        "the role allows less, or something else of the request is not as the storage wants it";
    for (session, code, message, told) in [
        (
            1,
            "InvalidArgument",
            "",
            format!("{limits} (InvalidArgument)"),
        ),
        (
            3600,
            "InvalidArgument",
            "",
            format!("{perhaps} (InvalidArgument)"),
        ),
        (
            3600,
            "MalformedInput",
            exceeds,
            format!("{limits} (MalformedInput: {exceeds})"),
        ),
    ] {
        let trouble = minded(r#"{"sub":"1"}"#, session, code, message);
        assert_eq!(
            trouble.to_string(),
            format!("the storage refuses a session of {session} s: {told}")
        );
    }
    // An hour is no cure for an hour.
    let remedy = |session| minded(r#"{"sub":"1"}"#, session, "InvalidArgument", "").remedy();
    assert!(remedy(1).contains("such as 1h"));
    assert!(remedy(3600).contains("such as 15m"));
}

#[test]
fn a_bad_argument_of_a_token_without_a_subject_is_that() {
    for claims in [r"{}", r#"{"sub":null}"#, r#"{"sub":"","name":"alice"}"#] {
        for session in [1, 3600] {
            let trouble = minded(claims, session, "InvalidArgument", "");
            assert_eq!(trouble, Trouble::NoSubject, "{claims}");
        }
    }
}

#[test]
fn other_refusals_show_code_and_message() {
    for (status, code, message, told) in [
        (400, "Else", "", "status 400 (Else)"),
        (405, "MethodNotAllowed", "", "status 405 (MethodNotAllowed)"),
        (
            503,
            "SlowDown",
            "be\npatient",
            "status 503 (SlowDown: be patient)",
        ),
    ] {
        assert_eq!(
            sentence(status, "application/xml", &refusal(code, message), NOW),
            format!("the storage https://rgw.test/ does not give credentials: {told}")
        );
    }
}

#[test]
fn a_403_of_sts_is_the_token_and_any_other_is_not() {
    assert!(matches!(
        judged(403, "application/xml", &refusal("AccessDenied", ""), NOW),
        Err(Trouble::TokenRefused { .. })
    ));
    assert!(matches!(
        judged(403, "text/html", "<html>Forbidden</html>", NOW),
        Err(Trouble::StsFailing { .. })
    ));
}

#[test]
fn nonsense_is_not_shown() {
    let cut = &GRANTED[..GRANTED.len() / 2];
    for (status, content_type, body, told) in [
        (
            200,
            "text/html; charset=utf-8",
            "<html>SECRET</html>",
            "status 200, text/html: the answer is none of STS",
        ),
        (
            200,
            "application/xml",
            cut,
            "status 200, application/xml: the answer is none of STS",
        ),
        (
            200,
            "",
            "",
            "status 200, without a type: the answer is none of STS",
        ),
        (
            301,
            "text/html",
            "SECRET",
            "status 301, text/html: it sends elsewhere, where no token goes",
        ),
        (
            503,
            "text/html",
            "SECRET",
            "status 503, text/html: that is no answer of STS",
        ),
        (
            404,
            "application/json",
            "{}",
            "status 404, application/json: that is no answer of STS",
        ),
    ] {
        assert_eq!(
            sentence(status, content_type, body, NOW),
            format!("the storage https://rgw.test/ does not give credentials: {told}")
        );
    }
}

#[test]
fn others_words_hold_no_token() {
    let quoting = refusal("Else", "eyJhbGciOiJub25lIn0.eyJleHAiOjE3OTgwNjgxOTB9.abc");
    let said = sentence(500, "application/xml", &quoting, NOW);
    assert!(said.ends_with("(Else: [redacted])"), "{said}");
}
