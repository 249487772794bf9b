//! The keeper as a program of its own, for this crate's tests. The product runs it as `steadfast pmf-launch`.

use std::process::ExitCode;

fn main() -> ExitCode {
    pmf::launcher::main()
}
