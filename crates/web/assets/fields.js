// Fields in which people type: phones, codes, passwords. Every one works without it; nothing here leaves the page.
(() => {
  "use strict";
  const all = (selector) => document.querySelectorAll(selector);

  // Phone: «+7 (» stands ready, and a Russian number is grouped while it is typed, corrected or pasted anywhere in the
  // field. Nothing is cut or kept out: other countries and odd texts stay as they are, the server reads all of them.
  const PREFIX = "+7 (";
  const grouped = (d) => {
    let text = PREFIX + d.slice(0, 3);
    if (d.length > 3) text += ") " + d.slice(3, 6);
    if (d.length > 6) text += "-" + d.slice(6, 8);
    if (d.length > 8) text += "-" + d.slice(8);
    return text;
  };
  const written = (typed) => {
    // Letters behind the prefix that stood ready: it goes.
    const text = typed.replace(/^\+7 \((?=[^\d\s()+.\-])/, "");
    // What stands before a later "+", or before "00", was the prefix that stood ready.
    const kept = text.slice(Math.max(text.lastIndexOf("+"), 0));
    const bare = kept.replace(/[\s().\-\u2010-\u2015\u2212]/g, "");
    const whole = bare.replace(/^\+7(?=00|[78]\d{10}$)/, "").replace(/^00(?=.)/, "+");
    const found = /^\+7(\d{0,10})$/.exec(whole) ?? /^[78]([3-9]\d{0,9})$/.exec(whole) ?? /^(9\d{0,9})$/.exec(whole);
    if (found) return grouped(found[1]);
    return whole.startsWith("+") && !bare.startsWith(whole) ? whole : kept;
  };
  const regroup = (field, how) => {
    const text = field.value;
    const erased = how.startsWith("delete");
    if (erased && !/^\+7\D*\d/.test(text)) return;
    const next = written(text);
    if (next === text) return;
    // The caret keeps as many digits behind it as it had.
    let behind = text.slice(field.selectionEnd).replace(/\D/g, "").length;
    let at = next.length;
    while (behind > 0 && at > 0) if (/\d/.test(next[--at])) behind -= 1;
    while (erased && how !== "deleteContentForward" && at > PREFIX.length && /\D/.test(next[at - 1])) at -= 1;
    field.value = next;
    field.setSelectionRange(at, at);
  };
  for (const field of all("input[inputmode=tel]")) {
    const atEnd = () => { if (field.value === PREFIX) field.setSelectionRange(PREFIX.length, PREFIX.length); };
    const ready = () => {
      if (field.value || document.activeElement !== field) return;
      field.value = PREFIX;
      atEnd();
    };
    field.addEventListener("input", (event) => { if (!event.isComposing) regroup(field, event.inputType ?? ""); });
    field.addEventListener("focus", () => { if (touched) ready(); });
    field.addEventListener("click", atEnd);
    field.addEventListener("blur", () => { if (/^\+7?\s?\(?$/.test(field.value)) field.value = ""; });
    // A field that has the focus from the start stays empty until the person does something: password managers fill
    // only what is empty.
    let touched = false;
    const touch = () => { touched = true; ready(); };
    for (const sign of ["keydown", "pointerdown"]) addEventListener(sign, touch, { once: true });
  }

  // Codes: a pasted sentence leaves its digits.
  for (const field of all("input[data-code]")) {
    field.addEventListener("paste", (event) => {
      const text = event.clipboardData.getData("text");
      const found = text.match(/\d{3}[\s-]?\d{3}/);
      if (!found) return;
      event.preventDefault();
      field.value = found[0].replace(/\D/g, "");
    });
  }

  // A code by SMS that names this site is offered by the browser (WebOTP); the person still presses the button.
  if ("OTPCredential" in window) for (const field of all("input[data-otp]")) {
    const stop = new AbortController();
    field.form.addEventListener("submit", () => stop.abort());
    navigator.credentials.get({ otp: { transport: ["sms"] }, signal: stop.signal }).then((found) => {
      if (!found || field.value) return;
      field.value = found.code;
      field.form.elements.submit.focus();
    }, () => {});
  }

  // Passwords: a button that shows them, and a word about Caps Lock.
  for (const button of all("button[data-reveal]")) {
    const field = document.getElementById(button.dataset.reveal);
    const label = button.getAttribute("aria-label");
    const show = (shown) => {
      field.type = shown ? "text" : "password";
      button.setAttribute("aria-pressed", String(shown));
      button.title = shown ? button.dataset.hide : label;
    };
    button.hidden = false;
    button.addEventListener("click", () => show(field.type === "password"));
    field.form.addEventListener("submit", () => show(false));
    const hint = document.getElementById(field.id + "-caps");
    field.addEventListener("keyup", (event) => {
      if (event.getModifierState) hint.hidden = !event.getModifierState("CapsLock");
    });
  }

  // Where an account is made, password managers learn whose password it is: a phone field cannot be called a user name.
  for (const field of all("input[autocomplete=new-password]")) {
    const contact = field.form.querySelector("input[autocomplete=tel], input[autocomplete=email]");
    if (!contact) continue;
    const name = Object.assign(document.createElement("input"), { type: "text", autocomplete: "username", hidden: true });
    name.setAttribute("aria-label", contact.labels[0].textContent);
    field.before(name);
    field.addEventListener("input", () => { name.value = contact.value; });
  }

  // Resend: the server's seconds, counted down against the clock so that a sleeping tab stays right.
  for (const button of all("button[data-wait]")) {
    const until = performance.now() + Number(button.dataset.wait) * 1000;
    const tick = () => {
      const left = Math.ceil((until - performance.now()) / 1000);
      button.disabled = left > 0;
      button.textContent = left > 0 ? button.dataset.waiting.replace("{n}", String(left).padStart(2, "\u2007")) : button.dataset.ready;
      if (left > 0) setTimeout(tick, 500);
      else document.getElementById("resend-status").textContent = button.dataset.ready;
    };
    if (Number(button.dataset.wait) > 0) tick();
  }
})();
