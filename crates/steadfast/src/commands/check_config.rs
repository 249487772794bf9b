//! `check-config`: what the configuration comes to, and what is wrong with it.

use crate::Failed;
use crate::cli::CheckConfigArgs;
use crate::config::{default_file, effective_json, load, print_effective};
use crate::terminal::{answer, answer_line, remark};
use anyhow::Result;

/// Prints every effective value; fails when something is wrong.
pub(crate) fn run(args: &CheckConfigArgs) -> Result<()> {
    if args.print_default {
        return Ok(answer(&default_file())?);
    }
    let layers = super::layers(&args.config)?;
    let loaded = load(&layers);
    if args.json {
        answer_line(&serde_json::to_string_pretty(&effective_json(&loaded.settings))?)?;
    } else {
        answer(&print_effective(&loaded.settings))?;
    }
    for problem in &loaded.settings.problems {
        remark(&problem.to_string());
    }
    if loaded.config.is_none() { Err(Failed.into()) } else { Ok(()) }
}
