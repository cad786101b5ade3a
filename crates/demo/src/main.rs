//! `kabinet-demo`: the provider, two products and the stand-ins in one process on loopback, ready to be clicked through.
//!
//! 1. A directory is taken: `--dir`, or a fresh one that goes at the end. It holds the database, the outbox and
//!    `demo.json` with the ports, the password and the clients' secrets, so that a second run goes on with the same.
//! 2. The sockets are bound: the last run's ports, else 8080 for the provider, else free ones.
//! 3. The account and the clients are made where they are missing, and everything starts.
//! 4. Once all of it answers, the addresses are printed: for people, or with `--json` as one line.
//!
//! `kabinet-demo toolbox` runs the stand-in for Astral.Toolbox alone, for whoever has a provider of their own, and
//! `kabinet-demo console` is a console program that signs a person in by a code.
//!
//! Ctrl-C or SIGTERM ends it within two seconds.

mod console;
mod party;
mod place;
mod post;
mod print;
mod provider;
mod providers;
mod seed;
mod toolbox;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use clap::{Parser, Subcommand};
use kabinet::{Ambient, Shutdown};
use kabinet_fetch::{Fetch, Options};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use url::Url;

use party::protocol::Registration;
use party::{Neighbours, PRODUCTS};
use place::{Place, Sockets};
use post::Post;
use providers::Providers;
use toolbox::Program;

/// From the signal to the end, at most.
const LAST_BREATH: Duration = Duration::from_millis(1900);

/// The single sign-on provider with two demonstration products, on this machine alone
#[derive(Parser)]
#[command(name = "kabinet-demo", version)]
struct Arguments {
    /// Print one line of JSON once everything answers
    #[arg(long)]
    json: bool,
    /// Keep everything in this directory and go on with what is there; without it nothing is kept
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    #[command(subcommand)]
    alone: Option<Alone>,
}

/// A part that can run alone.
#[derive(Subcommand)]
enum Alone {
    /// The stand-in for Astral.Toolbox: it signs with invented certificates and prints where everything is as one line of JSON
    Toolbox {
        /// The directory of the certificates; one that has them is gone on with
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// Where it listens; 0: anywhere
        #[arg(long, default_value_t = kabinet_standins::toolbox::PORT)]
        port: u16,
    },
    /// A console program that shows a code, waits until a person allows it on another screen, and prints who that is
    Console {
        /// The provider
        #[arg(long, value_name = "URL")]
        issuer: String,
        /// A client of the profile `device`
        #[arg(long, value_name = "ID")]
        client_id: String,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(why) => return complain(&why.into()),
    };
    let ended = runtime.block_on(live(arguments));
    // A key that is still being made must not hold up the end.
    runtime.shutdown_background();
    ended.map_or_else(|why| complain(&why), |()| ExitCode::SUCCESS)
}

fn complain(why: &anyhow::Error) -> ExitCode {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "kabinet-demo: {why:#}");
    ExitCode::FAILURE
}

async fn live(arguments: Arguments) -> anyhow::Result<()> {
    let mut ending = Ending::new()?;
    match arguments.alone {
        Some(Alone::Toolbox { dir, port }) => return sign_alone(&dir, port, &mut ending).await,
        Some(Alone::Console { issuer, client_id }) => return console::sign_in(issuer, client_id).await,
        None => {}
    }
    let place = Place::open(arguments.dir, &Ambient::real())?;
    let ended = run(&place, arguments.json, &mut ending).await;
    place.leave();
    ended
}

async fn sign_alone(dir: &Path, port: u16, ending: &mut Ending) -> anyhow::Result<()> {
    let program = Program::open(&std::path::absolute(dir)?, port).await?;
    let (told, (socket, router)) = (program.json(), program.split());
    let served = serve(socket, router);
    writeln!(std::io::stdout(), "{told}")?;
    ending.signal().await;
    served.abort();
    Ok(())
}

/// Starts everything and stays until the signal, which may come before everything has started.
async fn run(place: &Place, json: bool, ending: &mut Ending) -> anyhow::Result<()> {
    let running = tokio::select! {
        started = start(place, json) => started?,
        () = ending.signal() => return Ok(()),
    };
    stay(ending, running).await
}

/// What runs until the signal.
struct Running {
    shutdown: Shutdown,
    provider: JoinHandle<anyhow::Result<()>>,
    sites: Vec<JoinHandle<std::io::Result<()>>>,
}

async fn start(place: &Place, json: bool) -> anyhow::Result<Running> {
    let ambient = Ambient::real();
    let sockets = Sockets::bind(&place.saved()).await?;
    let post = Post::open(place, Arc::clone(&ambient.clock)).await?;
    // Without the engine there is no signature program, and everything else goes on.
    let program = Program::usual(&place.toolbox()).await;
    let providers = Providers::open(place, &place.saved(), &ambient).await?;
    let at = provider::At {
        place,
        post: &post,
        providers: &providers,
        program: program.as_ref().ok(),
    };
    let bound = provider::bind(at).await?;
    let saved = place.update(|saved| {
        saved.issuer_port = Some(bound.port);
        saved.party_ports = sockets.parties.iter().map(place::port).collect();
        saved.outbox_port = Some(place::port(&sockets.outbox));
        saved.provider_ports = providers.ports();
    })?;
    kabinet::telemetry::install(&bound.config.log);
    let bases: Vec<Url> = sockets.parties.iter().map(|socket| place::url(socket, "/")).collect::<Result<_, _>>()?;
    seed::plant(&bound.config, &ambient, &saved, &bases).await?;
    if let Ok(program) = &program {
        seed::trust(&bound.config, &ambient, program).await?;
    }

    let fetch = Fetch::new(loopback()?)?;
    let outbox = place::url(&sockets.outbox, "/outbox")?;
    let mut sites = vec![serve(sockets.outbox, kabinet_standins::outbox::router(place.outbox()))];
    let (carried, (socket, gateway)) = post.split();
    sites.push(serve(socket, gateway));
    let store = kabinet::open_store(&bound.config).await?;
    sites.push(tokio::spawn(carried.carry(store, place.outbox())));
    let (served, mut standins) = providers.split(&bound.config.issuer);
    sites.extend(served.into_iter().map(|(socket, router)| serve(socket, router)));
    standins.push(program.map(|program| {
        let url = program.url.clone();
        let (socket, router) = program.split();
        sites.push(serve(socket, router));
        url
    }));
    for (n, socket) in sockets.parties.into_iter().enumerate() {
        let other = (n + 1) % PRODUCTS.len();
        let neighbours = Neighbours {
            outbox: outbox.clone(),
            other: (PRODUCTS[other].name, bases[other].clone()),
        };
        let registration = Registration {
            issuer: bound.config.issuer.clone(),
            client_id: saved.clients[n].id.clone(),
            client_secret: saved.clients[n].secret.clone(),
            base: bases[n].clone(),
            fetch: fetch.clone(),
        };
        sites.push(serve(
            socket,
            party::router(PRODUCTS[n], registration, neighbours, Arc::clone(&ambient.entropy)),
        ));
    }
    let issuer = bound.config.issuer.clone();
    let (shutdown, provider) = provider::serve(bound, ambient).await?;
    let printed = print::Parts {
        issuer: &issuer,
        password: &saved.password,
        bases: &bases,
        outbox: &outbox,
        standins: &standins,
        place,
    };
    until_all_answer(&fetch, &printed).await?;
    printed.print(json)?;
    Ok(Running { shutdown, provider, sites })
}

/// Waits for the signal, or for the provider to fail before it, and ends everything.
async fn stay(ending: &mut Ending, running: Running) -> anyhow::Result<()> {
    let Running { shutdown, mut provider, sites } = running;
    tokio::select! {
        () = ending.signal() => {}
        ended = &mut provider => return ended.context("the provider failed")?,
    }
    shutdown.begin();
    sites.iter().for_each(JoinHandle::abort);
    match tokio::time::timeout(LAST_BREATH, provider).await {
        Ok(ended) => ended?,
        Err(_) => Ok(()),
    }
}

fn loopback() -> anyhow::Result<Options> {
    let allow = vec!["127.0.0.0/8".parse()?, "::1/128".parse()?];
    Ok(Options { allow, ..Options::default() })
}

fn serve(socket: TcpListener, site: Router) -> JoinHandle<std::io::Result<()>> {
    tokio::spawn(async move { axum::serve(socket, site).await })
}

async fn until_all_answer(fetch: &Fetch, parts: &print::Parts<'_>) -> anyhow::Result<()> {
    let discovery: Url = format!("{}/.well-known/openid-configuration", parts.issuer).parse()?;
    let standins = parts.standins.iter().flatten();
    for url in std::iter::once(&discovery).chain(parts.bases).chain([parts.outbox]).chain(standins) {
        // The sockets are bound already, so a call waits until it is served.
        let answer = fetch.get(url.clone()).await.with_context(|| format!("{url} does not answer"))?;
        if !answer.status.is_success() {
            bail!("{url} answers with status {}", answer.status);
        }
    }
    Ok(())
}

/// Ctrl-C or SIGTERM.
struct Ending {
    term: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Ending {
    fn new() -> anyhow::Result<Self> {
        let term = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
        Ok(Self {
            term,
            interrupt: signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?,
        })
    }

    async fn signal(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
