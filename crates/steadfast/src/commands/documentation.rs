//! `documentation`: pages that are generated, so that they say what the program does.

use crate::cli::Page;
use anyhow::Result;

/// Prints a page.
pub(crate) fn run(page: Page) -> Result<()> {
    match page {
        Page::Configuration => Ok(crate::terminal::answer(&crate::config::markdown())?),
    }
}
