// What pages do better with a script. Every flow works without it; nothing here leaves the page.
(() => {
  "use strict";
  const all = (selector) => document.querySelectorAll(selector);
  document.documentElement.classList.add("js");

  // Success: goes on by itself; any sign of reading stops it.
  for (const link of all("a[data-forward]")) {
    const note = document.getElementById("forwarding");
    note.hidden = false;
    const timer = setTimeout(() => location.assign(link.href), Number(link.dataset.forward) * 1000);
    const stop = () => { clearTimeout(timer); note.hidden = true; };
    for (const sign of ["keydown", "pointerdown", "wheel"]) addEventListener(sign, stop, { once: true, passive: true });
  }

  // Sign-out: goes on once the frames of every product have loaded, or after so many seconds.
  for (const link of all("a[data-when-loaded]")) {
    const leave = () => location.replace(link.href);
    if (document.readyState === "complete") leave();
    addEventListener("load", leave);
    setTimeout(leave, Number(link.dataset.whenLoaded) * 1000);
  }

  // The cabinet's sections on a phone: the one that is open is in sight.
  for (const here of all(".side [aria-current]")) {
    const row = here.parentElement;
    row.scrollLeft = here.offsetLeft - (row.clientWidth - here.offsetWidth) / 2;
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
    const [dated, clocked] = time.children;
    (dated ?? time).textContent = date;
    if (clocked) clocked.textContent = at.toLocaleTimeString(lang, clock);
  }

  // Forms: sent once. The button stays enabled for assistive technology and says that it is busy.
  const busy = document.getElementById("busy");
  for (const form of all("form")) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) return event.preventDefault();
      form.dataset.sent = "1";
      if (event.submitter) event.submitter.setAttribute("aria-busy", "true");
      if (busy) busy.textContent = busy.dataset.text;
      setTimeout(() => { delete form.dataset.sent; }, 10000);
    });
  }

  addEventListener("pageshow", () => {
    for (const form of all("form[data-sent]")) delete form.dataset.sent;
    for (const button of all("[aria-busy]")) button.removeAttribute("aria-busy");
    if (busy) busy.textContent = "";
  });
})();
