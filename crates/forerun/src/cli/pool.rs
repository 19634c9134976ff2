//! `forerun pool`: what is kept ready, and how much of it.

use serve::view::{PoolPage, PoolRequest, PoolView};

use super::arguments::{Common, PoolCommand};
use super::failure::{Failure, Outcome, Status};
use super::run::limits;
use super::{client, output};
use crate::render;

pub fn pool(common: &Common, command: &PoolCommand) -> Outcome {
    match command {
        PoolCommand::Ls => {
            let page: PoolPage = client(common)?.pools()?;
            output(common.json, &page, || render::pools::page(&page))
        }
        PoolCommand::Set(arguments) => {
            let runtime = arguments.instance.runtime.ok_or_else(|| {
                Failure::new(Status::Usage, "`pool set` needs --runtime", "one of python, node, sh and exec")
            })?;
            let request = PoolRequest {
                runtime: runtime.name().into(),
                tenant: arguments.instance.tenant.clone(),
                imports: arguments.instance.imports.clone(),
                limits: limits(&arguments.instance)?,
                at_least: arguments.min,
                at_most: arguments.max,
            };
            let pool: PoolView = client(common)?.set_pool(&request)?;
            output(common.json, &pool, || format!("{} keeps {} to {} instances\n", pool.id, pool.at_least, pool.at_most))
        }
        PoolCommand::Drain { pool } => {
            client(common)?.drain_pool(pool)?;
            let answer = serde_json::json!({ "drained": pool });
            output(common.json, &answer, || format!("{pool} keeps nothing until `forerun pool set` says otherwise\n"))
        }
        PoolCommand::Lambda { lambda } => {
            client(common)?.set_lambda(*lambda)?;
            let answer = serde_json::json!({ "lambda": lambda });
            output(common.json, &answer, || {
                format!("a second of waiting is worth {lambda} times 100 GB-seconds of idle memory\n")
            })
        }
    }
}
