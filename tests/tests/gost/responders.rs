//! Sign-in while the authority publishes no list: its OCSP responder is asked, and no more often than needed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kabinet_gost::ocsp;
use kabinet_tests::signature::Challenge;
use kabinet_tests::{Browser, eventually};

use crate::trust::{Reply, World, kind};

const OCSP: &str = "/ocsp";

/// A provider whose clock shows what the engine's does: answers of `openssl ocsp` are of the present.
async fn world() -> World {
    let mut world = World::with(true).await;
    let present = kabinet::Ambient::real().clock.now().0;
    world.app.clock.advance(present - world.app.now());
    let list = world.engine.list("root", &kind(), "20240101000000Z", "20440101000000Z");
    world.publisher.reply("/root.crl", Reply::Body(list));
    world.publisher.reply("/issuing.crl", Reply::Status(404));
    world.trust_root().await;
    world.app.restart().await;
    world
}

impl World {
    /// What the responder answers about somebody from now on.
    fn answer_about(&self, name: &str, signer: &str) {
        let request = ocsp::request(&self.certificate(name), &self.certificate("issuing")).unwrap();
        self.publisher.reply(OCSP, Reply::Body(self.engine.answer(&kind(), signer, &request)));
    }

    /// Why somebody is not signed in; empty: the signature was accepted.
    async fn sign_in(&self, name: &str) -> String {
        let mut browser: Browser = self.app.browser();
        browser.get("/login/certificate").await;
        let asked = Challenge::of(&browser).await;
        self.engine.write("content", &asked.text);
        let (certificate, key) = (format!("{name}.crt"), format!("{name}.key"));
        let fixed = ["cms", "-sign", "-binary", "-in", "content", "-signer", &certificate, "-inkey", &key];
        let form = ["-md", kind().digest, "-cades", "-nosmimecap", "-certfile", "issuing.crt", "-outform", "DER"];
        self.engine.run(&[&fixed[..], &form, &["-out", "message.der"]].concat());
        let signature = STANDARD.encode(self.engine.read("message.der"));
        browser
            .submit("certificate-form", &[("challenge", &asked.id), ("signature", &signature)], "submit")
            .await;
        if browser.page.has("unlinked") {
            return String::new();
        }
        let refusal = browser.page.html.attribute("certificate-error", "data-error");
        refusal.unwrap_or_else(|| panic!("{}", browser.page.text()))
    }

    /// What a sign-in leads to once the responder was heard, which on a busy machine may take longer than one waits.
    async fn leads_to(&self, name: &str, outcome: &str) {
        eventually(outcome, async || {
            self.app.clock.advance(61);
            self.sign_in(name).await == outcome
        })
        .await;
    }

    /// The root's list is fetched, which may take longer than a sign-in waits.
    async fn settled(&self) {
        eventually("the root's list is there", async || {
            self.sign_in("person").await;
            self.publisher.hits(OCSP) > 0
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_responder_clears_and_revokes_where_there_is_no_list() {
    let world = world().await;
    assert_eq!(world.sign_in("person").await, "revocation_unknown", "nobody answers");
    world.settled().await;
    let asked = world.publisher.hits(OCSP);
    assert_eq!(world.sign_in("person").await, "revocation_unknown");
    assert_eq!(world.publisher.hits(OCSP), asked, "whoever gave no answer is left alone for a minute");

    world.answer_about("person", "issuing");
    world.leads_to("person", "").await;
    let asked = world.publisher.hits(OCSP);
    assert_eq!(world.sign_in("person").await, "");
    assert_eq!(world.publisher.hits(OCSP), asked, "the answer is remembered");

    world.answer_about("revoked", "issuing");
    world.leads_to("revoked", "revoked").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_of_a_stranger_about_another_or_over_its_size_is_none() {
    let world = world().await;
    world.settled().await;
    for reply in [
        Reply::Body(vec![0x30; 70_000]),
        Reply::Body(Vec::new()),
        Reply::Status(500),
        Reply::Redirect(world.publisher.at("/elsewhere")),
    ] {
        world.app.clock.advance(61);
        world.publisher.reply(OCSP, reply);
        assert_eq!(world.sign_in("person").await, "revocation_unknown");
    }
    assert_eq!(world.publisher.hits("/elsewhere"), 0, "no redirect is followed");
    for (about, signer) in [("person", "person"), ("revoked", "issuing")] {
        world.app.clock.advance(61);
        world.answer_about(about, signer);
        assert_eq!(world.sign_in("person").await, "revocation_unknown", "{about} {signer}");
    }
    world.answer_about("person", "issuing");
    world.leads_to("person", "").await;
}
