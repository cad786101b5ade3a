//! SMS over a real socket: the driver of `fetch` against the gateways that stand in for the real ones.

use std::sync::Arc;
use std::time::Duration;

use kabinet_core::ambient::Clock;
use kabinet_core::time::Timestamp;
use kabinet_fetch::sms::{Account, Gateway, Preset, Report, Settings, Sms, State, Template};
use kabinet_fetch::{Error, Failure, Fetch, Options};
use kabinet_standins::sms_gateway::{Behaviour, Control, Form, KEY, LOGIN, SENDER, router};
use url::Url;

const SMS: Sms<'static> = Sms {
    to: "+79161234567",
    text: "Код: 012345. Никому его не сообщайте. & + % ?\n@id.example.ru #012345",
    id: "m-1",
};

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp(1_780_000_000)
    }
}

struct Stand {
    control: Control,
    base: Url,
}

impl Stand {
    async fn start() -> Self {
        let (router, control) = router(Arc::new(Noon));
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/", socket.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move { axum::serve(socket, router).await });
        Self { control, base }
    }

    fn gateway(&self, form: Form, account: Account) -> Gateway {
        self.gateway_within(form, account, Duration::from_secs(60))
    }

    fn gateway_within(&self, form: Form, account: Account, timeout: Duration) -> Gateway {
        Gateway::new(fetch(timeout), template(form, self.base.join(form.path()).unwrap()), account)
    }
}

fn fetch(timeout: Duration) -> Fetch {
    let allow = vec!["127.0.0.0/8".parse().unwrap()];
    Fetch::new(Options { allow, timeout, ..Options::default() }).unwrap()
}

fn preset(form: Form) -> Option<Preset> {
    match form {
        Form::SmsRu => Some(Preset::SmsRu),
        Form::Smsc => Some(Preset::Smsc),
        Form::SmsAero => Some(Preset::SmsAero),
        Form::Exolve => Some(Preset::Exolve),
        Form::Generic => None,
    }
}

fn template(form: Form, url: Url) -> Template {
    let owned = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    let fields = owned(&["to={to_plus}", "text={text}", "id={id}", "sender={sender}"]);
    let (accepted, error, busy) = (owned(&["/status=ok", "!/error"]), owned(&["/error/code"]), owned(&["later"]));
    let settings = Settings {
        url: url.as_str(),
        auth: "bearer",
        body: "json",
        fields: &fields,
        accepted: &accepted,
        id: "/id",
        cost: "/price",
        error: &error,
        busy: &busy,
    };
    preset(form).map_or_else(|| Template::parse(&settings).unwrap(), |preset| preset.template(url.clone()))
}

fn account() -> Account {
    Account {
        login: LOGIN.to_owned(),
        key: KEY.to_owned(),
        sender: SENDER.to_owned(),
    }
}

fn refused(status: u16, code: Option<&str>) -> Failure {
    Failure::Refused { status, code: code.map(str::to_owned) }
}

#[tokio::test]
async fn each_gateway_takes_a_message_in_its_own_form_and_tells_id_and_price() {
    let stand = Stand::start().await;
    for (form, id, cost) in [
        (Form::SmsRu, "202648-1000001", Some(420)),
        (Form::Smsc, "2", Some(220)),
        (Form::SmsAero, "500000003", Some(549)),
        (Form::Exolve, "439166100000000004", None),
        (Form::Generic, "g-5", Some(150)),
    ] {
        let sent = stand.gateway(form, account()).send(SMS).await.unwrap();
        assert_eq!((sent.id.as_str(), sent.cost), (id, cost), "{form:?}");
        let taken = stand.control.taken().pop().unwrap();
        assert_eq!((taken.form, taken.id.as_str()), (form, id));
        assert_eq!((taken.to.as_str(), taken.text.as_str()), ("79161234567", SMS.text), "{form:?}");
        assert_eq!((taken.sender.as_str(), taken.at), (SENDER, 1_780_000_000));
    }
}

#[tokio::test]
async fn smsc_knows_a_key_without_a_login_too() {
    let stand = Stand::start().await;
    let by_key = Account { login: String::new(), ..account() };
    assert!(stand.gateway(Form::Smsc, by_key).send(SMS).await.is_ok());
}

#[tokio::test]
async fn each_gateway_refuses_a_wrong_key_in_its_own_words() {
    let stand = Stand::start().await;
    for (form, failure) in [
        (Form::SmsRu, refused(200, Some("200"))),
        (Form::Smsc, refused(200, Some("2"))),
        (Form::SmsAero, refused(401, None)),
        (Form::Exolve, refused(401, Some("401"))),
        (Form::Generic, refused(200, Some("key"))),
    ] {
        let wrong = Account { key: "another".to_owned(), ..account() };
        assert_eq!(stand.gateway(form, wrong).send(SMS).await, Err(failure), "{form:?}");
    }
    assert_eq!(stand.control.taken(), []);
}

#[tokio::test]
async fn each_gateway_refuses_what_it_cannot_send() {
    let stand = Stand::start().await;
    let short = Sms { to: "+79161234", ..SMS };
    let empty = Sms { text: " ", ..SMS };
    for (form, number, text) in [
        (Form::SmsRu, refused(200, Some("202")), refused(200, Some("203"))),
        (Form::Smsc, refused(200, Some("7")), refused(200, Some("1"))),
        (Form::SmsAero, refused(400, None), refused(400, None)),
        (Form::Exolve, refused(400, Some("400")), refused(400, Some("400"))),
        (Form::Generic, refused(200, Some("number")), refused(200, Some("text"))),
    ] {
        let gateway = stand.gateway(form, account());
        assert_eq!(gateway.send(short).await, Err(number), "{form:?}");
        assert_eq!(gateway.send(empty).await, Err(text), "{form:?}");
    }
    for form in [Form::SmsAero, Form::Exolve] {
        let nameless = Account { sender: String::new(), ..account() };
        assert_eq!(preset(form).and_then(|preset| preset.misses(&nameless)), Some("sender"));
        let failure = stand.gateway(form, nameless).send(SMS).await.unwrap_err();
        assert!(matches!(failure, Failure::Refused { status: 400, .. }), "{form:?}: {failure}");
    }
    assert_eq!(stand.control.taken(), []);
}

#[tokio::test]
async fn each_behaviour_says_whether_the_message_may_have_been_sent() {
    for form in Form::ALL {
        let stand = Stand::start().await;
        let gateway = stand.gateway(form, account());
        for (behaviour, failure, taken) in [
            (Behaviour::TooMany, Failure::Busy, 0),
            (Behaviour::ServerError, Failure::Unclear(Error::Status(500)), 0),
            (Behaviour::Reset, Failure::Unclear(Error::Broken), 1),
        ] {
            stand.control.then(behaviour.clone());
            let before = stand.control.taken().len();
            let sms = Sms { id: "each", ..SMS };
            assert_eq!(gateway.send(sms).await, Err(failure), "{form:?} {behaviour:?}");
            assert_eq!(stand.control.taken().len() - before, taken, "{form:?} {behaviour:?}");
        }
        stand.control.then(Behaviour::Delay(Duration::from_millis(20)));
        assert!(gateway.send(SMS).await.is_ok(), "{form:?}: late is not lost");
        stand.control.then(Behaviour::Duplicate);
        let before = stand.control.taken().len();
        gateway.send(Sms { id: "m-2", ..SMS }).await.unwrap();
        assert_eq!(stand.control.taken().len() - before, 2, "{form:?}");
        stand.control.until_changed(Behaviour::Hang);
        let impatient = stand.gateway_within(form, account(), Duration::from_millis(300));
        let failure = impatient.send(Sms { id: "m-3", ..SMS }).await;
        assert_eq!(failure, Err(Failure::Unclear(Error::TimedOut)), "{form:?}");
    }
}

#[tokio::test]
async fn a_refusal_keeps_its_code_and_some_codes_only_ask_for_patience() {
    let stand = Stand::start().await;
    for (form, code, failure) in [
        // SMS.ru says OK to the request and gives the refused message an id.
        (Form::SmsRu, "207", refused(200, Some("207"))),
        (Form::SmsRu, "220", Failure::Busy),
        (Form::Smsc, "3", refused(200, Some("3"))),
        // SMSC.ru gives these an id.
        (Form::Smsc, "6", refused(200, Some("6"))),
        (Form::Smsc, "8", refused(200, Some("8"))),
        (Form::Smsc, "9", Failure::Busy),
        (Form::SmsAero, "402", refused(402, None)),
        (Form::Exolve, "403", refused(403, Some("403"))),
        (Form::Generic, "forbidden", refused(200, Some("forbidden"))),
        (Form::Generic, "later", Failure::Busy),
    ] {
        stand.control.then(Behaviour::Refuse(code.to_owned()));
        let failed = stand.gateway(form, account()).send(SMS).await.unwrap_err();
        assert_eq!(failed, failure, "{form:?} {code}");
        assert!(failed.is_certain());
    }
    assert_eq!(stand.control.taken(), []);
}

#[tokio::test]
async fn a_gateway_that_knows_our_id_refuses_a_second_copy() {
    let stand = Stand::start().await;
    let gateway = stand.gateway(Form::Generic, account());
    gateway.send(SMS).await.unwrap();
    assert_eq!(gateway.send(SMS).await, Err(refused(200, Some("duplicate"))));
    assert_eq!(stand.control.taken().len(), 1);
}

#[tokio::test]
async fn what_never_reached_a_gateway_was_surely_not_sent() {
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    drop(socket);
    let stand = Stand::start().await;
    let plain_port = stand.base.port().unwrap();
    for url in [
        format!("http://127.0.0.1:{port}/"),
        // No TLS there: the handshake fails.
        format!("https://127.0.0.1:{plain_port}/"),
        "https://no-such-name.invalid/".to_owned(),
        // The guard of outgoing calls.
        "http://10.0.0.1/".to_owned(),
    ] {
        let template = template(Form::SmsRu, url.parse().unwrap());
        let gateway = Gateway::new(fetch(Duration::from_secs(60)), template, account());
        assert_eq!(gateway.send(SMS).await, Err(Failure::Unreached), "{url}");
    }
    assert_eq!(stand.control.requests(), 0);
}

#[tokio::test]
async fn call_backs_name_the_message_that_was_taken() {
    let stand = Stand::start().await;
    for form in Form::ALL {
        let Some(preset) = preset(form) else {
            continue;
        };
        let sent = stand.gateway(form, account()).send(SMS).await.unwrap();
        let taken = stand.control.taken().pop().unwrap();
        for (is_delivered, state) in [(true, State::Delivered), (false, State::Failed)] {
            let (kind, body) = taken.callback(is_delivered).unwrap();
            let reports = preset.reports(kind, body.as_bytes()).unwrap();
            assert_eq!(reports, [Report { id: sent.id.clone(), state }], "{form:?}");
        }
    }
}

#[tokio::test]
async fn behaviour_is_asked_for_over_http_and_the_page_says_what_it_is() {
    let stand = Stand::start().await;
    let fetch = fetch(Duration::from_secs(60));
    let control = stand.base.join("/control").unwrap();
    let ask = |value: serde_json::Value| {
        let (fetch, control) = (fetch.clone(), control.clone());
        async move { fetch.post_json(control, &value).await.unwrap().status.as_u16() }
    };
    assert_eq!(ask(serde_json::json!({"behaviour": "refuse", "code": "207", "next": 1})).await, 204);
    assert_eq!(ask(serde_json::json!({"behaviour": "too-many", "next": 1})).await, 204);
    assert_eq!(ask(serde_json::json!({"behaviour": "explode"})).await, 422);
    let gateway = stand.gateway(Form::SmsRu, account());
    assert_eq!(gateway.send(SMS).await, Err(refused(200, Some("207"))));
    assert_eq!(gateway.send(SMS).await, Err(Failure::Busy));
    gateway.send(Sms { text: "<script>alert(1)</script>", ..SMS }).await.unwrap();
    let list: serde_json::Value = fetch.get(control).await.unwrap().json().unwrap();
    assert_eq!((&list[0]["form"], &list[0]["to"]), (&"smsru".into(), &"79161234567".into()));
    let page = fetch.get(stand.base.join("/sms-gateway").unwrap()).await.unwrap();
    let text = String::from_utf8(page.body.to_vec()).unwrap();
    assert!(text.contains("Это подставной SMS-шлюз") && text.contains("+79161234567"));
    assert!(!text.contains("<script") && text.contains("alert(1)"));
    assert!(
        page.headers["content-security-policy"]
            .to_str()
            .unwrap()
            .starts_with("default-src 'none'")
    );
}
