//! `generate`: the documents that come from code.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use auth_core::config::{self, Config, Sources};
use auth_core::endpoint::BodyTypes;
use auth_core::features::{self, social};

use crate::cli::Generate;

pub(super) fn run(options: &Generate) -> Result<ExitCode, String> {
    let mut stale = Vec::new();
    for (name, text) in documents()? {
        let path = options.root.join(name);
        if read(&path) == text {
            continue;
        }
        if options.check {
            stale.push(name);
        } else {
            std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
            println!("wrote {name}");
        }
    }
    if stale.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(format!("not up to date: {}; run `auth-server generate` in the project's folder", stale.join(", ")))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn documents() -> Result<[(&'static str, String); 5], String> {
    Ok([
        (".env.example", config::env_example()),
        ("docs/configuration.md", config::configuration_page()),
        ("docs/endpoints.md", endpoints()?),
        ("docs/errors.md", errors()),
        ("docs/providers.md", social::provider::page(social::providers::ROWS)),
    ])
}

fn endpoints() -> Result<String, String> {
    let sources = Sources { env: &|_| None, read_file: &|path| std::fs::read_to_string(path), file: None };
    let defaults = Config::load(&sources).map_err(|problems| format!("{problems:?}"))?;
    let mut out = String::from(
        "# Endpoints\n\n<!-- Made by `auth-server generate` from the route table. Do not edit. -->\n\n\
         Below the base path (`/api/auth`). \"Form\" endpoints read `application/x-www-form-urlencoded` too.\n\n\
         | feature | method | path | who may call | body | example input |\n|---|---|---|---|---|---|\n",
    );
    for feature in features::enabled(&defaults) {
        for endpoint in &feature.endpoints {
            let body = match (endpoint.method, endpoint.body) {
                (auth_core::call::Method::Get, _) => "",
                (_, BodyTypes::Json) => "JSON",
                (_, BodyTypes::JsonAndForm | BodyTypes::JsonAndForeignForm) => "JSON, form",
            };
            let sample =
                if endpoint.sample.is_null() { String::new() } else { format!("`{}`", endpoint.sample) };
            let (method, path, access) = (endpoint.method.as_str(), endpoint.path, endpoint.access);
            let _ =
                writeln!(out, "| {} | {method} | `{path}` | {access} | {body} | {sample} |", feature.name);
        }
    }
    Ok(out)
}

fn errors() -> String {
    let mut out = String::from(
        "# Errors\n\n<!-- Made by `auth-server generate` from the code tables. Do not edit. -->\n\n\
         Every error response carries its id in the `X-Error-Id` header; the body is upstream's \
         `{\"message\", \"code\"}`. Those of mail (`MAIL_...`) stand in the log only. Ids are never \
         reused.\n\n| id | code | message |\n|---|---|---|\n",
    );
    for code in features::error_codes() {
        let name = if code.code.is_empty() { String::new() } else { format!("`{}`", code.code) };
        let _ = writeln!(out, "| {} | {name} | {} |", code.id, code.message);
    }
    out
}
