//! The forerun command and daemon: see the library beside it.

fn main() -> std::process::ExitCode {
    forerun::cli::main()
}
