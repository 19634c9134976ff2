//! Where instances come from: one template for each image, runtime, tenant and set of dependencies, made when it is first needed.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use std::os::fd::AsFd;

use model::Bytes;

use crate::error::SandboxError;
use crate::handle::Template;
use crate::host::{Host, TemplateProgram};
use crate::key::{Dependencies, Key, Runtime};
use crate::line::receive_within;
use crate::template::{self, IDS, Plan, Zygote};
use crate::wire::{self, tag};

/// Where one tenant's instances of an image and runtime come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Source {
    tenant: String,
    image: String,
    zygote: Option<(Runtime, Dependencies)>,
    folders: Vec<PathBuf>,
}

/// A template, or the right to make it.
pub(crate) type Place = Arc<Mutex<Option<Arc<Template>>>>;
impl Host {
    /// The template for a key; makes it when there is none, or when it has ended.
    pub(crate) fn template_for(&self, key: &Key) -> Result<Arc<Template>, SandboxError> {
        let forks = key.runtime == Runtime::Python;
        let source = Source {
            tenant: key.tenant.clone(),
            image: key.image.clone(),
            zygote: forks.then(|| (key.runtime, key.dependencies.clone())),
            folders: key.dependencies.folders.clone(),
        };
        let place = self.sources.lock().unwrap_or_else(PoisonError::into_inner).entry(source.clone()).or_default().clone();
        // Others who want the same template wait here until it is made.
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(template) = &*place
            && template.is_alive()
        {
            return Ok(template.clone());
        }
        let made = Arc::new(self.make_template(&source, key)?);
        self.supervisor.watch_template(&made)?;
        *place = Some(made.clone());
        Ok(made)
    }

    fn make_template(&self, source: &Source, key: &Key) -> Result<Template, SandboxError> {
        let failed = |why: String| SandboxError::Template { key: key.to_string(), why };
        let number = self.next_range.fetch_add(1, Ordering::Relaxed);
        let id_first = IDS.checked_mul(number).and_then(|offset| offset.checked_add(self.settings.id_first));
        let id_first = id_first.filter(|&first| first < u32::MAX - IDS);
        let plan = Plan {
            id_first: id_first.ok_or_else(|| failed("user ids have run out: restart the daemon".into()))?,
            image: self.image(&source.image)?.clone(),
            folders: source.folders.clone(),
            zygote: source.zygote.as_ref().map(|(runtime, dependencies)| Zygote {
                program: runtime.program().unwrap_or_default().into(),
                driver: include_str!("drivers/python.py"),
                imports: dependencies.imports.clone(),
            }),
        };
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let group = self.trees.make(&format!("template-{id}"), &self.settings.template_limits)?;
        let line = || wire::pair().map_err(SandboxError::host("make", "a line to a template"));
        let ((ours, standard), (control, control_theirs), (exits, exits_theirs)) = (line()?, line()?, line()?);
        let mut command = match &self.settings.template {
            TemplateProgram::Own => Command::new("/proc/self/exe"),
            TemplateProgram::Path(path) => Command::new(path),
        };
        command.arg(template::ARGUMENT).env_clear();
        command.stdin(Stdio::from(standard)).stdout(Stdio::null()).stderr(Stdio::null());
        let program = PathBuf::from(command.get_program());
        let (answer, born) = mpsc::channel();
        self.births.send((command, answer)).map_err(|_| SandboxError::Closed)?;
        let child = born.recv().map_err(|_| SandboxError::Closed)?.map_err(SandboxError::host("execute", program))?;
        let made = Template {
            id,
            name: key.to_string(),
            control: Mutex::new(control),
            exits,
            child: Mutex::new(child),
            slots: Mutex::new(Template::all_slots()),
            reports_exits: source.zygote.is_some(),
            group,
        };
        let pid = made.child.lock().unwrap_or_else(PoisonError::into_inner).id();
        made.group.attach(pid)?;
        let told = plan.written().send(&ours, &[control_theirs.as_fd(), exits_theirs.as_fd()]);
        told.map_err(|error| failed(format!("it does not take its plan: {error}")))?;
        drop((control_theirs, exits_theirs));
        // Imports may take long; nothing of an instance's way depends on it.
        let within = self.settings.ready_within * 6;
        let answer = receive_within(&made.control.lock().unwrap_or_else(PoisonError::into_inner), within);
        let answer = answer.map_err(|error| failed(format!("it ended before it was ready: {error}")))?;
        let mut answer = answer.ok_or_else(|| failed(format!("it was not ready within {within:?}")))?;
        match answer.tag() {
            tag::READY => Ok(made),
            _ => Err(failed(answer.text().unwrap_or_default())),
        }
    }

    /// The templates that live, by the key they were made for, and what each holds in memory.
    pub fn templates(&self) -> Vec<(String, Bytes)> {
        let places = self.sources.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect::<Vec<_>>();
        // One that is being made is not there yet.
        let made = places.iter().filter_map(|place| place.try_lock().ok()?.clone());
        made.map(|template| (template.name.clone(), Bytes(template.group.memory().unwrap_or(0)))).collect()
    }

    /// Ends the templates that have no instance; returns how many. The next instance of their keys makes them anew.
    pub fn retire_unused(&self) -> usize {
        let mut retired = Vec::new();
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, place| {
            let Some(made) = Arc::get_mut(place).map(|made| made.get_mut().unwrap_or_else(PoisonError::into_inner)) else {
                // Somebody is using it right now.
                return true;
            };
            let unused = made.as_ref().is_none_or(|template| Arc::strong_count(template) == 1);
            if unused {
                retired.extend(made.take());
            }
            !unused
        });
        // Ending them takes milliseconds: not under the lock.
        retired.len()
    }
}
