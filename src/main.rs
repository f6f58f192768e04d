//! The `fleetstorm` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    fleetstorm::cli::main()
}
