//! A background worker that proves who it is to an API, with a key of its own and 60-second tokens.

use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use auth_s2s::{Ask, AuthServer, Minter, ServiceName};
use serde_json::json;

const USAGE: &str = "usage:
  worker keygen PRIVATE_FILE PUBLIC_FILE   make a key pair; PUBLIC_FILE is for the API's SERVICE_KEYS_FILE
  worker public-key                        print the public key, for `auth-server service add worker --jwk FILE`
  worker call URL                          POST to URL with a service token for the scope reindex
  worker call-for USER_TOKEN URL           GET URL on behalf of a user
  worker token                             print a service token
  worker token-for USER_TOKEN              print a token on behalf of a user
  worker rotate PRIVATE_FILE               register a new key and keep it in PRIVATE_FILE
All but keygen read the private key from the file named by WORKER_KEY_FILE; call-for, token-for and rotate ask the auth
server at AUTH_URL (http://localhost:3000/api/auth)";

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
        ["public-key"] => {
            println!("{}", serde_json::Value::Object(minter()?.public_jwk()));
            Ok(ExitCode::SUCCESS)
        }
        ["call", url] => call(url).await,
        ["call-for", user_token, url] => call_for(user_token, url).await,
        ["token-for", user_token] => {
            println!("{}", token_for(user_token).await?);
            Ok(ExitCode::SUCCESS)
        }
        ["rotate", private_file] => rotate(private_file).await,
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
    keep(&minter, private_file)?;
    let public = json!({ minter.name().as_str(): minter.public_jwk() });
    fs::write(public_file, format!("{public:#}\n")).map_err(|error| format!("{public_file}: {error}"))?;
    println!("private key: {private_file}, public key: {public_file}");
    Ok(ExitCode::SUCCESS)
}

/// Writes the private key to a new file that nobody else can read.
fn keep(minter: &Minter, private_file: &str) -> Result<(), Box<dyn Error>> {
    let mut options = OpenOptions::new();
    // An existing key is not overwritten: services that know it would refuse its successor.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(private_file).map_err(|error| format!("{private_file}: {error}"))?;
    writeln!(file, "{}", minter.private_jwk().expose())?;
    Ok(())
}

/// The new key signs once every receiver knows it; until then the old one does.
async fn rotate(private_file: &str) -> Result<ExitCode, Box<dyn Error>> {
    let successor = auth_server()?.register_successor(&minter()?).await?;
    keep(successor.minter(), private_file)?;
    println!("{private_file} holds the new key; use it in {} s", successor.usable_in().as_secs());
    Ok(ExitCode::SUCCESS)
}

async fn call_for(user_token: &str, url: &str) -> Result<ExitCode, Box<dyn Error>> {
    let token = token_for(user_token).await?;
    print(http()?.get(url).bearer_auth(token).send().await?).await
}

/// In exchange for the user's own token, which a service never sends on.
async fn token_for(user_token: &str) -> Result<Arc<str>, Box<dyn Error>> {
    let ask = Ask::to(&api()?).scope_of("profile")?;
    Ok(auth_server()?.on_behalf_of(&minter()?, user_token, &ask).await?)
}

fn auth_server() -> Result<AuthServer, Box<dyn Error>> {
    Ok(AuthServer::new(&setting("AUTH_URL").unwrap_or_else(|| "http://localhost:3000/api/auth".to_owned()))?)
}

fn http() -> Result<reqwest::Client, Box<dyn Error>> {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(5));
    Ok(client.redirect(reqwest::redirect::Policy::none()).build()?)
}

async fn print(response: reqwest::Response) -> Result<ExitCode, Box<dyn Error>> {
    let status = response.status();
    println!("{status} {}", response.text().await?);
    Ok(if status.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn call(url: &str) -> Result<ExitCode, Box<dyn Error>> {
    // A long-running worker keeps its minter: it signs two tokens a minute for each audience and scope.
    let token = minter()?.token_for(&Ask::to(&api()?).scope_of("reindex")?)?;
    print(http()?.post(url).bearer_auth(token).send().await?).await
}

fn minter() -> Result<Minter, Box<dyn Error>> {
    let path = setting("WORKER_KEY_FILE").ok_or("WORKER_KEY_FILE names no file")?;
    Ok(Minter::from_file(worker()?, path)?)
}

#[expect(clippy::disallowed_methods, reason = "an example, configured by the environment alone")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
