//! The signals that stop the server.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens from the moment it is made. It is made before the port is bound, so that whoever sees the port open can
/// already stop the server in order.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// # Errors
    /// When the system refuses a handler.
    pub(crate) fn listen() -> Result<Self, String> {
        let handler = |kind| signal(kind).map_err(|error| format!("cannot listen for signals: {error}"));
        Ok(Self {
            terminate: handler(SignalKind::terminate())?,
            interrupt: handler(SignalKind::interrupt())?,
        })
    }

    /// Waits for a signal. Gives whether requests that are being answered may end: after SIGTERM, not after SIGINT.
    pub(crate) async fn stop(mut self) -> bool {
        tokio::select! {
            _ = self.terminate.recv() => true,
            _ = self.interrupt.recv() => false,
        }
    }
}
