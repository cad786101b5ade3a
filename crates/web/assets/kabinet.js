// What pages do better with a script. Every flow works without it; nothing here leaves the page.
(() => {
  "use strict";
  const all = (selector) => document.querySelectorAll(selector);
  document.documentElement.classList.add("js");

  // Phone: groups digits while a Russian number is typed at the end of the field. Pasted text, other countries and
  // corrections in the middle stay as they are; the server reads every way of writing.
  const grouped = (digits) => {
    const d = digits.slice(0, 10);
    let text = "+7 (" + d.slice(0, 3);
    if (d.length > 3) text += ") " + d.slice(3, 6);
    if (d.length > 6) text += "-" + d.slice(6, 8);
    if (d.length > 8) text += "-" + d.slice(8);
    return text;
  };
  const russian = (text) => {
    const digits = text.replace(/\D/g, "");
    if (/[^\d\s()+.\-]/.test(text) || digits.length > 11) return null;
    if (text.trim().startsWith("+")) return digits.startsWith("7") ? digits.slice(1) : null;
    if (digits.startsWith("9") && digits.length <= 10) return digits;
    return /^[78](?![012])/.test(digits) ? digits.slice(1) : null;
  };
  for (const field of all("input[type=tel]")) {
    field.addEventListener("input", (event) => {
      const typed = event.inputType === "insertText";
      if (!typed || field.selectionStart !== field.value.length) return;
      const digits = russian(field.value);
      if (digits !== null && digits.length > 0) field.value = grouped(digits);
    });
    field.addEventListener("blur", () => {
      const digits = russian(field.value);
      if (digits !== null && digits.length === 10) field.value = grouped(digits);
    });
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

  // Resend: the server's seconds, counted down against the clock so that a sleeping tab stays right.
  for (const button of all("button[data-wait]")) {
    const until = performance.now() + Number(button.dataset.wait) * 1000;
    const tick = () => {
      const left = Math.ceil((until - performance.now()) / 1000);
      button.disabled = left > 0;
      button.textContent = left > 0 ? button.dataset.waiting.replace("{n}", left) : button.dataset.ready;
      if (left > 0) setTimeout(tick, 500);
      else document.getElementById("resend-status").textContent = button.dataset.ready;
    };
    if (Number(button.dataset.wait) > 0) tick();
  }

  // Success: goes on by itself; any sign of reading stops it.
  for (const link of all("a[data-forward]")) {
    const note = document.getElementById("forwarding");
    note.hidden = false;
    const timer = setTimeout(() => location.assign(link.href), Number(link.dataset.forward) * 1000);
    const stop = () => { clearTimeout(timer); note.hidden = true; };
    for (const sign of ["keydown", "pointerdown", "wheel"]) addEventListener(sign, stop, { once: true, passive: true });
  }

  // Times: in the person's zone, the exact value on hover.
  for (const time of all("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const day = { day: "numeric", month: "long", year: "numeric" };
    const clock = { hour: "2-digit", minute: "2-digit" };
    const lang = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;
    time.title = time.dateTime;
    const date = at.toLocaleDateString(lang, day).replace(/\s*г\.$/, "");
    time.textContent = time.dataset.only === "day" ? date : date + ", " + at.toLocaleTimeString(lang, clock);
  }

  // Forms: sent once. The button stays enabled for assistive technology and says that it is busy.
  for (const form of all("form")) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) return event.preventDefault();
      form.dataset.sent = "1";
      if (event.submitter) event.submitter.setAttribute("aria-busy", "true");
      setTimeout(() => { delete form.dataset.sent; }, 10000);
    });
  }
  addEventListener("pageshow", () => {
    for (const form of all("form[data-sent]")) delete form.dataset.sent;
    for (const button of all("[aria-busy]")) button.removeAttribute("aria-busy");
  });
})();
