//! The forerun command and daemon: see the library beside it.

fn main() -> std::process::ExitCode {
    // A daemon starts itself anew for each template of instances.
    if let Some(status) = sandbox::as_template() {
        return status;
    }
    forerun::cli::main()
}
