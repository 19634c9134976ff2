//! Puts the dashboard into the program: what `npm run build` made, or, where it cannot be built, a plain page that says
//! how. Never fails the crate.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;
use std::{env, fs, io};

/// What the dashboard is built from, relative to `web/`.
const SOURCES: [&str; 6] = ["src", "public", "index.html", "package.json", "package-lock.json", "vite.config.ts"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=FORERUN_WEB");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let web = root.join("web");
    for source in SOURCES.iter().filter(|source| web.join(source).exists()) {
        println!("cargo::rerun-if-changed=web/{source}");
    }
    // A path that is missing would make cargo run this script at every build: watch the folder, made if need be.
    let dist = web.join("dist");
    if fs::create_dir_all(&dist).is_ok() {
        println!("cargo::rerun-if-changed=web/dist");
    }
    let built = out.join("web");
    let page = dashboard(&web, &dist, &built).unwrap_or_else(|why| {
        println!("cargo::warning=the dashboard is left out: {why}; `cargo xtask web` builds it");
        plain_page(&out, &why).expect("OUT_DIR can be written")
    });
    fs::write(out.join("assets.rs"), table(&page)).expect("OUT_DIR can be written");
}

/// The folder that holds the built dashboard, or why there is none.
fn dashboard(web: &Path, dist: &Path, built: &Path) -> Result<PathBuf, String> {
    if env::var("FORERUN_WEB").is_ok_and(|wish| wish == "skip") {
        return Err("FORERUN_WEB=skip was set".into());
    }
    let sources = SOURCES.iter().filter_map(|source| newest(&web.join(source))).max();
    if fresh(&dist.join("index.html"), sources) {
        return Ok(dist.to_owned());
    }
    if fresh(&built.join("index.html"), sources) {
        return Ok(built.to_owned());
    }
    if !fresh(&web.join("node_modules/.package-lock.json"), newest(&web.join("package-lock.json"))) {
        npm(web, &["ci", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=1", "--fetch-timeout=20000"])?;
    }
    let target = built.to_str().ok_or("OUT_DIR is not UTF-8")?;
    npm(web, &["run", "build", "--", "--outDir", target, "--emptyOutDir"])?;
    Ok(built.to_owned())
}

/// Whether `made` is there and no older than its `sources`.
fn fresh(made: &Path, sources: Option<SystemTime>) -> bool {
    let made = fs::metadata(made).and_then(|made| made.modified());
    matches!((made, sources), (Ok(made), Some(sources)) if made >= sources)
}

/// The newest time at which a file in or at `path` was changed.
fn newest(path: &Path) -> Option<SystemTime> {
    if path.is_dir() {
        let entries = fs::read_dir(path).ok()?;
        return entries.flatten().filter_map(|entry| newest(&entry.path())).max();
    }
    fs::metadata(path).and_then(|file| file.modified()).ok()
}

fn npm(web: &Path, arguments: &[&str]) -> Result<(), String> {
    let run = Command::new("npm").args(arguments).current_dir(web).stdin(Stdio::null()).output();
    let done = run.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "npm is not installed".to_owned(),
        _ => format!("failed to run npm: {error}"),
    })?;
    if done.status.success() {
        return Ok(());
    }
    // npm says what is wrong first and where its log is last; the compiler writes to standard output.
    let (errors, output) = (String::from_utf8_lossy(&done.stderr), String::from_utf8_lossy(&done.stdout));
    let first = errors.lines().find_map(|line| line.strip_prefix("npm error "));
    let compiler = output.lines().find(|line| line.contains("error"));
    Err(format!("`npm {}` failed: {}", arguments[0], compiler.or(first).unwrap_or("no message")))
}

/// A page without scripts that says what to do.
fn plain_page(out: &Path, why: &str) -> io::Result<PathBuf> {
    let folder = out.join("plain");
    fs::create_dir_all(&folder)?;
    let why = why.replace('&', "&amp;").replace('<', "&lt;");
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>forerun</title>\n<h1>forerun runs, without its \
         dashboard</h1>\n<p>This program was built without the dashboard: {why}.</p>\n<p>To have it, install Node.js 20.19 \
         or newer with npm, run <code>cargo xtask web</code> in the source tree, and build forerun again.</p>\n<p>The API \
         is there all the same: <a href=\"/healthz\">/healthz</a>, and with a token <code>/openapi.json</code>, \
         <code>/v1/status</code> and <code>/metrics</code>. On the command line: <code>forerun status</code>.</p>\n</html>\n"
    );
    fs::write(folder.join("index.html"), page)?;
    Ok(folder)
}

/// Rust source of a table of all files under `folder`, in the order of their paths.
fn table(folder: &Path) -> String {
    let mut files = Vec::new();
    collect(folder, folder, &mut files);
    files.sort();
    let mut text = String::from("/// Every file of the dashboard.\nstatic ASSETS: &[Asset] = &[\n");
    for (name, path) in files {
        writeln!(text, "    Asset {{ path: {name:?}, bytes: include_bytes!({path:?}) }},").expect("a string takes all");
    }
    text + "];\n"
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, PathBuf)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(root, &path, files);
        } else if let Some(name) = path.strip_prefix(root).ok().and_then(Path::to_str) {
            files.push((name.to_owned(), path.clone()));
        }
    }
}
