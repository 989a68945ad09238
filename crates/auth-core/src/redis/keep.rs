//! The connection, and a new one when it is lost.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::{MultiplexedConnection, SendError};
use redis::{AsyncConnectionConfig, PushInfo, PushKind, RedisResult, Value, cmd};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::{Link, Redis};

/// How long a connection may take until it answers, and an idle one its answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often an idle connection is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(1);

const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A connection that has lasted this long was a good one: the next is tried soon.
const STEADY: Duration = Duration::from_secs(10);

impl Redis {
    /// Keeps a connection, for as long as this is polled. What is wrong is logged once, and once that it is over.
    pub(crate) async fn keep(&self) {
        let mut pause = SHORTEST_PAUSE;
        let mut is_told = false;
        loop {
            let began = Instant::now();
            let ended = Arc::new(Notify::new());
            match self.connect(&ended).await {
                Ok(connection) => {
                    tracing::info!(redis = %self, "connected to Redis");
                    is_told = false;
                    let link = Link { number: self.next_number(), connection };
                    self.link.send_replace(Some(link.clone()));
                    // Something may have been said while nobody listened.
                    self.heard.notify_one();
                    self.watch(link, &ended).await;
                    self.link.send_replace(None);
                    tracing::warn!(redis = %self, "Redis does not answer any more; the database is asked instead");
                }
                Err(reason) if !is_told => {
                    is_told = true;
                    tracing::warn!(redis = %self, reason, "Redis does not answer; the database is asked instead");
                }
                Err(_) => {}
            }
            if began.elapsed() >= STEADY {
                pause = SHORTEST_PAUSE;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// A connection that listens, and has answered.
    async fn connect(&self, ended: &Arc<Notify>) -> Result<MultiplexedConnection, String> {
        let (heard, name, ended) = (self.heard.clone(), self.name.clone(), ended.clone());
        let hear = move |push: PushInfo| -> Result<(), SendError> {
            match push.kind {
                PushKind::Disconnection => ended.notify_one(),
                // What we have said ourselves, we know.
                PushKind::Message if !is_from(&push, &name) => heard.notify_one(),
                _ => {}
            }
            Ok(())
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            .set_push_sender(hear);
        let connected = async {
            let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
            connection.subscribe(self.channel()).await?;
            ping(&mut connection).await?;
            RedisResult::Ok(connection)
        };
        match timeout(2 * PATIENCE, connected).await {
            Ok(connected) => connected.map_err(|error| error.to_string()),
            Err(_late) => Err(format!("no answer within {} s", (2 * PATIENCE).as_secs())),
        }
    }

    /// Until the connection is over, or somebody has waited for it in vain.
    async fn watch(&self, mut link: Link, ended: &Notify) {
        let mut links = self.link.subscribe();
        loop {
            tokio::select! {
                () = ended.notified() => return,
                _ = links.wait_for(Option::is_none) => return,
                () = sleep(PING_EVERY) => {
                    if !matches!(timeout(PATIENCE, ping(&mut link.connection)).await, Ok(Ok(()))) {
                        return;
                    }
                }
            }
        }
    }
}

async fn ping(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    cmd("PING").query_async(connection).await
}

fn is_from(push: &PushInfo, name: &str) -> bool {
    matches!(push.data.last(), Some(Value::BulkString(text)) if text == name.as_bytes())
}
