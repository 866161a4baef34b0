//! Tokens for the client itself (RFC 6749, section 4.4).

use super::Reply::{Html, Json};
use super::{Double, client};
use crate::trouble::Trouble;
use secrecy::ExposeSecret;

const TOKEN: super::Reply = Json(200, r#"{"access_token":"a","token_type":"Bearer"}"#);
const UNKNOWN: super::Reply = Json(401, r#"{"error":"invalid_client"}"#);

#[tokio::test]
async fn a_client_gets_a_token_by_the_way_that_the_provider_takes() {
    let double = Double::with(&[UNKNOWN, TOKEN]).await;
    let token = double
        .provider
        .client_credentials(&client(), "openid", "object")
        .await
        .unwrap();
    assert_eq!(token.expose_secret(), "a");
    // First client_secret_basic, whose words are encoded before Basic encodes them; then client_secret_post.
    let form = "grant_type=client_credentials&scope=openid&audience=object";
    assert_eq!(
        double.asked(),
        [
            format!("Basic b3VyK2lkOnMlM0ElMkYlMkI= {form}"),
            format!(" {form}&client_id=our+id&client_secret=s%3A%2F%2B"),
        ]
    );
}

#[tokio::test]
async fn what_is_empty_is_not_asked_for() {
    let double = Double::with(&[TOKEN]).await;
    let asked = double.provider.client_credentials(&client(), "", "").await;
    assert!(asked.is_ok());
    assert!(double.asked()[0].ends_with(" grant_type=client_credentials"));
}

#[tokio::test]
async fn each_refusal_is_one_of_the_client_and_an_outage_is_none() {
    for (reply, refused) in [
        (UNKNOWN, "invalid_client"),
        (
            Json(400, r#"{"error":"unauthorized_client"}"#),
            "unauthorized_client",
        ),
        (
            Json(400, r#"{"error":"unsupported_grant_type"}"#),
            "unsupported_grant_type",
        ),
        (
            Json(400, r#"{"error":"invalid_scope"}"#),
            "invalid_scope (see OIDC_SCOPE)",
        ),
        (
            Json(
                400,
                r#"{"error":"invalid_grant","error_description":"s:/+ is no good"}"#,
            ),
            "invalid_grant: [redacted] is no good",
        ),
    ] {
        let double = Double::with(&[reply]).await;
        let trouble = double
            .provider
            .client_credentials(&client(), "", "")
            .await
            .unwrap_err();
        assert!(
            matches!(&trouble, Trouble::ServiceRefused { detail } if detail == refused),
            "{trouble:?}"
        );
    }
    for reply in [Html(503), Html(403), Json(200, r#"{"error":"none"}"#)] {
        let double = Double::with(&[reply]).await;
        let trouble = double
            .provider
            .client_credentials(&client(), "", "")
            .await
            .unwrap_err();
        assert!(
            matches!(trouble, Trouble::ProviderFailing { .. }),
            "{trouble:?}"
        );
    }
}
