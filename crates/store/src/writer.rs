//! The one writer of SQLite, with group commit.
//!
//! SQLite lets one transaction write at a time, and with `synchronous=FULL` each commit waits for the disk. So that
//! waiting transactions share that wait:
//!
//! 1. A transaction takes its turn on the one connection (first come, first served). The first of a batch opens the
//!    SQL transaction; the others set a savepoint inside it.
//! 2. When it wants to commit and somebody else is waiting, it leaves the SQL transaction open, passes the turn on and
//!    waits for the batch. The last in line commits for all, or the one that fills the batch.
//! 3. A transaction that rolls back undoes its savepoint only. If the shared commit fails, everybody in the batch gets
//!    the error, and nothing of the batch has happened.
//!
//! A transaction that is dropped half-way (the browser went away) is rolled back by a task of its own. One that is
//! dropped while it ends comes to that end: a commit of a batch or a rollback is never left half done, because others
//! wait for it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

use crate::{Error, Result};

/// How many transactions one commit may carry at most.
const BATCH: usize = 64;

type Verdict = std::result::Result<(), Arc<sqlx::Error>>;

/// The connection and the batch that it holds.
struct Line {
    connection: Option<SqliteConnection>,
    /// Whether an SQL transaction is open.
    open: bool,
    /// Those who passed the turn on and wait for the shared commit.
    batch: Vec<oneshot::Sender<Verdict>>,
}

impl Line {
    async fn run(&mut self, sql: &'static str) -> std::result::Result<(), sqlx::Error> {
        let connection = self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        sqlx::raw_sql(sql).execute(connection).await.map(drop)
    }

    /// Commits the batch and tells everybody in it.
    async fn flush(&mut self) -> Verdict {
        let verdict = if self.open {
            self.run("COMMIT").await.map_err(Arc::new)
        } else {
            Ok(())
        };
        if verdict.is_err() {
            // SQLite may have rolled back by itself; a second ROLLBACK is then an error that changes nothing.
            drop(self.run("ROLLBACK").await);
        }
        self.open = false;
        for waiting in self.batch.drain(..) {
            drop(waiting.send(verdict.clone()));
        }
        verdict
    }
}

/// Everybody who wants to write to the one file.
pub struct Writer {
    line: Arc<Mutex<Line>>,
    waiting: Arc<AtomicUsize>,
    patience: Duration,
}

impl Writer {
    /// Opens the writing connection. `patience`: how long a transaction waits for its turn.
    pub(crate) async fn open(options: &SqliteConnectOptions, patience: Duration) -> Result<Self> {
        let connection = connect(options, patience).await?;
        let line = Line { connection: Some(connection), open: false, batch: Vec::new() };
        Ok(Self {
            line: Arc::new(Mutex::new(line)),
            waiting: Arc::default(),
            patience,
        })
    }

    pub(crate) async fn migrate(&self, migrations: &Migrator) -> Result<()> {
        let mut line = self.line.lock().await;
        line.flush().await.map_err(Error::Shared)?;
        let connection = line.connection.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        // SQLite has no advisory lock: processes that migrate at once take the write lock before they look.
        let mut all = connection.begin_with("BEGIN IMMEDIATE").await?;
        migrations.run(&mut *all).await?;
        Ok(all.commit().await?)
    }

    pub(crate) async fn close(&self) {
        let mut line = self.line.lock().await;
        drop(line.flush().await);
        if let Some(connection) = line.connection.take()
            && let Err(e) = connection.close().await
        {
            tracing::warn!(error = %e, "the database was not closed cleanly");
        }
    }

    /// Takes the turn.
    pub(crate) async fn begin(&self) -> Result<Turn> {
        let place = Place::take(self);
        let line = tokio::time::timeout(self.patience, self.line.clone().lock_owned())
            .await
            .map_err(|_| Error::Busy)?;
        place.leave();
        let mut turn = Turn {
            line: Some(line),
            waiting: self.waiting.clone(),
            savepoint: false,
        };
        turn.savepoint = turn.line().open;
        if turn.savepoint {
            turn.line().run("SAVEPOINT turn").await?;
        } else {
            turn.line().run("BEGIN IMMEDIATE").await?;
            turn.line().open = true;
        }
        Ok(turn)
    }
}

/// Connects. SQLite does not wait for others while it sets a new file's journal mode, so this does.
async fn connect(options: &SqliteConnectOptions, patience: Duration) -> Result<SqliteConnection> {
    let tries = async {
        loop {
            match options.connect().await {
                Err(e) if is_busy(&e) => tokio::time::sleep(Duration::from_millis(5)).await,
                done => return Ok(done?),
            }
        }
    };
    tokio::time::timeout(patience, tries).await.map_err(|_| Error::Busy)?
}

/// SQLITE_BUSY, with or without an extended code.
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|e| e.code()).and_then(|code| code.parse::<i32>().ok());
    code.is_some_and(|code| code & 0xff == 5)
}

/// A place in the queue. Whoever leaves it without a turn must not leave a batch behind that counted on it.
struct Place {
    line: Arc<Mutex<Line>>,
    waiting: Arc<AtomicUsize>,
    left: bool,
}

impl Place {
    fn take(writer: &Writer) -> Self {
        writer.waiting.fetch_add(1, Ordering::SeqCst);
        Self {
            line: writer.line.clone(),
            waiting: writer.waiting.clone(),
            left: false,
        }
    }

    fn leave(mut self) {
        self.left = true;
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.left {
            return;
        }
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        let line = self.line.clone();
        tokio::spawn(async move {
            let mut line = line.lock().await;
            if !line.batch.is_empty() {
                drop(line.flush().await);
            }
        });
    }
}

/// The turn to write: one transaction.
pub struct Turn {
    line: Option<OwnedMutexGuard<Line>>,
    waiting: Arc<AtomicUsize>,
    savepoint: bool,
}

impl Turn {
    #[expect(
        clippy::expect_used,
        reason = "the guard is taken out only by methods that consume the turn"
    )]
    fn line(&mut self) -> &mut Line {
        self.line.as_mut().expect("a turn holds the line until it ends")
    }

    /// The connection, for one statement.
    #[expect(
        clippy::expect_used,
        reason = "a turn begins with a statement on the connection, so it is there"
    )]
    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        self.line().connection.as_mut().expect("the connection is open while a turn runs")
    }

    pub(crate) async fn commit(mut self) -> Result<()> {
        if self.savepoint {
            self.line().run("RELEASE turn").await?;
        }
        let Some(mut line) = self.line.take() else {
            return Ok(());
        };
        if self.waiting.load(Ordering::SeqCst) > 0 && line.batch.len() < BATCH {
            let (tell, told) = oneshot::channel();
            line.batch.push(tell);
            drop(line);
            return told.await.unwrap_or(Err(Arc::new(sqlx::Error::PoolClosed))).map_err(Error::Shared);
        }
        ToTheEnd::of(async move { line.flush().await }).await.map_err(Error::Shared)
    }

    pub(crate) async fn rollback(mut self) -> Result<()> {
        let Some(line) = self.line.take() else { return Ok(()) };
        let (savepoint, waiting) = (self.savepoint, self.waiting.clone());
        ToTheEnd::of(async move { undo(line, savepoint, &waiting).await }).await;
        Ok(())
    }
}

/// Work that goes on in a task of its own when nobody waits for it any more.
struct ToTheEnd<T: Send + 'static>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

impl<T: Send + 'static> ToTheEnd<T> {
    fn of(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(Box::pin(work)))
    }
}

impl<T: Send + 'static> Future for ToTheEnd<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Some(work) = &mut self.0 else { return Poll::Pending };
        let done = ready!(work.as_mut().poll(cx));
        self.0 = None;
        Poll::Ready(done)
    }
}

impl<T: Send + 'static> Drop for ToTheEnd<T> {
    fn drop(&mut self) {
        if let Some(work) = self.0.take() {
            tokio::spawn(work);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(line) = self.line.take() {
            let (savepoint, waiting) = (self.savepoint, self.waiting.clone());
            tokio::spawn(async move { undo(line, savepoint, &waiting).await });
        }
    }
}

/// Undoes one transaction; the batch before it stays, and is committed when nobody is left to do it.
async fn undo(mut line: OwnedMutexGuard<Line>, savepoint: bool, waiting: &AtomicUsize) {
    if !savepoint {
        drop(line.run("ROLLBACK").await);
        line.open = false;
        return;
    }
    if line.run("ROLLBACK TO turn; RELEASE turn").await.is_err() || waiting.load(Ordering::SeqCst) == 0 {
        drop(line.flush().await);
    }
}
