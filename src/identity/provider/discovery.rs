//! Where the provider's endpoints are: its discovery document, checked.
//!
//! OpenID Connect Discovery 1.0, section 4; RFC 8414, section 3, for a provider that has only that.

use jiff::Timestamp;
use reqwest::StatusCode;
use serde::Deserialize;
use url::Url;

use super::super::refusal::words;
use super::http::{Authentication, Http};
use crate::trouble::Trouble;

/// The endpoints that we use, and how clients with a secret are known there: at first, and else.
#[derive(Debug)]
pub(super) struct Endpoints {
    pub token: Url,
    pub registration: Option<Url>,
    pub device: Option<Url>,
    pub introspection: Option<Url>,
    pub authentication: (Authentication, Option<Authentication>),
    /// What time it was there when it was asked.
    pub date: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    token_endpoint: Url,
    registration_endpoint: Option<Url>,
    device_authorization_endpoint: Option<Url>,
    introspection_endpoint: Option<Url>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// Asks the issuer; `scheme` is `https` but in tests.
pub(super) async fn read(
    http: &Http,
    device_endpoint: Option<&Url>,
    scheme: &str,
) -> Result<Endpoints, Trouble> {
    let issuer = http.issuer();
    let [first, second] =
        places(issuer).ok_or_else(|| http.failing("OIDC_ISSUER is no address"))?;
    let mut answer = http.get(&first).await?;
    if answer.status == StatusCode::NOT_FOUND {
        answer = http.get(&second).await?;
    }
    if answer.status == StatusCode::NOT_FOUND {
        return Err(http.failing(&format!(
            "there is no discovery document (status 404 at {})",
            first.path()
        )));
    }
    Ok(Endpoints {
        date: answer.date,
        ..endpoints(http, http.good(&answer)?, device_endpoint, scheme)?
    })
}

/// Where the document may be. Discovery 1.0 writes its place after the issuer, RFC 8414 between host and path.
fn places(issuer: &str) -> Option<[Url; 2]> {
    let base = issuer.trim_end_matches('/');
    let first = Url::parse(&format!("{base}/.well-known/openid-configuration")).ok()?;
    let mut second = Url::parse(base).ok()?;
    let path = second.path().trim_end_matches('/').to_owned();
    second.set_path(&format!("/.well-known/oauth-authorization-server{path}"));
    Some([first, second])
}

fn endpoints(
    http: &Http,
    document: Document,
    device_endpoint: Option<&Url>,
    scheme: &str,
) -> Result<Endpoints, Trouble> {
    if document.issuer != http.issuer() {
        return Err(Trouble::WrongIssuer {
            named: words("", &document.issuer),
            wanted: http.issuer().to_owned(),
        });
    }
    let methods = document.token_endpoint_auth_methods_supported.as_deref();
    let endpoints = Endpoints {
        token: document.token_endpoint,
        registration: document.registration_endpoint,
        device: device_endpoint
            .cloned()
            .or(document.device_authorization_endpoint),
        introspection: document.introspection_endpoint,
        authentication: authentication(methods),
        date: None,
    };
    let without_tls = [
        &endpoints.registration,
        &endpoints.device,
        &endpoints.introspection,
    ]
    .into_iter()
    .flatten()
    .chain([&endpoints.token])
    .find(|url| url.scheme() != scheme);
    match without_tls {
        Some(url) => Err(http.failing(&format!(
            "its discovery document names an address without TLS, {url}"
        ))),
        None => Ok(endpoints),
    }
}

/// RFC 8414, section 2: who names no methods takes `client_secret_basic`.
fn authentication(methods: Option<&[String]>) -> (Authentication, Option<Authentication>) {
    let takes = |name: &str| methods.is_some_and(|all| all.iter().any(|method| method == name));
    match (takes("client_secret_basic"), takes("client_secret_post")) {
        (true, true) => (Authentication::Basic, Some(Authentication::Post)),
        (false, true) => (Authentication::Post, None),
        (_, false) => (Authentication::Basic, None),
    }
}

#[cfg(test)]
mod tests {
    use super::super::http::Deadlines;
    use super::*;
    use crate::trust::Trust;

    fn checked(issuer: &str, change: &[(&str, &str)]) -> Result<Endpoints, Trouble> {
        let mut document = serde_json::json!({
            "issuer": "https://iam.test/",
            "token_endpoint": "https://iam.test/token",
            "device_authorization_endpoint": "https://iam.test/devicecode",
        });
        for (name, value) in change {
            document[name] = (*value).into();
        }
        let http = Http::new(issuer, Trust::default().client(), Deadlines::DEFAULT).unwrap();
        endpoints(
            &http,
            serde_json::from_value(document).unwrap(),
            None,
            "https",
        )
    }

    #[test]
    fn the_document_is_looked_for_where_either_standard_puts_it() {
        let text = |issuer| places(issuer).map(|all| all.map(String::from));
        let of_host = [
            "https://iam.test/.well-known/openid-configuration".to_owned(),
            "https://iam.test/.well-known/oauth-authorization-server".to_owned(),
        ];
        assert_eq!(text("https://iam.test/").as_ref(), Some(&of_host));
        assert_eq!(text("https://iam.test").as_ref(), Some(&of_host));
        let of_path = [
            "https://iam.test/auth/realms/x/.well-known/openid-configuration".to_owned(),
            "https://iam.test/.well-known/oauth-authorization-server/auth/realms/x".to_owned(),
        ];
        assert_eq!(text("https://iam.test/auth/realms/x").unwrap(), of_path);
    }

    #[test]
    fn another_name_is_refused_and_a_slash_named_as_that() {
        assert!(checked("https://iam.test/", &[]).is_ok());
        for (wanted, named, said) in [
            (
                "https://iam.test",
                "https://iam.test/",
                "the slash at its end is missing, set https://iam.test/",
            ),
            (
                "https://iam.test/",
                "https://iam.test",
                "it has a slash too many at its end, set https://iam.test",
            ),
            (
                "https://iam.test/",
                "https://other.test/",
                "that is https://other.test/, and https://iam.test/ is set",
            ),
        ] {
            let trouble = checked(wanted, &[("issuer", named)]).unwrap_err();
            assert!(trouble.to_string().ends_with(said), "{trouble}");
        }
    }

    #[test]
    fn no_endpoint_is_without_tls() {
        for name in [
            "token_endpoint",
            "registration_endpoint",
            "device_authorization_endpoint",
            "introspection_endpoint",
        ] {
            let trouble = checked("https://iam.test/", &[(name, "http://iam.test/x")]).unwrap_err();
            assert!(
                trouble
                    .to_string()
                    .contains("without TLS, http://iam.test/x"),
                "{trouble}"
            );
        }
    }

    #[test]
    fn a_client_is_known_as_the_document_says() {
        let methods = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            authentication(Some(&names))
        };
        let (basic, post) = (Authentication::Basic, Authentication::Post);
        assert_eq!(authentication(None), (basic, None));
        assert_eq!(methods(&["client_secret_post"]), (post, None));
        assert_eq!(methods(&["private_key_jwt"]), (basic, None));
        assert_eq!(
            methods(&["client_secret_post", "client_secret_basic"]),
            (basic, Some(post))
        );
    }
}
