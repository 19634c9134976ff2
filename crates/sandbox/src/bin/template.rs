//! The program that templates run as when the embedding program cannot: tests, benches, and daemons that want theirs small.

fn main() -> std::process::ExitCode {
    sandbox::as_template().unwrap_or_else(|| {
        eprintln!("forerun-sandbox-template is started by forerun, not by hand");
        std::process::ExitCode::from(2)
    })
}
