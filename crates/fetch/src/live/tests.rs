//! Against real listeners on loopback.

use std::sync::Mutex;
use std::time::Duration;

use http::{HeaderValue, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::Fetch;

/// What the listener does once it has read a request's head.
#[derive(Clone)]
enum Behaviour {
    /// Writes this and closes.
    Say(String),
    /// Writes the head of an answer without a length and then a body without end.
    Endless,
    /// Writes a head and one byte of the body, and then nothing.
    Stall,
}

/// A listener and the heads of the requests that it got.
struct Listener {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    async fn start(behaviour: Behaviour) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                tokio::spawn(serve(stream, behaviour.clone(), Arc::clone(&seen)));
            }
        });
        Self { port, heads }
    }

    fn url(&self, rest: &str) -> Url {
        format!("http://127.0.0.1:{}{rest}", self.port).parse().unwrap()
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, behaviour: Behaviour, heads: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    heads.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
    match behaviour {
        Behaviour::Say(text) => drop(stream.write_all(text.as_bytes()).await),
        Behaviour::Endless => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            while stream.write_all(&[b'a'; 4096]).await.is_ok() {}
        }
        Behaviour::Stall => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\na").await;
            std::future::pending::<()>().await;
        }
    }
}

fn ok(body: &str) -> Behaviour {
    Behaviour::Say(format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    ))
}

fn redirect(to: &str) -> Behaviour {
    Behaviour::Say(format!(
        "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    ))
}

fn loopback() -> Options {
    Options {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        ..Options::default()
    }
}

fn fetch(options: Options) -> Fetch {
    Fetch::new(options).unwrap()
}

async fn get(fetch: &Fetch, url: &str) -> Error {
    fetch.get(url.parse().unwrap()).await.unwrap_err()
}

#[tokio::test]
async fn a_listed_address_is_called_over_http_by_number_and_by_name() {
    let listener = Listener::start(ok("hello")).await;
    let fetch = fetch(loopback());
    let answer = fetch.get(listener.url("/x?y=1")).await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"hello"[..]));
    let named = format!("http://localhost:{}/", listener.port).parse().unwrap();
    assert_eq!(&fetch.get(named).await.unwrap().body[..], b"hello");
    assert!(listener.heads()[0].starts_with("GET /x?y=1 HTTP/1.1\r\n"));
    assert!(!listener.heads()[0].to_lowercase().contains("cookie"));
}

#[tokio::test]
async fn no_spelling_of_an_inner_address_is_connected_to() {
    let listener = Listener::start(ok("secret")).await;
    let fetch = fetch(Options::default());
    let hosts = "127.0.0.1 127.1 127.0.1 2130706433 0x7f000001 0x7f.1 0177.0.0.1 017700000001 127.0.0.1. 127.255.255.254 \
        0.0.0.0 0 [::1] [::] [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:ffff:7f00:1] [::127.0.0.1] [64:ff9b::7f00:1] \
        localhost LOCALHOST localhost. %31%32%37.0.0.1 １２７.0.0.1 127。0。0。1 ①②⑦.0.0.1 169.254.169.254 10.0.0.1 192.168.1.1";
    for host in hosts.split_whitespace() {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}:{}/", listener.port);
            assert_eq!(get(&fetch, &url).await, Error::Refused, "{url}");
        }
    }
    assert_eq!(listener.heads(), Vec::<String>::new());
}

#[tokio::test]
async fn http_is_refused_to_a_public_address_and_so_is_every_other_scheme() {
    let fetch = fetch(loopback());
    for url in [
        "http://1.1.1.1/",
        "ftp://1.1.1.1/",
        "file:///etc/hostname",
        "gopher://127.0.0.1/",
        "data:,x",
        "unix:/x",
    ] {
        assert_eq!(get(&fetch, url).await, Error::Refused, "{url}");
    }
    assert_eq!(get(&fetch, "http://user:word@127.0.0.1/").await, Error::Refused);
    assert_eq!(get(&fetch, "http://no-such-name.invalid/").await, Error::Refused);
}

#[tokio::test]
async fn http_to_a_public_address_is_for_who_allows_it_and_opens_nothing_inside() {
    let live = Live::new(Options { plain_http: true, ..loopback() }).unwrap();
    let pool = async |url: &str| live.pool_for(&url.parse().unwrap()).await;
    for url in ["http://1.1.1.1/", "https://1.1.1.1/", "http://crl.example/", "https://crl.example/"] {
        assert!(matches!(pool(url).await, Ok(Pool::Outside)), "{url}");
    }
    assert!(matches!(pool("http://127.0.0.1/").await, Ok(Pool::Inside)));
    for url in [
        "http://10.0.0.1/",
        "http://[::1]/",
        "https://169.254.169.254/",
        "ftp://1.1.1.1/",
        "ldap://crl.example/",
    ] {
        assert!(matches!(pool(url).await, Err(Error::Refused)), "{url}");
    }
}

#[test]
fn each_pool_keeps_only_the_addresses_that_it_may_connect_to() {
    let found: Vec<SocketAddr> = ["10.0.0.1:0", "8.8.8.8:0", "[::1]:0", "127.0.0.1:0"]
        .map(|text| text.parse().unwrap())
        .into();
    let allow = ["127.0.0.0/8".parse().unwrap()];
    let kept = |scope| {
        permitted(found.clone().into_iter(), &allow, scope)
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(kept(Scope::Listed), ["127.0.0.1:0"]);
    assert_eq!(kept(Scope::ListedAndPublic), ["8.8.8.8:0", "127.0.0.1:0"]);
}

#[tokio::test]
async fn a_redirect_is_handed_back_unless_it_was_asked_to_follow() {
    let end = Listener::start(ok("end")).await;
    let start = Listener::start(redirect(end.url("/there").as_str())).await;
    let fetch = fetch(loopback());
    let answer = fetch.get(start.url("/")).await.unwrap();
    assert_eq!(answer.status, StatusCode::FOUND);
    assert_eq!(answer.success().unwrap_err(), Error::Status(302));
    assert!(end.heads().is_empty());

    let mut request = Request { follow: 1, ..Request::new(Method::GET, start.url("/")) };
    request.headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer x"));
    assert_eq!(&fetch.request(request.clone()).await.unwrap().body[..], b"end");
    assert!(start.heads()[1].contains("Bearer x"));
    assert!(!end.heads()[0].contains("Bearer x"), "another origin gets no header of the caller");

    let post = Request { method: Method::POST, ..request };
    assert_eq!(fetch.request(post).await.unwrap().status, StatusCode::FOUND);
}

#[tokio::test]
async fn each_hop_is_checked_again() {
    for inner in ["http://127.9.9.9/", "https://[::1]/", "http://10.0.0.1/", "file:///etc/hostname", "http://1.1.1.1/"]
    {
        let start = Listener::start(redirect(inner)).await;
        let only_this = Options {
            allow: vec!["127.0.0.1/32".parse().unwrap()],
            ..Options::default()
        };
        let request = Request { follow: 3, ..Request::new(Method::GET, start.url("/")) };
        assert_eq!(fetch(only_this).request(request).await.unwrap_err(), Error::Refused, "{inner}");
    }
    let url: Url = "https://rp.example/a".parse().unwrap();
    let location = |to| HeaderMap::from_iter([(header::LOCATION, HeaderValue::from_static(to))]);
    assert_eq!(target(&url, &location("http://rp.example/b")), Err(Error::Refused), "https is never left");
    assert_eq!(target(&url, &location("/b")).unwrap().as_str(), "https://rp.example/b");
}

#[tokio::test]
async fn redirects_end_at_the_number_asked_for() {
    let circle = Listener::start(redirect("/again")).await;
    let request = Request { follow: 3, ..Request::new(Method::GET, circle.url("/")) };
    assert_eq!(fetch(loopback()).request(request).await.unwrap().status, StatusCode::FOUND);
    assert_eq!(circle.heads().len(), 4);
}

#[tokio::test]
async fn a_body_is_cut_off_at_its_limit_whether_announced_or_not() {
    let endless = Listener::start(Behaviour::Endless).await;
    assert_eq!(fetch(loopback()).get(endless.url("/")).await.unwrap_err(), Error::TooLarge);
    let announced = Listener::start(ok(&"a".repeat(65_537))).await;
    assert_eq!(fetch(loopback()).get(announced.url("/")).await.unwrap_err(), Error::TooLarge);
    let request = Request {
        max_body: Some(65_537),
        ..Request::new(Method::GET, announced.url("/"))
    };
    assert_eq!(fetch(loopback()).request(request).await.unwrap().body.len(), 65_537);
}

#[tokio::test]
async fn a_slow_body_ends_with_the_deadline_of_the_whole_call() {
    let slow = Listener::start(Behaviour::Stall).await;
    let options = Options { timeout: Duration::from_millis(300), ..loopback() };
    assert_eq!(fetch(options).get(slow.url("/")).await.unwrap_err(), Error::TimedOut);
}

#[tokio::test]
async fn what_was_asked_and_what_was_not_are_told_apart() {
    let silent = Listener::start(Behaviour::Say(String::new())).await;
    assert_eq!(get(&fetch(loopback()), silent.url("/").as_str()).await, Error::Broken);
    assert_eq!(silent.heads().len(), 1);
    let cut = Listener::start(Behaviour::Say("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\na".to_owned())).await;
    assert_eq!(get(&fetch(loopback()), cut.url("/").as_str()).await, Error::Broken);
    let no_tls = Listener::start(ok("plain")).await;
    let refused = get(&fetch(loopback()), &format!("https://127.0.0.1:{}/", no_tls.port)).await;
    assert_eq!(refused, Error::Unreachable, "TLS was not made");
}

#[tokio::test]
async fn a_closed_port_reads_like_a_forbidden_address_and_like_silence() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let closed = get(&fetch(loopback()), &format!("http://127.0.0.1:{port}/")).await;
    assert_eq!(closed, Error::Unreachable);
    assert_eq!(closed.to_string(), Error::Refused.to_string());
    assert_eq!(closed.to_string(), Error::TimedOut.to_string());
    assert_eq!(closed.to_string(), Error::Broken.to_string());
}

#[tokio::test]
async fn a_proxy_gets_public_targets_only_and_listed_ones_go_past_it() {
    let proxy = Listener::start(Behaviour::Say("HTTP/1.1 502 No\r\ncontent-length: 0\r\n\r\n".to_owned())).await;
    let inner = Listener::start(ok("inner")).await;
    let fetch = fetch(Options { proxy: Some(proxy.url("")), ..loopback() });
    assert_eq!(get(&fetch, "https://1.1.1.1/").await, Error::Unreachable);
    assert!(proxy.heads()[0].starts_with("CONNECT 1.1.1.1:443 "));
    assert_eq!(get(&fetch, "https://10.0.0.1/").await, Error::Refused);
    assert_eq!(&fetch.get(inner.url("/")).await.unwrap().body[..], b"inner");
    assert_eq!(proxy.heads().len(), 1);
}

#[test]
fn options_that_cannot_be_used_are_named() {
    let ca = Options {
        ca: Some(Bytes::from_static(b"nothing")),
        ..Options::default()
    };
    assert!(matches!(Fetch::new(ca), Err(BadOptions::Ca)));
    let proxy = Options {
        proxy: Some("socks5://127.0.0.1:1".parse().unwrap()),
        ..Options::default()
    };
    assert!(matches!(Fetch::new(proxy), Err(BadOptions::Proxy)));
}
