//! A background worker that proves who it is to an API, with a key of its own and 60-second tokens.

use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use auth_s2s::{Minter, ServiceName};
use serde_json::json;

const USAGE: &str = "usage:
  worker keygen PRIVATE_FILE PUBLIC_FILE   make a key pair; PUBLIC_FILE is for the API's SERVICE_KEYS_FILE
  worker call URL                          POST to URL with a service token
  worker token                             print a service token
call and token read the private key from the file named by WORKER_KEY_FILE";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("worker: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["keygen", private_file, public_file] => keygen(private_file, public_file),
        ["call", url] => call(url).await,
        ["token"] => {
            println!("{}", minter()?.token(&api()?)?);
            Ok(ExitCode::SUCCESS)
        }
        _ => Err(USAGE.into()),
    }
}

fn worker() -> Result<ServiceName, Box<dyn Error>> {
    Ok("worker".parse()?)
}

fn api() -> Result<ServiceName, Box<dyn Error>> {
    Ok("api".parse()?)
}

fn keygen(private_file: &str, public_file: &str) -> Result<ExitCode, Box<dyn Error>> {
    let minter = Minter::generate(worker()?)?;
    let mut options = OpenOptions::new();
    // An existing key is not overwritten: services that know it would refuse its successor.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(private_file).map_err(|error| format!("{private_file}: {error}"))?;
    writeln!(file, "{}", minter.private_jwk().expose())?;
    let public = json!({ minter.name().as_str(): minter.public_jwk() });
    fs::write(public_file, format!("{public:#}\n")).map_err(|error| format!("{public_file}: {error}"))?;
    println!("private key: {private_file}, public key: {public_file}");
    Ok(ExitCode::SUCCESS)
}

async fn call(url: &str) -> Result<ExitCode, Box<dyn Error>> {
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(5))
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    // A long-running worker keeps its minter: it signs one token per audience and minute.
    let token = minter()?.token(&api()?)?;
    let response = client.post(url).bearer_auth(token).send().await?;
    let status = response.status();
    println!("{status} {}", response.text().await?);
    Ok(if status.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[expect(clippy::disallowed_methods, reason = "an example, configured by the environment alone")]
fn minter() -> Result<Minter, Box<dyn Error>> {
    let path = std::env::var("WORKER_KEY_FILE").map_err(|_error| "WORKER_KEY_FILE names no file")?;
    let jwk = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    Ok(Minter::from_private_jwk(worker()?, &jwk)?)
}
