//! The dashboard's files, built into the program by the build script; the page itself needs no token, its data does.

use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use crate::{ApiError, ErrorKind};

/// One file of the dashboard.
struct Asset {
    /// Its path, without the leading slash.
    path: &'static str,
    /// Its content.
    bytes: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The file of that path, the page for `/`, and a problem for everything else.
pub(crate) async fn serve(method: Method, uri: Uri) -> Response {
    let path = match uri.path().trim_start_matches('/') {
        "" => "index.html",
        path => path,
    };
    let Some(asset) = ASSETS.iter().find(|asset| asset.path == path) else {
        return ApiError::not_found("path", uri.path()).into_response();
    };
    if method != Method::GET && method != Method::HEAD {
        return ApiError::new(
            ErrorKind::MethodNotAllowed,
            format!("{method} is not allowed on {}", uri.path()),
            "use GET; see GET /openapi.json for what can be changed",
        )
        .into_response();
    }
    let mut response = (StatusCode::OK, asset.bytes).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(asset.path)));
    // Vite names what it builds after its content; the page itself is asked for anew each time.
    let cache = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        _ => "application/octet-stream",
    }
}
