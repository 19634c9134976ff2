//! Everything that can be asked.

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use serve::view::{DecisionPage, PlanView, SeriesView, StatusView, TargetPage, TargetView};

use crate::{NGINX, host, request};

#[tokio::test]
async fn status_says_how_the_daemon_is() {
    let reply = host().get("/v1/status").await;
    assert_eq!(reply.status, StatusCode::OK);
    let json = reply.json();
    assert_eq!(json["started_at"], "2026-01-30T05:56:56.000Z");
    assert_eq!(json["mode"], "act");
    let status: StatusView = serde_json::from_value(json).unwrap();
    assert_eq!(status.targets, 7);
    assert_eq!(status.degraded.len(), 1);
}

#[tokio::test]
async fn targets_come_in_pages_and_can_be_filtered() {
    let host = host();
    let ids = async |path: &str| {
        let page: TargetPage = serde_json::from_value(host.get(path).await.json()).unwrap();
        let ids: Vec<String> = page.targets.into_iter().map(|target| target.id).collect();
        (ids, page.total, page.next)
    };
    let (all, total, next) = ids("/v1/targets").await;
    assert_eq!((all.len(), total, next), (7, 7, None));
    let (first, total, next) = ids("/v1/targets?limit=3").await;
    assert_eq!((first.as_slice(), total), (&all[..3], 7));
    let (second, ..) = ids(&format!("/v1/targets?limit=4&after={}", next.unwrap())).await;
    assert_eq!(second, all[3..]);
    assert_eq!(ids("/v1/targets?filter=CHECKOUT").await.0.len(), 2);
    assert_eq!(ids("/v1/targets?tier=best_effort").await.0, ["forerun:examples/batch"]);
    assert_eq!(ids("/v1/targets?kind=service").await.0.len(), 2);
    host.get("/v1/targets?limit=0").await.problem(422);
    host.get("/v1/targets?kind=pod").await.problem(400);
    host.get("/v1/targets?colour=blue").await.problem(400);
}

#[tokio::test]
async fn a_target_is_named_by_its_encoded_id() {
    let host = host();
    let target: TargetView = serde_json::from_value(host.get(NGINX).await.json()).unwrap();
    assert_eq!(target.id, "cgroup:/system.slice/nginx.service");
    assert_eq!(target.resources[0].unit, "cores");
    let forecast = host.get(&format!("{NGINX}/forecast")).await.json();
    assert_eq!(forecast["metrics"][0]["forecast"]["horizon_seconds"], 300.0);
    assert!(forecast["metrics"][0]["forecast"]["quantiles"]["p999"].as_f64().unwrap() > 0.0);
    assert!(host.get("/v1/targets/cgroup%3A%2Fno").await.problem(404).contains("cgroup:/no"));
    host.get("/v1/targets/%ff").await.problem(400);
}

#[tokio::test]
async fn an_absent_limit_is_a_word() {
    let json = host().get("/v1/targets/cgroup%3A%2Fuser.slice%2Fuser-1000.slice").await.json();
    assert_eq!(json["resources"][0]["limit"], "unlimited");
}

#[tokio::test]
async fn series_come_in_columns() {
    let host = host();
    let path = format!("{NGINX}/series?metric=mem&from=2026-01-31T07:00:00Z&to=2026-01-31T08:00:00Z&step_seconds=60");
    let series: SeriesView = serde_json::from_value(host.get(&path).await.json()).unwrap();
    assert_eq!((series.unit.as_str(), series.t.len()), ("bytes", 60));
    for column in [&series.in_use, &series.limit, &series.p50, &series.p90, &series.p99, &series.throttled_share] {
        assert_eq!(column.len(), series.t.len());
    }
    host.get(&format!("{NGINX}/series?from=2026-01-31T08:00:00Z&to=2026-01-31T07:00:00Z")).await.problem(422);
    host.get(&format!("{NGINX}/series?from=0&to=2026-01-31T07:00:00Z&step_seconds=1")).await.problem(422);
    host.get(&format!("{NGINX}/series?from=yesterday")).await.problem(400);
    host.get(&format!("{NGINX}/series?metric=colour")).await.problem(400);
}

#[tokio::test]
async fn decisions_have_reasons_and_come_newest_first() {
    let host = host();
    let page: DecisionPage = serde_json::from_value(host.get("/v1/decisions?limit=10").await.json()).unwrap();
    assert_eq!((page.decisions[0].ticket, page.next), (42, Some(33)));
    assert!(page.decisions[0].because.text.contains("in use now"));
    let rest: DecisionPage = serde_json::from_value(host.get("/v1/decisions?before=33").await.json()).unwrap();
    assert_eq!((rest.decisions[0].ticket, rest.next), (32, None));
    let of = host.get("/v1/decisions?target=docker:checkout-api-1&since=2026-01-31T07:30:00Z").await.json();
    assert!(of["decisions"].as_array().unwrap().iter().all(|decision| decision["target"] == "docker:checkout-api-1"));
    for path in ["/v1/decisions/T12", "/v1/decisions/12"] {
        assert_eq!(host.get(path).await.json()["ticket"], 12);
    }
    host.get("/v1/decisions/T999").await.problem(404);
    host.get("/v1/decisions/twelve").await.problem(400);
    let plan: PlanView = serde_json::from_value(host.get("/v1/plan").await.json()).unwrap();
    assert_eq!(plan.steps.len(), 2);
}

#[tokio::test]
async fn metrics_are_openmetrics_in_base_units() {
    let host = host();
    host.get("/v1/status").await;
    let reply = host.get("/metrics").await;
    let text = String::from_utf8(reply.body).unwrap();
    assert!(text.ends_with("# EOF\n"));
    for line in [
        "forerun_targets 7.0",
        "forerun_samples_total ",
        "forerun_mode{mode=\"act\"} 1.0",
        "forerun_http_requests_total{method=\"GET\",route=\"/v1/status\",status=\"200\"} 1",
        "forerun_target_cpu_cores{target=\"cgroup:/system.slice/nginx.service\",application=\"\"} ",
        "forerun_target_forecast_memory_bytes{target=\"docker:checkout-api-1\",application=\"checkout\",quantile=\"0.99\"} ",
        "forerun_target_limit_cpu_cores{target=\"docker:checkout-api-1\",application=\"checkout\"} ",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    assert!(text.lines().filter(|line| !line.starts_with('#')).all(|line| line.starts_with("forerun_")));
}

#[tokio::test]
async fn health_needs_no_token() {
    let host = host();
    for path in ["/healthz", "/readyz", "/"] {
        let reply = host.send(request(Method::GET, path, "").body(Body::empty()).unwrap()).await;
        assert_eq!(reply.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn answers_carry_security_headers() {
    let host = host();
    for path in ["/", "/v1/status", "/nowhere"] {
        let headers = host.get(path).await.headers;
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
    }
}

#[tokio::test]
async fn the_document_describes_every_route() {
    let reply = host().get("/openapi.json").await;
    let document = reply.json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut routes = String::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let mut statuses: Vec<&str> = operation["responses"].as_object().unwrap().keys().map(String::as_str).collect();
            statuses.sort_unstable();
            routes += &format!("{} {path} {}\n", method.to_uppercase(), statuses.join(" "));
        }
    }
    insta::assert_snapshot!(routes);
}

#[tokio::test]
async fn vocabularies_are_those_that_are_sent() {
    let schemas = &host().get("/openapi.json").await.json()["components"]["schemas"];
    assert_eq!(schemas["ModeName"]["enum"], serde_json::json!(["observe", "recommend", "act"]));
    assert_eq!(schemas["OutcomeState"]["enum"][3], "changed_elsewhere");
    assert_eq!(schemas["ResourceName"]["enum"].as_array().unwrap().len(), 9);
    assert_eq!(schemas["MemberName"]["enum"][0], "persistence");
}

#[tokio::test]
async fn references_in_the_document_resolve() {
    let document = host().get("/openapi.json").await.json();
    let text = document.to_string();
    let mut seen = 0;
    for part in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
        seen += 1;
    }
    assert!(seen > 40);
}
