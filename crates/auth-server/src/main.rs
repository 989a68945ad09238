//! The binary: reads the command line and runs the command.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = auth_server::cli::Cli::parse();
    match auth_server::commands::run(cli) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("auth-server: {message}");
            ExitCode::FAILURE
        }
    }
}
