//! Whether what is asked of instances can be meant: each fault names the field, its value and what would be right.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::ApiError;
use crate::view::{ClaimRequest, LambdaBody, PoolRequest, RunFile, RunLimits, RunRequest};

/// The runtimes that there are.
const RUNTIMES: [&str; 4] = ["exec", "sh", "python", "node"];
/// The longest name, tenant or import, in bytes.
const NAME_BYTES_MAX: usize = 128;
/// The most imports of one pool.
const IMPORTS_MAX: usize = 64;
/// The most arguments, and the most environment variables, of one run.
const WORDS_MAX: usize = 4_096;
/// The most files of one run.
const FILES_MAX: usize = 256;
/// The longest path of a file, in bytes.
const PATH_BYTES_MAX: usize = 1_024;
/// The longest time that may be asked for: a day.
const SECONDS_MAX: f64 = 86_400.0;
/// The largest lambda.
const LAMBDA_MAX: f64 = 1e6;

type Checked = Result<(), ApiError>;

impl RunRequest {
    /// What is wrong with it, if anything is.
    pub(crate) fn fault(&self) -> Option<ApiError> {
        self.check().err()
    }

    fn check(&self) -> Checked {
        runtime(&self.runtime)?;
        self.check_source()?;
        if let Some(name) = &self.name {
            short("name", name)?;
        }
        pool_key(self.tenant.as_deref(), &self.imports, &self.limits)?;
        few("args", self.args.len(), WORDS_MAX)?;
        few("env", self.env.len(), WORDS_MAX)?;
        few("files", self.files.len(), FILES_MAX)?;
        for (index, word) in self.args.iter().enumerate() {
            no_nul(&format!("args[{index}]"), word)?;
        }
        for (name, value) in &self.env {
            if name.is_empty() || name.contains('=') {
                return wrong(format!("env has the name {name:?}"), "name variables without = and not empty");
            }
            no_nul("env", name)?;
            no_nul(&format!("env.{name}"), value)?;
        }
        for (index, file) in self.files.iter().enumerate() {
            file.check(index)?;
        }
        seconds("timeout_seconds", self.timeout_seconds)
    }

    /// Exactly one source, and one that can be run.
    fn check_source(&self) -> Checked {
        let given: Vec<&str> = [
            ("code", self.code.is_some()),
            ("program", self.program.is_some()),
            ("program_base64", self.program_base64.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, given)| given.then_some(name))
        .collect();
        match given[..] {
            [_] => {}
            [] => {
                return wrong(
                    "none of code, program and program_base64 was given",
                    "give one of them: source text, a path in the image, or the file as Base64",
                );
            }
            _ => return wrong(format!("{} were given together", given.join(" and ")), "give one of them"),
        }
        if let Some(path) = &self.program {
            no_nul("program", path)?;
            if !path.starts_with('/') {
                return wrong(format!("program is {path:?}"), "give the absolute path of a program in the image");
            }
        }
        self.program_base64.as_ref().map_or(Ok(()), |text| decodes("program_base64", text))
    }
}

impl RunFile {
    fn check(&self, index: usize) -> Checked {
        let path = &self.path;
        let parts_fit = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !parts_fit || path.len() > PATH_BYTES_MAX || path.contains('\0') {
            return wrong(
                format!("files[{index}].path is {path:?}"),
                "give a path inside the working folder, without a leading slash, . and ..",
            );
        }
        decodes(&format!("files[{index}].content_base64"), &self.content_base64)
    }
}

impl PoolRequest {
    /// What is wrong with it, if anything is.
    pub(crate) fn fault(&self) -> Option<ApiError> {
        let check = || {
            runtime(&self.runtime)?;
            pool_key(self.tenant.as_deref(), &self.imports, &self.limits)?;
            match (self.at_least, self.at_most) {
                (Some(least), Some(most)) if least > most => {
                    wrong(format!("at_least {least} is above at_most {most}"), "give at_least from 0 up to at_most")
                }
                _ => Ok(()),
            }
        };
        check().err()
    }
}

impl ClaimRequest {
    /// What is wrong with it, if anything is.
    pub(crate) fn fault(&self) -> Option<ApiError> {
        let check = || {
            runtime(&self.runtime)?;
            pool_key(self.tenant.as_deref(), &self.imports, &self.limits)?;
            seconds("hold_seconds", self.hold_seconds)
        };
        check().err()
    }
}

impl LambdaBody {
    /// What is wrong with it, if anything is.
    pub(crate) fn fault(&self) -> Option<ApiError> {
        let fits = self.lambda.is_finite() && self.lambda > 0.0 && self.lambda <= LAMBDA_MAX;
        (!fits).then(|| ApiError::invalid(format!("lambda is {}", self.lambda), "give a number above 0, at most 1,000,000"))
    }
}

fn wrong(detail: impl Into<std::borrow::Cow<'static, str>>, remedy: &'static str) -> Checked {
    Err(ApiError::invalid(detail, remedy))
}

fn runtime(name: &str) -> Checked {
    if RUNTIMES.contains(&name) {
        return Ok(());
    }
    wrong(format!("there is no runtime {name:?}"), "use exec, sh, python or node")
}

/// What decides which pool an instance is of.
fn pool_key(tenant: Option<&str>, imports: &[String], limits: &RunLimits) -> Checked {
    if let Some(tenant) = tenant {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if !tenant.bytes().all(plain) || tenant.is_empty() || tenant.len() > NAME_BYTES_MAX {
            return wrong(format!("tenant is {tenant:?}"), "use 1 to 128 letters, digits, dots, underscores and hyphens");
        }
    }
    few("imports", imports.len(), IMPORTS_MAX)?;
    for (index, import) in imports.iter().enumerate() {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/' | b'@' | b':');
        if !import.bytes().all(plain) || import.is_empty() || import.len() > NAME_BYTES_MAX {
            return wrong(format!("imports[{index}] is {import:?}"), "name a module, such as json or node:fs");
        }
    }
    limits.check()
}

impl RunLimits {
    fn check(&self) -> Checked {
        if let Some(cores) = self.cpu_cores
            && !(cores.is_finite() && cores > 0.0)
        {
            return wrong(format!("limits.cpu_cores is {cores}"), "give a number of cores above 0");
        }
        let whole =
            [("memory_bytes", self.memory_bytes), ("pids", self.pids.map(u64::from)), ("disk_bytes", self.disk_bytes)];
        match whole.into_iter().find(|(_, value)| *value == Some(0)) {
            Some((name, _)) => wrong(format!("limits.{name} is 0"), "give a number above 0, or leave it out"),
            None => Ok(()),
        }
    }
}

fn seconds(field: &str, value: Option<f64>) -> Checked {
    match value {
        Some(value) if !(value.is_finite() && value > 0.0 && value <= SECONDS_MAX) => {
            wrong(format!("{field} is {value}"), "give seconds above 0, at most 86,400")
        }
        _ => Ok(()),
    }
}

fn short(field: &str, text: &str) -> Checked {
    if text.len() <= NAME_BYTES_MAX && !text.chars().any(char::is_control) {
        return Ok(());
    }
    wrong(format!("{field} is {text:?}"), "use at most 128 bytes, without control characters")
}

fn few(field: &str, has: usize, most: usize) -> Checked {
    if has <= most {
        return Ok(());
    }
    Err(ApiError::invalid(format!("{field} has {has} entries"), format!("give at most {most}")))
}

fn no_nul(field: &str, text: &str) -> Checked {
    if !text.contains('\0') {
        return Ok(());
    }
    wrong(format!("{field} holds a zero byte"), "leave it out: a program cannot be told one")
}

fn decodes(field: &str, text: &str) -> Checked {
    match STANDARD.decode(text) {
        Ok(_) => Ok(()),
        Err(error) => {
            let detail = format!("{field} is not Base64: {error}");
            wrong(detail.replace("Invalid", "invalid"), "encode it with the standard alphabet, with padding, in one line")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> RunRequest {
        RunRequest { runtime: "python".into(), code: Some(text.into()), ..RunRequest::default() }
    }

    #[test]
    fn a_plain_run_is_fine() {
        assert_eq!(code("print(1)").fault(), None);
        let whole = RunRequest {
            files: vec![RunFile { path: "data/a.csv".into(), content_base64: "YQ==".into(), executable: false }],
            env: [("LANG".to_owned(), "C".to_owned())].into(),
            imports: vec!["os.path".into(), "@scope/name".into()],
            tenant: Some("team-a".into()),
            timeout_seconds: Some(0.5),
            ..code("")
        };
        assert_eq!(whole.fault(), None);
    }

    #[test]
    fn faults_name_their_field() {
        let file = |path: &str, content: &str| {
            let file = RunFile { path: path.into(), content_base64: content.into(), executable: true };
            RunRequest { files: vec![file], ..code("") }
        };
        let limits = |limits| RunRequest { limits, ..code("") };
        for (request, field) in [
            (RunRequest { runtime: "ruby".into(), ..code("") }, "ruby"),
            (RunRequest { code: None, ..code("") }, "none of code"),
            (RunRequest { program: Some("/bin/ls".into()), ..code("") }, "code and program"),
            (RunRequest { program: Some("bin/ls".into()), code: None, ..code("") }, "program is"),
            (RunRequest { program_base64: Some("***".into()), code: None, ..code("") }, "program_base64"),
            (RunRequest { name: Some("a\nb".into()), ..code("") }, "name is"),
            (RunRequest { args: vec!["a\0".into()], ..code("") }, "args[0]"),
            (RunRequest { env: [("A=".to_owned(), String::new())].into(), ..code("") }, "env"),
            (RunRequest { tenant: Some("a/b".into()), ..code("") }, "tenant"),
            (RunRequest { imports: vec!["os; x".into()], ..code("") }, "imports[0]"),
            (RunRequest { timeout_seconds: Some(f64::NAN), ..code("") }, "timeout_seconds"),
            (file("../a", ""), "files[0].path"),
            (file("/etc/passwd", ""), "files[0].path"),
            (file("a", "a"), "files[0].content_base64"),
            (limits(RunLimits { cpu_cores: Some(0.0), ..RunLimits::default() }), "limits.cpu_cores"),
            (limits(RunLimits { pids: Some(0), ..RunLimits::default() }), "limits.pids"),
        ] {
            let detail = request.fault().map(|fault| fault.to_string()).unwrap_or_default();
            assert!(detail.contains(field), "{field}: {detail:?}");
        }
        for lambda in [0.0, -1.0, 1e7, f64::INFINITY, f64::NAN] {
            assert!(LambdaBody { lambda }.fault().is_some());
        }
        assert_eq!(LambdaBody { lambda: 3.0 }.fault(), None);
    }
}
