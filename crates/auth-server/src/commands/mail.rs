//! `mail test`.

use std::process::ExitCode;

use auth_core::config::Config;
use auth_core::mail::{self, Transport};
use auth_core::wire::email::EmailAddress;
use auth_jose::{OsEntropy, SystemClock};

use crate::serve;

/// Sends a test mail and waits for what becomes of it.
pub(super) fn test(config: &Config, address: &str) -> Result<ExitCode, String> {
    let Transport::Smtp(smtp) = &config.mail.transport else {
        return Err("no mail server is configured: set SMTP_URL and MAIL_FROM".to_owned());
    };
    let to = EmailAddress::parse(address).ok_or_else(|| format!("{address:?} is not an e-mail address"))?;
    let sent = serve::runtime()?.block_on(mail::try_out(smtp, &to, &SystemClock, &OsEntropy));
    sent.map_err(|reason| format!("the mail was not sent: {reason}"))?;
    eprintln!("the mail server took a mail for {to}");
    Ok(ExitCode::SUCCESS)
}
