//! The provider's bad days, on a double on loopback: what a real one cannot be made to do. It answers to any path with
//! the answers that it is given, the last one again and again, and keeps what it was asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::*;

/// `Hang` waits for longer than the deadline.
#[derive(Clone)]
enum Reply {
    Json(u16, &'static str),
    Html(u16),
    Elsewhere(&'static str),
    Long,
    Hang,
}

mod service;

use Reply::{Elsewhere, Hang, Html, Json, Long};

const PENDING: Reply = Json(400, r#"{"error":"authorization_pending"}"#);
const SLOW_DOWN: Reply = Json(400, r#"{"error":"slow_down"}"#);
const TOKENS: Reply = Json(
    200,
    r#"{"access_token":"a","refresh_token":"r","token_type":"Bearer","expires_in":3600}"#,
);

struct Double {
    provider: Provider,
    asked: Arc<Mutex<Vec<String>>>,
}

type Script = (Arc<Mutex<Vec<Reply>>>, Arc<Mutex<Vec<String>>>);

async fn answer(
    State((replies, asked)): State<Script>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let header = headers.get("Authorization");
    let header = header.map_or("", |value| value.to_str().unwrap());
    asked.lock().unwrap().push(format!("{header} {body}"));
    let reply = {
        let mut replies = replies.lock().unwrap();
        if replies.len() > 1 {
            replies.remove(0)
        } else {
            replies[0].clone()
        }
    };
    let status = |code| StatusCode::from_u16(code).unwrap();
    match reply {
        Json(code, text) => (status(code), text).into_response(),
        Html(code) => (status(code), "<html>Bad day</html>").into_response(),
        Elsewhere(place) => (status(307), [("Location", place)]).into_response(),
        Long => " ".repeat(1024 * 1024 + 1).into_response(),
        Hang => {
            tokio::time::sleep(Duration::from_mins(1)).await;
            ().into_response()
        }
    }
}

impl Double {
    async fn with(replies: &[Reply]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::default();
        let script: Script = (Arc::new(Mutex::new(replies.to_vec())), Arc::clone(&asked));
        let router = Router::new().fallback(answer).with_state(script);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let provider = Provider {
            endpoints: endpoints(&issuer),
            http: http(&issuer),
        };
        Self { provider, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn http(issuer: &str) -> Http {
    let deadlines = Deadlines {
        connect: Duration::from_millis(200),
        request: Duration::from_millis(500),
        slow_down: Duration::from_millis(300),
        last_poll: Duration::from_millis(30),
    };
    Http::new(issuer, Trust::default().client(), deadlines).unwrap()
}

fn endpoints(issuer: &str) -> Endpoints {
    let at = |path: &str| Url::parse(&format!("{issuer}{path}")).unwrap();
    Endpoints {
        date: None,
        token: at("/token"),
        registration: Some(at("/register")),
        device: Some(at("/device")),
        introspection: Some(at("/introspect")),
        authentication: (
            http::Authentication::Basic,
            Some(http::Authentication::Post),
        ),
    }
}

fn client() -> Client {
    Client {
        id: "our id".to_owned(),
        secret: Some("s:/+".into()),
    }
}

/// Polls each 20 ms a code that is good for this long; gives the end, and after how long.
async fn login(double: &Double, life: Duration) -> (Result<Tokens, Trouble>, Duration) {
    let begun = std::time::Instant::now();
    let login = DeviceLogin::for_tests(Duration::from_millis(20), life);
    let end = double.provider.await_login(&client(), &login, |_| ()).await;
    (end, begun.elapsed())
}

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn polling_outlives_a_provider_that_is_out_of_order_for_a_while() {
    let double = Double::with(&[PENDING, Html(503), Hang, Json(429, "{}"), PENDING, TOKENS]).await;
    let (end, _) = login(&double, LONG).await;
    assert_eq!(end.unwrap().refresh_token.unwrap().expose_secret(), "r");
    assert_eq!(double.asked().len(), 6);
}

/// What is told while a code of this life is polled each 20 ms.
async fn told(double: &Double, life: Duration) -> (Result<Tokens, Trouble>, Vec<String>) {
    let mut told = Vec::new();
    let login = DeviceLogin::for_tests(Duration::from_millis(20), life);
    let tell = |trouble: &Trouble| told.push(trouble.to_string());
    let end = double.provider.await_login(&client(), &login, tell).await;
    (end, told)
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_told_of_once() {
    let double = Double::with(&[PENDING, Html(503), PENDING, Hang, Html(503), TOKENS]).await;
    let (end, told) = told(&double, LONG).await;
    end.unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].ends_with("status 503 at /token"), "{told:?}");
}

#[tokio::test]
async fn a_provider_that_answers_is_not_told_of() {
    let double = Double::with(&[PENDING, SLOW_DOWN, PENDING, TOKENS]).await;
    let (end, told) = told(&double, LONG).await;
    end.unwrap();
    assert_eq!(told, [""; 0]);
}

#[tokio::test]
async fn an_approval_in_the_last_moment_is_found_also_where_polls_have_become_rare() {
    // Polls after 20, 60, 140, 300 and 620 ms; the next would be at 1260 ms.
    let mut replies = vec![Html(503); 5];
    replies.push(TOKENS);
    let double = Double::with(&replies).await;
    let life = Duration::from_millis(1100);
    let begun = std::time::Instant::now();
    let (end, _) = told(&double, life).await;
    end.unwrap();
    assert!(begun.elapsed() < life, "{:?}", begun.elapsed());
    assert_eq!(double.asked().len(), 6);
}

#[tokio::test]
async fn polls_keep_their_interval_up_to_the_last_one() {
    let double = Double::with(&[PENDING]).await;
    let (end, _) = told(&double, Duration::from_millis(130)).await;
    assert_eq!(end.unwrap_err(), Trouble::CodeExpired);
    // After 20, 40, 60 and, in the place of 80, at 100 ms: as many as fit.
    let polls = double.asked().len();
    assert!((3..=5).contains(&polls), "{polls}");
}

#[tokio::test]
async fn polling_slows_down_for_good_when_it_is_told_to() {
    let double = Double::with(&[SLOW_DOWN, PENDING, TOKENS]).await;
    let (end, after) = login(&double, LONG).await;
    end.unwrap();
    assert!(after >= Duration::from_millis(20 + 320 + 320), "{after:?}");
}

#[tokio::test]
async fn what_ends_polling_at_once_is_told_as_that() {
    for (reply, trouble) in [
        (Json(400, r#"{"error":"access_denied"}"#), Trouble::Declined),
        (
            Json(400, r#"{"error":"expired_token"}"#),
            Trouble::CodeExpired,
        ),
        (
            Json(
                400,
                r#"{"error":"invalid_request","error_description":"Device code has expired: the-code"}"#,
            ),
            Trouble::CodeExpired,
        ),
        (
            Json(
                400,
                r#"{"error":"invalid_grant","error_description":"Invalid device code: the-code"}"#,
            ),
            Trouble::CodeExpired,
        ),
        (
            Json(
                400,
                r#"{"error":"invalid_request","error_description":"no good: the-code, s:/+"}"#,
            ),
            Trouble::ProviderFailing {
                issuer: String::new(),
                detail: "invalid_request: no good: [redacted], [redacted]".to_owned(),
            },
        ),
        (
            Json(200, r#"{"access_token":5}"#),
            Trouble::ProviderFailing {
                issuer: String::new(),
                detail: "its answer at /token is not what the protocol has".to_owned(),
            },
        ),
    ] {
        let double = Double::with(&[PENDING, reply]).await;
        let mut end = login(&double, LONG).await.0.unwrap_err();
        if let Trouble::ProviderFailing { issuer, .. } = &mut end {
            issuer.clear();
        }
        assert_eq!(end, trouble);
        assert_eq!(double.asked().len(), 2);
    }
}

#[tokio::test]
async fn polling_ends_with_the_life_of_the_code() {
    let life = Duration::from_millis(150);
    let double = Double::with(&[PENDING]).await;
    let (end, after) = login(&double, life).await;
    assert_eq!(end.unwrap_err(), Trouble::CodeExpired);
    assert!(after >= life && after < Duration::from_secs(5), "{after:?}");

    let double = Double::with(&[PENDING, Html(503)]).await;
    let trouble = login(&double, life).await.0.unwrap_err();
    assert!(
        trouble.to_string().ends_with("status 503 at /token"),
        "{trouble}"
    );
}

#[tokio::test]
async fn each_request_has_a_deadline_and_each_answer_a_bound() {
    let token = SecretString::from("the-token");
    for (reply, said) in [
        (Hang, "cannot be reached: no answer within 0.5 s"),
        (Html(503), "status 503 at /token"),
        (Html(404), "status 404 at /token"),
        (Html(200), "not what the protocol has"),
        (Long, "longer than 1 MiB"),
        (
            Elsewhere("http://127.0.0.2:9/token"),
            "sends us elsewhere, to http://127.0.0.2:9/token",
        ),
    ] {
        let double = Double::with(&[reply]).await;
        let trouble = double
            .provider
            .refresh(&client(), &token)
            .await
            .unwrap_err();
        assert!(trouble.to_string().contains(said), "{trouble}");
        assert!(!trouble.needs_a_person());
    }
    let closed = http("http://127.0.0.1:9");
    let url = Url::parse("http://127.0.0.1:9/").unwrap();
    let trouble = closed.get(&url).await.unwrap_err();
    assert!(
        trouble
            .to_string()
            .ends_with("cannot be reached: connection refused"),
        "{trouble}"
    );
}

#[tokio::test]
async fn a_client_says_who_it_is_in_the_way_that_is_taken() {
    let token = SecretString::from("t");
    let unknown = Json(401, r#"{"error":"invalid_client"}"#);
    let double = Double::with(&[unknown, TOKENS]).await;
    double.provider.refresh(&client(), &token).await.unwrap();
    let form = "grant_type=refresh_token&refresh_token=t";
    assert_eq!(
        double.asked(),
        [
            // our+id:s%3A%2F%2B
            format!("Basic b3VyK2lkOnMlM0ElMkYlMkI= {form}"),
            format!(" {form}&client_id=our+id&client_secret=s%3A%2F%2B"),
        ]
    );

    let public = Client {
        secret: None,
        ..client()
    };
    let double = Double::with(&[TOKENS]).await;
    double.provider.refresh(&public, &token).await.unwrap();
    assert_eq!(double.asked(), [format!(" {form}&client_id=our+id")]);
}

#[tokio::test]
async fn a_strict_provider_is_asked_for_a_native_client() {
    let double = Double::with(&[
        Json(400, r#"{"error":"invalid_redirect_uri"}"#),
        Json(
            201,
            r#"{"client_id":"x","client_secret":"y","token_endpoint_auth_method":"none"}"#,
        ),
    ])
    .await;
    let client = double.provider.register("a name", "openid").await.unwrap();
    assert!(client.id == "x" && client.secret.is_none());
    let asked = double.asked();
    assert!(asked[0].contains(r#""application_type":"web""#) && asked[0].contains("edu.kit.data"));
    assert!(asked[1].contains(r#""application_type":"native""#) && !asked[1].contains("redirect"));

    let double = Double::with(&[Json(403, r#"{"error":"access_denied"}"#)]).await;
    let trouble = double
        .provider
        .register("a name", "openid")
        .await
        .unwrap_err();
    assert!(
        matches!(&trouble, Trouble::NotRegistered { detail } if detail.contains("403") && detail.contains("access_denied")),
        "{trouble}"
    );
}

#[tokio::test]
async fn where_there_is_no_device_flow_nothing_is_registered() {
    let mut double = Double::with(&[Json(201, r#"{"client_id":"x"}"#)]).await;
    double.provider.endpoints.device = None;
    let trouble = double.provider.register("a name", "openid").await;
    let trouble = trouble.unwrap_err().to_string();
    assert!(trouble.ends_with("set OIDC_DEVICE_ENDPOINT"), "{trouble}");
    assert!(double.asked().is_empty());
}

#[tokio::test]
async fn a_device_answer_may_leave_things_out_but_not_its_tls() {
    let double = Double::with(&[Json(
        200,
        r#"{"device_code":"c","user_code":"AB-12","verification_uri":"https://iam.test/device","expires_in":600}"#,
    )])
    .await;
    let login = double
        .provider
        .begin_login(&client(), "openid")
        .await
        .unwrap();
    assert_eq!(login.user_code, "AB-12");
    assert_eq!(login.expires_in, Duration::from_mins(10));
    assert_eq!(login.verification_uri_complete, None);
    assert_eq!(login.interval, Duration::from_secs(5));
    assert!(double.asked()[0].ends_with(" client_id=our+id&scope=openid"));

    let double = Double::with(&[Json(
        200,
        r#"{"device_code":"c","user_code":"AB-12","verification_uri":"http://iam.test/device","expires_in":600}"#,
    )])
    .await;
    assert!(
        double
            .provider
            .begin_login(&client(), "openid")
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_provider_may_tell_nothing_of_a_token() {
    let token = SecretString::from("t");
    let told = |reply: Reply| {
        let token = token.clone();
        async move {
            let double = Double::with(&[reply]).await;
            double.provider.introspect(&client(), &token).await
        }
    };
    assert_eq!(told(Html(404)).await, Ok(None));
    assert_eq!(
        told(Json(403, r#"{"error":"access_denied"}"#)).await,
        Ok(None)
    );
    let exp = Timestamp::from_second(1_798_068_190).ok();
    assert_eq!(
        told(Json(200, r#"{"active":true,"exp":1798068190}"#)).await,
        Ok(Some(Introspection { active: true, exp }))
    );
    assert_eq!(
        told(Json(200, r#"{"active":true,"exp":0}"#)).await,
        Ok(Some(Introspection {
            active: true,
            exp: None
        }))
    );
    assert!(matches!(
        told(Json(401, r#"{"error":"invalid_client"}"#)).await,
        Err(Trouble::ClientRefused { .. })
    ));
    assert!(told(Html(503)).await.is_err());
}

#[tokio::test]
async fn a_discovery_document_is_looked_for_twice_and_followed_on_its_host_only() {
    let double = Double::with(&[
        Html(404),
        Json(
            200,
            r#"{"issuer":"https://other.test/","token_endpoint":"https://other.test/t"}"#,
        ),
    ])
    .await;
    let http = &double.provider.http;
    let trouble = discovery::read(http, None, "http").await.unwrap_err();
    assert!(matches!(trouble, Trouble::WrongIssuer { .. }), "{trouble}");
    assert_eq!(double.asked().len(), 2);

    let double = Double::with(&[Elsewhere("/other/place"), Elsewhere("http://127.0.0.2:9/")]).await;
    let http = &double.provider.http;
    let trouble = discovery::read(http, None, "http").await.unwrap_err();
    assert!(
        trouble.to_string().ends_with("to http://127.0.0.2:9/"),
        "{trouble}"
    );
    assert_eq!(double.asked().len(), 2);
}
