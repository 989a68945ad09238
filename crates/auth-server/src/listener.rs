//! The listener: actix's HTTP/1 service on connections that have a deadline.
//!
//! actix limits the time for the head of a connection's first request only. Nothing ends a connection whose
//! second head trickles in, whose unread body is drained, or whose answer is not taken, so each would be a
//! place that a slow client keeps. Here the whole time between two requests is limited, whatever fills it;
//! while a request runs, its own limits hold.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_http::HttpService;
use actix_server::Server;
use actix_service::{IntoServiceFactory as _, ServiceFactoryExt as _, fn_service, map_config};
use actix_web::dev::AppConfig;
use actix_web::rt::net::TcpStream;
use auth_core::app::App;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::mount;

/// What connections may take.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Worker threads.
    pub workers: usize,
    /// Connections at the same time; more wait to be accepted.
    pub connections: usize,
    /// For the head of the first request.
    pub head: Duration,
    /// For an idle connection.
    pub idle: Duration,
    /// Between the end of one request's work and the next request: to take the answer, to finish sending an
    /// unread body, to be idle, to send the next head.
    pub between: Duration,
    /// For running requests when the server stops.
    pub shutdown: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            workers: 1,
            connections: 10_000,
            head: Duration::from_secs(10),
            idle: Duration::from_secs(5),
            between: Duration::from_secs(30),
            shutdown: Duration::from_secs(10),
        }
    }
}

/// A server that listens.
pub struct Listening {
    /// To be awaited.
    pub server: Server,
    /// Where it listens.
    pub address: SocketAddr,
}

/// Serves on `socket`; each worker makes its own application with `app`.
///
/// # Errors
/// When the socket cannot be used.
pub fn serve(
    socket: TcpListener,
    bounds: Bounds,
    app: impl Fn() -> Arc<App> + Clone + Send + 'static,
) -> io::Result<Listening> {
    let address = socket.local_addr()?;
    let server = Server::build()
        .workers(bounds.workers)
        .max_concurrent_connections(bounds.connections.div_ceil(bounds.workers.max(1)))
        .shutdown_timeout(bounds.shutdown.as_secs())
        .disable_signals();
    let stopping = server.graceful_shutdown_signal();
    let server = server
        .listen("http", socket, move || {
            let app = actix_web::App::new().configure(mount::routes(app()));
            let app = app.into_factory().map_err(|error: actix_web::Error| error.error_response());
            let stopping = stopping.clone();
            let http = HttpService::build()
                .graceful_shutdown_signal(move || {
                    let stopping = stopping.clone();
                    async move { stopping.notified().await }
                })
                .keep_alive(bounds.idle)
                .client_request_timeout(bounds.head)
                .client_disconnect_timeout(Duration::from_secs(1))
                .local_addr(address)
                .on_connect_ext(|io: &Timed, data| {
                    data.insert(io.pulse.clone());
                })
                .h1(map_config(app, |()| AppConfig::default()));
            fn_service(move |stream: TcpStream| {
                let peer = stream.peer_addr().ok();
                std::future::ready(Ok((Timed::new(stream, bounds), peer)))
            })
            .and_then(http)
        })?
        .run();
    Ok(Listening { server, address })
}

/// Whether a connection works on a request, and until when it may not.
#[derive(Debug)]
pub(crate) struct Pulse {
    /// None while a request runs.
    deadline: Cell<Option<Instant>>,
    between: Duration,
}

/// A request is being worked on until this is dropped.
#[derive(Debug)]
pub(crate) struct Busy(Rc<Pulse>);

impl Busy {
    pub(crate) fn on(pulse: &Rc<Pulse>) -> Self {
        pulse.deadline.set(None);
        Self(pulse.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.deadline.set(Some(Instant::now() + self.0.between));
    }
}

/// A connection whose reads and writes fail after its deadline.
struct Timed {
    stream: TcpStream,
    pulse: Rc<Pulse>,
    timer: Pin<Box<Sleep>>,
}

impl Timed {
    fn new(stream: TcpStream, bounds: Bounds) -> Self {
        // A little more than actix has for the head, so that it can answer 408.
        let deadline = Instant::now() + bounds.head + Duration::from_secs(1);
        let pulse = Rc::new(Pulse { deadline: Cell::new(Some(deadline)), between: bounds.between });
        Self { stream, pulse, timer: Box::pin(tokio::time::sleep_until(deadline)) }
    }

    /// What to say instead of "not yet".
    fn late<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        let Some(deadline) = self.pulse.deadline.get() else { return Poll::Pending };
        if self.timer.deadline() != deadline {
            self.timer.as_mut().reset(deadline);
        }
        self.timer.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Timed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Also when there is something to read: a trickle must not last for ever.
        if let Poll::Ready(late) = self.late(context) {
            return Poll::Ready(late);
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Timed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(context, bytes) {
            Poll::Pending => self.late(context),
            written => written,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
