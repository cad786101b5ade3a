//! Sending what is in the queue. Any number of nodes may do so at once.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use kabinet_core::brand::Brands;
use kabinet_core::contact::Contact;
use kabinet_core::delivery::{Attempt, Breaker, Next, Outcome};
use kabinet_core::id::MessageId;
use kabinet_core::secret::Secret;
use kabinet_core::time::Timestamp;
use kabinet_store::message::{self, Line, Settled, State, Taken};

use super::{Body, Channel, Failure, Message, Purpose, Receipt, Report, Route};
use crate::{Error, Identity};

/// How long a message belongs to whoever took it, seconds: longer than any route takes.
const LEASE: i64 = 30;
/// The longest that a route may take.
const LIMIT: Duration = Duration::from_secs(20);
/// Messages that are sent beside each other.
const AT_ONCE: i64 = 16;
/// How often the queue is looked at when nobody tells of a message: those of other nodes, and second attempts.
const LOOK: Duration = Duration::from_secs(1);
/// Moscow is three hours ahead: a day that costs money ends at its midnight.
const MOSCOW: i64 = 3 * 3600;

/// What a route said to a test message.
pub struct Tested {
    /// The route's name.
    pub route: &'static str,
    /// Its answer.
    pub answer: Result<Receipt, Failure>,
}

/// What becomes of a gateway's call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Called {
    /// There is no such address.
    Nowhere,
    /// The call is not of the gateway's form.
    Malformed,
    /// It is noted; this is what the gateway wants to read.
    Taken(&'static str),
}

impl Identity {
    /// Waits until there may be something to send: this node has written a message, or a second has passed.
    pub async fn wait_for_post(&self) {
        let _ = tokio::time::timeout(LOOK, self.0.post.wake.notified()).await;
    }

    /// Sends everything that is due; how many attempts were made.
    ///
    /// # Errors
    /// When the database fails. What was taken by then is sent once its lease has ended.
    pub async fn deliver_due(&self) -> Result<usize, Error> {
        let mut made = 0;
        loop {
            let now = self.now();
            // A read first: an empty queue must not cost a write.
            if message::next_due(self.0.store.db()).await?.is_none_or(|due| due > now) {
                return Ok(made);
            }
            let mut tx = self.0.store.begin().await?;
            let expired = message::expire(&mut tx, now).await?;
            let taken = message::take(&mut tx, now, now.plus(LEASE), AT_ONCE).await?;
            tx.commit().await?;
            count_expired(expired);
            if taken.is_empty() && expired == 0 {
                return Ok(made);
            }
            made += taken.len();
            for done in join_all(taken.into_iter().map(|one| self.attempt(one))).await {
                done?;
            }
        }
    }

    /// Makes one attempt at one message and notes how it ended.
    async fn attempt(&self, taken: Taken) -> Result<(), Error> {
        let Some(message) = self.open(&taken) else {
            return self.give_up(&taken, "", "the body cannot be opened").await;
        };
        let routes = self.0.post.routes.of(message.channel);
        let wanted = routes.iter().position(|route| route.name() == taken.route).unwrap_or(0);
        let (place, route) = match self.admitted(message.channel, wanted) {
            Ok(place) => (place, &*routes[place]),
            Err(None) => return self.give_up(&taken, "", "no route is configured").await,
            Err(Some(at)) if at >= Timestamp(taken.expires_at) => {
                return self.give_up(&taken, &taken.route, "no route is well").await;
            }
            Err(Some(at)) => return self.again(&taken, (&taken.route, "no route is well"), at).await,
        };
        if !self.set_aside(route.price()).await? {
            tracing::error!(route = route.name(), "the day's limit for SMS is reached: messages are not sent");
            return self.give_up(&taken, route.name(), "day limit").await;
        }
        let answer = tokio::time::timeout(LIMIT, route.send(&message)).await;
        let answer = answer.unwrap_or_else(|_| Err(Failure::Unclear("time out".to_owned())));
        let attempt = Attempt {
            route: place,
            routes: routes.len(),
            number: taken.attempts,
            expires_at: Timestamp(taken.expires_at),
        };
        self.follow(&taken, route, attempt, answer).await
    }

    /// Does what follows from a route's answer.
    async fn follow(
        &self,
        taken: &Taken,
        route: &dyn Route,
        attempt: Attempt,
        answer: Result<Receipt, Failure>,
    ) -> Result<(), Error> {
        let (now, routes) = (self.now(), &self.0.post.routes);
        let channel = channel_of(taken);
        let (outcome, reason) = match &answer {
            Ok(_) => (Outcome::Taken, String::new()),
            Err(failure) => (outcome_of(failure), failure.to_string()),
        };
        count_attempt(route, channel, outcome);
        if self.breaker(channel, |breakers| breakers[attempt.route].note(outcome, now)) {
            tracing::error!(
                route = route.name(),
                seconds = Breaker::PAUSE,
                "a route fails again and again and is left alone"
            );
        }
        match (attempt.next(outcome, now), answer) {
            (Next::Done, Ok(receipt)) => self.sent(taken, route, receipt).await,
            (Next::Again { route: next, at }, _) => {
                tracing::warn!(
                    message.id = taken.id,
                    route = route.name(),
                    error = reason,
                    "a message was not sent and is tried again"
                );
                self.free(route.price(), outcome).await?;
                let next = routes.of(channel).get(next).map_or("", |route| route.name());
                self.again(taken, (next, &reason), at).await
            }
            _ => {
                self.free(route.price(), outcome).await?;
                self.give_up(taken, route.name(), &reason).await
            }
        }
    }

    /// What was taken, opened.
    fn open(&self, taken: &Taken) -> Option<Message> {
        let sealed = taken.body.as_deref()?;
        let plain = zeroize::Zeroizing::new(self.0.post.bodies.open(sealed, taken.id.as_bytes())?);
        let body: Body = serde_json::from_slice(&plain).ok()?;
        Some(Message {
            id: MessageId::from(taken.id.as_str()),
            channel: channel_of(taken),
            to: body.to,
            purpose: Purpose::parse(&taken.purpose)?,
            code: body.code.map(Secret::from),
            subject: body.subject,
            text: body.text,
            html: body.html,
            at: Timestamp(taken.created_at),
        })
    }

    /// The first route from `wanted` on, and then from the beginning, that may be asked; else when one may be, `None` where
    /// there is none at all.
    fn admitted(&self, channel: Channel, wanted: usize) -> Result<usize, Option<Timestamp>> {
        let now = self.now();
        self.breaker(channel, |breakers| {
            let mut soonest: Option<Timestamp> = None;
            for place in (wanted..breakers.len()).chain(0..wanted) {
                match breakers[place].ask(now) {
                    None => return Ok(place),
                    Some(at) => soonest = Some(soonest.map_or(at, |soonest| soonest.min(at))),
                }
            }
            Err(soonest)
        })
    }

    fn breaker<T>(&self, channel: Channel, act: impl FnOnce(&mut Vec<Breaker>) -> T) -> T {
        let breakers: &Mutex<_> = &self.0.post.breakers[channel as usize];
        act(&mut breakers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sets the price of a message aside; `false` when the day would cost too much.
    async fn set_aside(&self, price: i64) -> Result<bool, Error> {
        let Some(most) = self.0.post.routes.day_limit.filter(|_| price > 0) else {
            return Ok(true);
        };
        let mut tx = self.0.store.begin().await?;
        let fits = message::reserve(&mut tx, self.money_day(), price, most).await?;
        tx.commit().await?;
        Ok(fits)
    }

    /// Gives back what was set aside for a message that was surely not sent.
    async fn free(&self, price: i64, outcome: Outcome) -> Result<(), Error> {
        if price == 0 || outcome == Outcome::Unclear || self.0.post.routes.day_limit.is_none() {
            return Ok(());
        }
        let mut tx = self.0.store.begin().await?;
        message::correct(&mut tx, self.money_day(), -price).await?;
        Ok(tx.commit().await?)
    }

    fn money_day(&self) -> i64 {
        self.now().plus(MOSCOW).0.div_euclid(86_400)
    }

    async fn sent(&self, taken: &Taken, route: &dyn Route, receipt: Receipt) -> Result<(), Error> {
        let cost = receipt.cost.unwrap_or(route.price());
        let mut tx = self.0.store.begin().await?;
        let end = Settled {
            state: State::Sent,
            route: route.name().to_owned(),
            reference: receipt.reference,
            reason: String::new(),
            cost,
        };
        message::settle(&mut tx, &taken.id, &end, self.now()).await?;
        if self.0.post.routes.day_limit.is_some() && cost != route.price() {
            message::correct(&mut tx, self.money_day(), cost - route.price()).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn give_up(&self, taken: &Taken, route: &str, reason: &str) -> Result<(), Error> {
        tracing::error!(message.id = taken.id, route, error = reason, "a message was not sent");
        metrics::counter!("kabinet_messages_total", "channel" => channel_of(taken).as_str(), "state" => "failed")
            .increment(1);
        let mut tx = self.0.store.begin().await?;
        let end = Settled {
            state: State::Failed,
            route: route.to_owned(),
            reference: String::new(),
            reason: reason.to_owned(),
            cost: 0,
        };
        message::settle(&mut tx, &taken.id, &end, self.now()).await?;
        Ok(tx.commit().await?)
    }

    async fn again(&self, taken: &Taken, next: (&str, &str), at: Timestamp) -> Result<(), Error> {
        let mut tx = self.0.store.begin().await?;
        message::again(&mut tx, &taken.id, next, at).await?;
        Ok(tx.commit().await?)
    }

    /// The configured routes that are told what became of messages, each with the secret of the address where.
    #[must_use]
    pub fn callbacks(&self) -> Vec<(&'static str, String)> {
        let told = self.0.post.routes.sms.iter().filter(|route| route.callbacks().is_some());
        told.map(|route| (route.name(), self.0.post.callbacks.stamp(&[route.name()]))).collect()
    }

    /// Takes the call of a gateway at the address of a route. It proves nothing but that the caller knows the address, so it
    /// changes the state of messages that this route took, and nothing else.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn called_back(&self, address: (&str, &str), content_type: &str, body: &[u8]) -> Result<Called, Error> {
        let (name, secret) = address;
        let known = self.0.post.callbacks.verify(&[name], secret);
        let route = self.0.post.routes.sms.iter().find(|route| known && route.name() == name);
        let Some((route, callbacks)) = route.and_then(|route| Some((route, route.callbacks()?))) else {
            return Ok(Called::Nowhere);
        };
        let Some(reports) = callbacks.read(content_type, body) else {
            return Ok(Called::Malformed);
        };
        for Report { reference, arrived } in reports {
            if self.reported(name, &reference, arrived).await? {
                let said = if arrived { "delivered" } else { "failed" };
                metrics::counter!("kabinet_delivery_reports_total", "route" => route.name(), "state" => said)
                    .increment(1);
            }
        }
        Ok(Called::Taken(callbacks.acknowledgement()))
    }

    /// Notes what became of a message that a route took; `false` when it took none of this reference, or its end is known.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reported(&self, route: &str, reference: &str, arrived: bool) -> Result<bool, Error> {
        let state = if arrived { State::Delivered } else { State::Failed };
        let mut tx = self.0.store.begin().await?;
        let is_news = message::report(&mut tx, (route, reference), state, self.now()).await?;
        tx.commit().await?;
        Ok(is_news)
    }

    /// The newest lines of the delivery log, at most `most`; to one contact and in one state where these are given.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delivery_log(
        &self,
        to: Option<&Contact>,
        state: Option<State>,
        most: i64,
    ) -> Result<Vec<Line>, Error> {
        let key = to.map(|to| self.recipient_key(to)).unwrap_or_default();
        Ok(message::recent(self.0.store.db(), &key, state, most).await?)
    }

    /// Asks every route of a contact's channel to take a test message, past the queue and the day's limit: for operators.
    pub async fn test_routes(&self, to: &Contact) -> Vec<Tested> {
        let channel = Channel::of(to.kind());
        let brands = Brands::built_in();
        let product = &brands.find(None).title;
        let message = Message {
            id: MessageId::generate(self.now(), &*self.0.entropy),
            channel,
            to: to.clone(),
            purpose: Purpose::Notice,
            code: None,
            subject: format!("{}: проверка доставки (test)", product.ru),
            text: format!("{}: проверка доставки сообщений. Test message.", product.ru),
            html: String::new(),
            at: self.now(),
        };
        let mut tested = Vec::new();
        for route in self.0.post.routes.of(channel) {
            let answer = tokio::time::timeout(LIMIT, route.send(&message)).await;
            let answer = answer.unwrap_or_else(|_| Err(Failure::Unclear("time out".to_owned())));
            tested.push(Tested { route: route.name(), answer });
        }
        tested
    }

    /// What SMS cost today so far, in kopecks.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn spent_today(&self) -> Result<i64, Error> {
        Ok(message::spent(self.0.store.db(), self.money_day()).await?)
    }

    /// Whether nothing is being sent or due: for tests that look at what went out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn post_is_idle(&self) -> Result<bool, Error> {
        Ok(message::in_hand(self.0.store.db(), self.now(), self.now().plus(LEASE)).await? == 0)
    }
}

fn channel_of(taken: &Taken) -> Channel {
    if taken.channel == Channel::Sms.as_str() {
        Channel::Sms
    } else {
        Channel::Email
    }
}

const fn outcome_of(failure: &Failure) -> Outcome {
    match failure {
        Failure::Refused(_) => Outcome::Refused,
        Failure::Later(_) => Outcome::Later,
        Failure::Unclear(_) => Outcome::Unclear,
    }
}

fn count_attempt(route: &dyn Route, channel: Channel, outcome: Outcome) {
    let said = match outcome {
        Outcome::Taken => "taken",
        Outcome::Refused => "refused",
        Outcome::Later => "later",
        Outcome::Unclear => "unclear",
    };
    metrics::counter!("kabinet_deliveries_total", "route" => route.name(), "outcome" => said).increment(1);
    if outcome == Outcome::Taken {
        metrics::counter!("kabinet_messages_total", "channel" => channel.as_str(), "state" => "sent").increment(1);
    }
}

fn count_expired(expired: u64) {
    if expired > 0 {
        tracing::warn!(messages = expired, "messages were not sent in time");
        metrics::counter!("kabinet_messages_expired_total").increment(expired);
    }
}
