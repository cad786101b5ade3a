//! Signers, and what is made of their answers.

use proptest::prelude::*;

use super::*;

/// Gives what it was made with, whatever it is asked.
struct Parrot(Vec<u8>);

impl Signer for Parrot {
    fn sign<'a>(&'a self, _: Job<'a>) -> Signature<'a> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

fn software() -> Software {
    Software::new(fixture!("person-256.key.pem"), own()).unwrap()
}

fn job<'a>(message: &'a [u8], entropy: &'a Dice) -> Job<'a> {
    Job { message, form: Form::Bare, now: NOW, entropy }
}

async fn checked(signature: Vec<u8>, is_reversed: bool) -> Result<String, SignerError> {
    let (own, signer) = (own(), Parrot(signature));
    let checked = Checked { signer: &signer, certificate: &own, is_reversed };
    checked.sign(job(b"text", &Dice::default())).await
}

#[tokio::test]
async fn a_signature_that_esia_would_refuse_is_not_sent_and_the_sentence_says_what_to_change() {
    let good = software().sign(job(b"text", &Dice::default())).await.unwrap();
    let reversed: Vec<u8> = good.iter().rev().copied().collect();
    let swapped = [&good[32..], &good[..32]].concat();
    assert_eq!(checked(good.clone(), false).await.unwrap(), URL_SAFE_NO_PAD.encode(&good));
    assert_eq!(checked(reversed.clone(), true).await.unwrap(), URL_SAFE_NO_PAD.encode(&good));
    let mut altered = good.clone();
    altered[7] ^= 1;
    for (signature, is_reversed, said) in [
        (reversed, false, "change esia.signer_reversed"),
        (good.clone(), true, "change esia.signer_reversed"),
        (swapped, false, "r before s"),
        (altered, false, "no signature by the key of esia.certificate"),
        (good[1..].to_vec(), false, "63 octets"),
        (Vec::new(), false, "0 octets"),
    ] {
        match checked(signature, is_reversed).await {
            Err(SignerError::Unfit(sentence)) => assert!(sentence.contains(said), "{sentence}"),
            other => panic!("{said}: {other:?}"),
        }
    }
}

#[test]
fn every_way_of_writing_a_signature_is_read() {
    let octets: Vec<u8> = (0..64).map(|number| number * 4 + 3).collect();
    let hex = oid::hex(&octets);
    let (plain, url) = (base64::engine::general_purpose::STANDARD.encode(&octets), URL_SAFE_NO_PAD.encode(&octets));
    for written in [
        octets.clone(),
        hex.clone().into_bytes(),
        format!("{}\n", hex.to_uppercase()).into_bytes(),
        format!("{plain}\r\n").into_bytes(),
        url.into_bytes(),
        format!("{}\n{}", &plain[..64], &plain[64..]).into_bytes(),
    ] {
        assert_eq!(signer::read(&written, Form::Bare).unwrap(), octets);
    }
    let long = "0".repeat(200);
    for bad in [
        &b""[..],
        b"signature",
        &octets[1..],
        &hex.as_bytes()[1..],
        long.as_bytes(),
        "я".repeat(64).as_bytes(),
    ] {
        assert!(matches!(signer::read(bad, Form::Bare), Err(SignerError::Unfit(_))));
    }
    let der = [0x30, 1, 0];
    for written in [&der[..], b"MAEA", b"-----BEGIN CMS-----\nMAEA\n-----END CMS-----\n"] {
        assert_eq!(signer::read(written, Form::Detached).unwrap(), der);
    }
    assert!(signer::read(b"no message", Form::Detached).is_err());
}

#[test]
fn the_built_in_signer_wants_the_key_of_the_certificate() {
    assert!(Software::new(fixture!("person-256.key.pem"), own()).is_ok());
    let refusal = |key| Software::new(key, own()).err().unwrap();
    assert_eq!(refusal(fixture!("org-256.key.pem")), "is not the key of esia.certificate");
    assert!(refusal(fixture!("person-256.crt.pem")).contains("no private key"));
}

#[tokio::test]
async fn a_signing_service_is_asked_with_the_octets_and_answers_with_a_signature() {
    let good = software().sign(job(b"text", &Dice::default())).await.unwrap();
    let answer =
        |status: StatusCode, body: Vec<u8>| Ok(Response { status, headers: HeaderMap::new(), body: body.into() });
    let answers = [
        answer(StatusCode::OK, oid::hex(&good).into_bytes()),
        answer(StatusCode::OK, b"sorry".to_vec()),
        answer(StatusCode::FORBIDDEN, Vec::new()),
    ];
    let (fetch, calls) = Fetch::scripted(answers);
    let url = "https://sign.example.test/v1?key=7".parse().unwrap();
    let service = Service::new(fetch, url, Some(&"token".into())).unwrap();
    let ask = async || service.sign(job(b"text", &Dice::default())).await;
    assert_eq!(ask().await.unwrap(), good);
    assert!(matches!(ask().await, Err(SignerError::Unfit(_))));
    assert!(matches!(ask().await, Err(SignerError::Unavailable(_))));
    assert!(matches!(ask().await, Err(SignerError::Unavailable(_))));
    let call = calls.take().remove(0);
    assert_eq!(call.url.as_str(), "https://sign.example.test/v1?key=7&form=bare");
    assert_eq!((call.method, &call.body[..]), (Method::POST, &b"text"[..]));
    assert!(call.headers[AUTHORIZATION].is_sensitive());
    assert_eq!(call.headers[AUTHORIZATION], "Bearer token");
    let (fetch, _) = Fetch::scripted([]);
    assert!(Service::new(fetch, "https://sign.example.test".parse().unwrap(), Some(&"a\nb".into())).is_none());
}

#[tokio::test]
async fn an_attempt_does_not_begin_with_a_signer_that_fails() {
    let (mut esia, _) = esia(settings(), Vec::new());
    esia.signer = Arc::new(Parrot(vec![1; 64]));
    let failure = begin(&esia).await.unwrap_err();
    assert!(
        matches!(&failure, UpstreamError::Misconfigured { code, .. } if code == "signer"),
        "{failure}"
    );
    let (fetch, _) = Fetch::scripted([]);
    let service = Service::new(fetch, "https://sign.example.test".parse().unwrap(), None).unwrap();
    esia.signer = Arc::new(service);
    assert_eq!(begin(&esia).await.unwrap_err().code(), "upstream-unavailable");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_signed_is_verified_and_nothing_else(message in ".{0,200}", other in ".{0,20}", draw in any::<u64>()) {
        let dice = Dice(AtomicU64::new(draw));
        let own = own();
        let signer = software();
        let checked = Checked { signer: &signer, certificate: &own, is_reversed: false };
        let signing = checked.sign(job(message.as_bytes(), &dice));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let secret = runtime.block_on(signing).unwrap();
        prop_assert_eq!(secret.len(), 86);
        prop_assert!(is_signed(&secret, &message));
        prop_assert!(message == other || !is_signed(&secret, &other));
    }
}
