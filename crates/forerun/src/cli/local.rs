//! Commands that need no daemon: config, completions, man, and the examples' own.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use clap::CommandFactory;
use serve::{Role, Secret};

use super::arguments::{Cli, Common, ConfigCommand, ExampleArguments, RoleChoice};
use super::failure::{Failure, Outcome, Status};
use super::{configuration, output, print, with_file};
use crate::config::{Written, tokens};
use crate::examples;

pub fn config(common: &Common, what: &ConfigCommand) -> Outcome {
    match what {
        ConfigCommand::Check { file } => check(common, file.as_deref()),
        ConfigCommand::Show => {
            let loaded = configuration(common, &Written::default())?;
            output(common.json, &loaded.json(), || loaded.show())
        }
        ConfigCommand::Token { name, role, write } => token(common, name, *role, *write),
    }
}

fn check(common: &Common, file: Option<&Path>) -> Outcome {
    let common = Common { config: file.map(Path::to_path_buf).or_else(|| common.config.clone()), ..common.clone() };
    let loaded = configuration(&common, &Written::default())?;
    if let Some(path) = &loaded.settings.serve.tokens_file {
        tokens::read(path)
            .map_err(|error| Failure::of(Status::Usage, &error, "`forerun config token NAME` makes a line"))?;
    }
    let answer = serde_json::json!({ "file": loaded.file, "valid": true });
    output(common.json, &answer, || match &loaded.file {
        Some(path) => format!("{}: fine\n", path.display()),
        None => "no configuration file: the defaults hold\n".into(),
    })
}

fn token(common: &Common, name: &str, role: RoleChoice, write: bool) -> Outcome {
    let failed = |error: std::io::Error| Failure::new(Status::Failed, format!("cannot make a token: {error}"), "");
    if name.trim().is_empty() || name.contains(['\n', '\r']) {
        return Err(Failure::new(Status::Usage, "the name of a token is one line that is not empty", ""));
    }
    let role = match role {
        RoleChoice::Reader => Role::Reader,
        RoleChoice::Operator => Role::Operator,
    };
    let secret = Secret::generate().map_err(failed)?;
    let line = tokens::line(&secret.record(name.trim(), role));
    let mut place = "add this line to the file of [serve] tokens_file".to_owned();
    if write {
        let path = configuration(common, &Written::default())?.settings.serve.tokens_file.ok_or_else(|| {
            Failure::new(Status::Usage, "the configuration names no [serve] tokens_file", "set one, or leave --write out")
        })?;
        append(&path, &line).map_err(|error| with_file("write the token file", &path, &error))?;
        place = format!("added to {}; restart the daemon to use it", path.display());
    }
    let answer = serde_json::json!({ "token": secret.reveal(), "line": line, "written": write });
    output(common.json, &answer, || format!("token, shown only now:\n  {}\n{place}:\n  {line}\n", secret.reveal()))
}

fn append(path: &Path, line: &str) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    writeln!(file, "{line}")
}

pub fn completions(shell: clap_complete::Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "forerun", &mut script);
    print(&String::from_utf8_lossy(&script))
}

pub fn man(into: Option<&Path>) -> Outcome {
    let Some(folder) = into else {
        let mut page = Vec::new();
        let rendered = clap_mangen::Man::new(Cli::command()).render(&mut page);
        rendered.map_err(|error| Failure::new(Status::Failed, format!("cannot make the manual page: {error}"), ""))?;
        return print(&String::from_utf8_lossy(&page));
    };
    std::fs::create_dir_all(folder).map_err(|error| with_file("make the folder", folder, &error))?;
    let written = clap_mangen::generate_to(Cli::command(), folder);
    written.map_err(|error| with_file("write manual pages into", folder, &error))
}

pub fn example(arguments: &ExampleArguments) -> Outcome {
    let options = examples::Options {
        program: None,
        seed: arguments.seed,
        day: Duration::from_secs_f64(arguments.day),
        lifetime: arguments.lifetime.map(Duration::from_secs_f64),
        metrics: arguments.metrics,
    };
    examples::run(arguments.kind, &options, arguments.wait_for_go)
        .map_err(|error| Failure::new(Status::Failed, format!("the example `{}` ended: {error}", arguments.kind.name()), ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_gets_a_manual_page() {
        let folder = tempfile::tempdir().unwrap();
        man(Some(folder.path())).unwrap();
        for page in ["forerun.1", "forerun-up.1", "forerun-backtest-load.1", "forerun-config-check.1"] {
            let text = std::fs::read_to_string(folder.path().join(page)).unwrap();
            assert!(text.contains(".SH"), "{page}");
        }
        assert!(!folder.path().join("forerun-example-workload.1").exists(), "hidden commands have no page");
    }
}
