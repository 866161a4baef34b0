use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn credentials() -> Credentials {
    Credentials {
        access_key_id: "KEY".to_owned(),
        secret_access_key: "SECRET".to_owned(),
        session_token: "SESSION".to_owned(),
        expiration: "2026-11-23T23:54:26Z".parse().unwrap(),
    }
}

/// What an SDK does with the variables: the status and the JSON.
async fn ask(endpoint: &LoopbackEndpoint, token: Option<&str>) -> (u16, serde_json::Value) {
    let [(_, url), _] = endpoint.variables().try_into().unwrap();
    let mut request = client().get(url);
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, token);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn client() -> reqwest::Client {
    crate::trust::Trust::default()
        .client()
        .no_proxy()
        .timeout(Duration::from_secs(5))
        .build()
        .unwrap()
}

fn token(endpoint: &LoopbackEndpoint) -> String {
    endpoint.token.expose_secret().to_owned()
}

#[tokio::test]
async fn who_has_the_token_gets_the_credentials() {
    let endpoint = LoopbackEndpoint::start(|| async { Ok(credentials()) })
        .await
        .unwrap();
    let (status, json) = ask(&endpoint, Some(&token(&endpoint))).await;
    assert_eq!(status, 200);
    assert_eq!(
        json,
        json!({
            "AccessKeyId": "KEY", "SecretAccessKey": "SECRET", "Token": "SESSION",
            "Expiration": "2026-11-23T23:54:26Z",
        })
    );
}

#[tokio::test]
async fn nobody_else_gets_them_or_makes_the_source_work() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let endpoint = LoopbackEndpoint::start(move || {
        counter.fetch_add(1, Ordering::SeqCst);
        async { Ok(credentials()) }
    })
    .await
    .unwrap();
    let good = token(&endpoint);
    for wrong in [
        None,
        Some(""),
        Some("else"),
        Some(&good[1..]),
        Some(&*format!("{good}x")),
        Some(&*format!("Bearer {good}")),
        Some(&*good.to_ascii_lowercase()),
    ] {
        let (status, json) = ask(&endpoint, wrong).await;
        assert_eq!(status, 401, "{wrong:?}");
        assert!(json.get("SecretAccessKey").is_none(), "{json}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_trouble_is_told_in_the_form_that_sdks_show() {
    let endpoint = LoopbackEndpoint::start(|| async { Err(Trouble::NoLogin) })
        .await
        .unwrap();
    let (status, json) = ask(&endpoint, Some(&token(&endpoint))).await;
    assert_eq!(status, UNAVAILABLE.as_u16());
    assert_eq!(
        json,
        json!({"code": "NoCredentials", "message": Trouble::NoLogin.to_string()})
    );
}

#[tokio::test]
async fn nothing_is_answered_with_404() {
    let endpoint = LoopbackEndpoint::start(|| async { Ok(credentials()) })
        .await
        .unwrap();
    for path in ["", "/", "/credentials/", "/latest/meta-data/", "/%00"] {
        let url = endpoint.url.replace(PATH, path);
        let answer = client()
            .get(&url)
            .header(AUTHORIZATION, token(&endpoint))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), UNAVAILABLE.as_u16(), "{path}");
    }
}

#[tokio::test]
async fn dropped_it_answers_nobody_any_more() {
    let endpoint = LoopbackEndpoint::start(|| async { Ok(credentials()) })
        .await
        .unwrap();
    let [(_, url), (_, token)]: [(String, String); 2] = endpoint.variables().try_into().unwrap();
    // One client, so that a connection is kept: it must not outlive the endpoint either.
    let client = client();
    let request = || client.get(&url).header(AUTHORIZATION, &token).send();
    assert_eq!(request().await.unwrap().status(), 200);
    drop(endpoint);
    let ended = async {
        while request().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), ended)
        .await
        .expect("it still answers");
}

#[tokio::test]
async fn a_source_that_hangs_is_not_waited_for_for_ever() {
    let shared = Arc::new(Shared {
        source: || std::future::pending::<Result<Credentials, Trouble>>(),
        token: "token".to_owned().into(),
        patience: Duration::from_millis(20),
    });
    let headers = HeaderMap::from_iter([(AUTHORIZATION, "token".parse().unwrap())]);
    let response = answer(State(shared), headers).await;
    assert_eq!(response.status(), UNAVAILABLE);
}

#[test]
fn tokens_are_random_and_fit_a_header() {
    let [one, other] = [random_token().unwrap(), random_token().unwrap()];
    assert_eq!(one.expose_secret().len(), 43);
    assert_ne!(one.expose_secret(), other.expose_secret());
}

#[tokio::test]
async fn debug_shows_no_token() {
    let endpoint = LoopbackEndpoint::start(|| async { Ok(credentials()) })
        .await
        .unwrap();
    assert!(!format!("{endpoint:?}").contains(&token(&endpoint)));
}
