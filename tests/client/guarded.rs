//! The layer: who passes, and what the others are answered.

use std::{convert::Infallible, sync::Arc};

use http::{HeaderMap, Request, Response, StatusCode};
use jeton::{
    bearer::Bearer,
    client::{Claims, Validator, layer::RequireToken, validator::Options},
};
use tonic::{Code, Status};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::{
    bearers::{Case, Table, cases},
    fake::{Fake, refusal, until},
};

/// Answers with the subject of the token that it was shown, or `nobody`.
async fn whose(request: Request<()>) -> Result<Response<String>, Infallible> {
    let claims = request.extensions().get::<Arc<Claims>>();
    Ok(Response::new(claims.map_or("nobody".to_owned(), |claims| claims.subject.clone())))
}

async fn answer(require: &RequireToken, request: Request<()>) -> Response<String> {
    require.layer(service_fn(whose)).oneshot(request).await.expect("infallible")
}

fn request(authorizations: &[&str], content_type: &str) -> Request<()> {
    let mut request = Request::builder().header("content-type", content_type);
    for authorization in authorizations {
        request = request.header("authorization", *authorization);
    }
    request.body(()).expect("a request")
}

fn challenge(headers: &HeaderMap) -> &str {
    headers.get("www-authenticate").map_or("", |value| value.to_str().expect("text"))
}

fn guard(fake: &Fake) -> RequireToken {
    RequireToken::new(Validator::start(fake.client(), Options::default()), "billing")
}

#[tokio::test(start_paused = true)]
async fn a_good_token_passes_with_its_claims_first_asked_about_and_then_known() {
    let fake = Fake::start();
    let validator = Validator::start(fake.client(), Options::default());
    let require = RequireToken::new(validator.clone(), "billing").scopes(["read"]);
    until("to follow", || validator.staleness().is_some()).await;
    for _ in 0..2 {
        for content_type in ["application/grpc", "application/json"] {
            let answer = answer(&require, request(&["Bearer jat_good"], content_type)).await;
            assert_eq!((answer.status(), answer.body().as_str()), (StatusCode::OK, "usr_1"));
        }
    }
    assert_eq!(fake.world().calls("Introspect"), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_pass_is_told_why_in_the_words_of_the_protocol() {
    let fake = Fake::start();
    let any = RequireToken::of_any_audience(Validator::start(fake.client(), Options::default()));
    let here = guard(&fake);
    let elsewhere = RequireToken::new(Validator::start(fake.client(), Options::default()), "a\"b");
    let writing = here.clone().scopes(["read", "write"]);
    let good = "Bearer jat_good";
    let table: [(&RequireToken, &[&str], Code, u16, &str); 7] = [
        (&any, &[], Code::Unauthenticated, 401, r#"Bearer realm="service""#),
        (&here, &["Basic YTpi"], Code::Unauthenticated, 401, r#"Bearer realm="billing""#),
        (
            &here,
            &[good, good],
            Code::Unauthenticated,
            400,
            r#"Bearer realm="billing", error="invalid_request""#,
        ),
        (
            &here,
            &["Bearer jat_bad"],
            Code::Unauthenticated,
            401,
            r#"Bearer realm="billing", error="invalid_token""#,
        ),
        (
            &here,
            &["Bearer jrt_good"],
            Code::Unauthenticated,
            401,
            r#"Bearer realm="billing", error="invalid_token""#,
        ),
        (
            &elsewhere,
            &[good],
            Code::Unauthenticated,
            401,
            r#"Bearer realm="a\"b", error="invalid_token""#,
        ),
        (
            &writing,
            &[good],
            Code::PermissionDenied,
            403,
            r#"Bearer realm="billing", error="insufficient_scope", scope="read write""#,
        ),
    ];
    // The first time each token is asked about, the second time it is known.
    for _ in 0..2 {
        for (require, authorizations, code, status, expected) in table {
            let http = answer(require, request(authorizations, "application/json")).await;
            assert_eq!(http.status(), status, "{authorizations:?}");
            assert_eq!(challenge(http.headers()), expected);
            assert!(http.body().is_empty());
            let grpc = answer(require, request(authorizations, "application/grpc+proto")).await;
            assert_eq!(grpc.status(), StatusCode::OK);
            let trailers = Status::from_header_map(grpc.headers()).expect("a status");
            assert_eq!(trailers.code(), code, "{authorizations:?}");
            assert_eq!(challenge(grpc.headers()), "");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_told_is_unavailable_and_never_a_bad_token() {
    let fake = Fake::start();
    let down = refusal(Code::Unauthenticated, "INVALID_CLIENT");
    fake.change(|world| world.fault = Some(down));
    let require = guard(&fake);
    let http = answer(&require, request(&["Bearer jat_good"], "text/plain")).await;
    assert_eq!(http.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(http.headers()["retry-after"], "1");
    let grpc = answer(&require, request(&["Bearer jat_good"], "application/grpc")).await;
    let trailers = Status::from_header_map(grpc.headers()).expect("a status");
    assert_eq!(trailers.code(), Code::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn the_layer_decides_every_case_as_the_table_does() {
    let fake = Fake::start();
    let validator = Validator::start(fake.client(), Options::default());
    until("to follow", || validator.staleness().is_some()).await;
    let table = Table { good: "jat_good".to_owned(), scope: "read" };
    for Case { requirement, authorizations } in cases("jat_good", "jat_bad") {
        let decided = table.decide(&requirement, &authorizations).await;
        let require = RequireToken::of(validator.clone(), requirement.clone());
        let shown: Vec<&str> = authorizations.iter().map(String::as_str).collect();
        let http = answer(&require, request(&shown, "application/json")).await;
        let grpc = answer(&require, request(&shown, "application/grpc")).await;
        let code = Status::from_header_map(grpc.headers()).map(|status| status.code());
        let case = format!("{requirement:?} {shown:?}");
        match decided {
            Ok(bearer) => {
                let whose = if bearer == Bearer::Nobody { "nobody" } else { "usr_1" };
                assert_eq!(
                    (http.status(), http.body().as_str()),
                    (StatusCode::OK, whose),
                    "{case}"
                );
                assert_eq!((code, grpc.body().as_str()), (None, whose), "{case}");
            }
            Err(denial) => {
                assert_eq!(http.status(), denial.http(), "{case}");
                let expected = requirement.challenge(denial).unwrap_or_default();
                assert_eq!(challenge(http.headers()), expected, "{case}");
                assert_eq!(code, Some(denial.code()), "{case}");
            }
        }
    }
}
