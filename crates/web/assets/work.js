// Work of a form while the risk is high: a number whose SHA-256 behind the nonce begins with zero bits, found in short
// turns while the person types. A button pressed before sends the form once it is found.
(() => {
  "use strict";
  const field = document.getElementById("work-answer");
  if (!field) return;
  // What a browser kept over a reload belongs to another nonce.
  field.value = "";
  const form = field.form;
  const status = document.getElementById("work-status");
  const { nonce, bits, busy, done } = field.dataset;

  // FIPS 180-4, one block; its constants are fractions of roots of primes.
  const part = (x) => ((x - Math.floor(x)) * 2 ** 32) | 0;
  const roots = [], cubes = [];
  for (let n = 2; cubes.length < 64; n++) {
    let prime = true;
    for (let d = 2; d * d <= n; d++) prime = prime && n % d > 0;
    if (!prime) continue;
    if (roots.length < 8) roots.push(part(Math.sqrt(n)));
    cubes.push(part(Math.cbrt(n)));
  }
  const turn = (x, n) => (x >>> n) | (x << (32 - n));
  const w = new Int32Array(64);
  const firstWord = (text) => {
    w.fill(0, 0, 16);
    for (let i = 0; i < text.length; i++) w[i >> 2] |= text.charCodeAt(i) << (24 - 8 * (i & 3));
    w[text.length >> 2] |= 0x80 << (24 - 8 * (text.length & 3));
    w[15] = text.length * 8;
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15], y = w[i - 2];
      w[i] = w[i - 16] + (turn(x, 7) ^ turn(x, 18) ^ (x >>> 3)) + w[i - 7] + (turn(y, 17) ^ turn(y, 19) ^ (y >>> 10));
    }
    let [a, b, c, d, e, f, g, h] = roots;
    for (let i = 0; i < 64; i++) {
      const t = h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + cubes[i] + w[i];
      const u = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      h = g; g = f; f = e; e = (d + t) | 0; d = c; c = b; b = a; a = (t + u) | 0;
    }
    return (a + roots[0]) | 0;
  };

  let pressed = null, n = 0;
  const needs = (button) => form.id !== "code-form" || (button && button.name === "resend");
  const send = (button) => form.requestSubmit(button && !button.disabled ? button : undefined);
  const found = () => {
    field.value = n;
    status.textContent = "";
    const told = document.querySelector("#error[data-error=work-wait] p");
    if (told) told.textContent = done;
    if (pressed) send(pressed.button);
    else if (told && !form.querySelector("input[type=password]")) send(form.elements.resend || form.elements.submit);
  };
  const search = () => {
    for (const until = performance.now() + 12; performance.now() < until; ) {
      for (let i = 0; i < 500; i++, n++) {
        if (Math.clz32(firstWord(nonce + "." + n)) >= bits) return found();
      }
    }
    setTimeout(search);
  };
  // Before the form's own listeners.
  document.addEventListener("submit", (event) => {
    if (event.target !== form || field.value || !needs(event.submitter)) return;
    event.preventDefault();
    event.stopPropagation();
    pressed = { button: event.submitter };
    if (event.submitter) event.submitter.before(status);
    status.className = "hint";
    status.textContent = busy;
  }, true);
  search();
})();
