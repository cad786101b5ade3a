// Sign-in by certificate: finds the signature program on this computer, lets the person choose a certificate, has the text
// of the sign-in signed, and sends the form. Two programs are known: Astral.Toolbox, a WebSocket on loopback, and the
// browser extension of the CAdES plug-in. All words stand in the page, one section for each state.
(() => {
  "use strict";
  const root = document.getElementById("certificate");
  if (!root) return;
  const nonce = document.currentScript.nonce;
  const form = document.getElementById("certificate-form");
  const list = document.getElementById("certificates");
  const status = document.getElementById("certificate-status");
  const words = root.dataset;
  const toolboxes = words.toolbox.split(" ").filter(Boolean);

  // Patience, in milliseconds: for a socket, for one that may wait behind the browser's question, for an answer, for a list
  // read from slow tokens, for a person who looks for a password, for an extension and
  // for its first word.
  const SOCKET = 6000, QUESTION = 60000, ANSWER = 15000, LIST = 60000, PERSON = 300000, EXTENSION = 5000, ECHO = 1500;

  // What went wrong, by the name of the state that tells it.
  class Trouble extends Error {
    constructor(state, detail = "") {
      super(detail);
      this.state = state;
    }
  }
  const within = (promise, ms, state) => {
    let timer;
    const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Trouble(state)), ms); });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
  };

  // Both programs pass on the codes of Windows and of the plug-in.
  const CODES = {
    "no-provider": ["80090008", "80090017", "80090019"],
    key: ["80090016", "8009200B", "8000FFFF", "80092004"],
    cancelled: ["800704C7", "000004C7", "8010006E"],
    pin: ["8010006B"],
    "pin-blocked": ["8010006C"],
    licence: ["8007065B"],
    root: ["800B0109", "800B010A"],
    period: ["800B0101", "80090010"],
    revoked: ["C2110126", "C2110128"],
  };
  const told = (text) => {
    const code = /0x([0-9a-f]{8})/i.exec(text)?.[1].toUpperCase();
    const known = Object.keys(CODES).find((state) => CODES[state].includes(code));
    if (known) return new Trouble(known, text);
    if (/отмен|cancel/i.test(text)) return new Trouble("cancelled", text);
    if (/(пин|pin|парол|password)/i.test(text) && /(невер|неправил|wrong|incorrect|invalid)/i.test(text)) return new Trouble("pin", text);
    return new Trouble("failed", text);
  };

  // A certificate's owner, by the numbers of the attributes (ФСБ order 795).
  const NAMES = {
    "2.5.4.3": "name", "2.5.4.4": "surname", "2.5.4.42": "given", "2.5.4.10": "organisation", "2.5.4.12": "title",
    "1.2.643.3.131.1.1": "inn", "1.2.643.100.4": "organisationInn", "1.2.643.100.5": "trader",
  };
  const owner = (subject) => {
    const person = [subject.surname, subject.given].filter(Boolean).join(" ");
    // Numbers of organisations stood in the field of people with two zeros before them.
    const inn = subject.organisationInn || (subject.inn ?? "").replace(/^00(?=\d{10}$)/, "");
    const { name = "", organisation = "", title = "", trader } = subject;
    const role = organisation ? [organisation, title] : [trader ? words.trader : words.person];
    // A seal names an organisation alone.
    const about = person ? role.filter(Boolean).join(" · ") : words.organisation;
    return { owner: person || organisation || name || words.nameless, about, inn };
  };

  // ---- Astral.Toolbox ----------------------------------------------------------------------------------------------

  // Its fields are written with a small or a capital letter at the beginning.
  const field = (object, name) => object?.[name] ?? object?.[name[0].toUpperCase() + name.slice(1)];
  const unpacked = (data) => {
    if (typeof data !== "string" || !/^\s*[[{]/.test(data)) return data;
    try {
      return JSON.parse(data);
    } catch {
      return data;
    }
  };
  // `22.11.2026` and `20:47:00`, or ISO 8601.
  const moment = (day, time, last) => {
    const found = /^(\d{1,2})\.(\d{1,2})\.(\d{4})/.exec(day);
    if (!found) return new Date(day);
    const [hour, minute, second] = (/\d+:\d+(:\d+)?/.exec(time ?? "")?.[0] ?? (last ? "23:59:59" : "0:0:0")).split(":");
    return new Date(+found[3], found[2] - 1, +found[1], +hour, +minute, +(second ?? 0));
  };

  class Toolbox {
    constructor(socket) {
      this.socket = socket;
      this.waiting = new Map();
      this.count = 0;
      socket.onmessage = ({ data }) => this.hear(data);
      socket.onclose = () => {
        for (const { reject } of this.waiting.values()) reject(new Trouble("no-answer"));
        this.waiting.clear();
      };
    }

    static open(address, patience) {
      return new Promise((resolve, reject) => {
        let socket;
        try {
          socket = new WebSocket(address);
        } catch {
          return reject(new Trouble("absent"));
        }
        const give = () => { socket.onclose = socket.onerror = null; socket.close(); reject(new Trouble("absent")); };
        const timer = setTimeout(give, patience);
        socket.onopen = () => { clearTimeout(timer); resolve(new Toolbox(socket)); };
        socket.onerror = socket.onclose = () => { clearTimeout(timer); reject(new Trouble("absent")); };
      });
    }

    static async connect(patience) {
      for (const address of toolboxes) {
        try {
          return await Toolbox.open(address, patience);
        } catch {
          // The next address.
        }
      }
      throw new Trouble("absent");
    }

    hear(text) {
      let answer;
      try {
        answer = JSON.parse(text);
      } catch {
        return;
      }
      // An answer to nothing that was asked is nobody's.
      const id = String(answer?.MessageId ?? "");
      const waiting = this.waiting.get(id);
      if (!waiting) return;
      this.waiting.delete(id);
      if (answer.Success) waiting.resolve(unpacked(answer.Data));
      else waiting.reject(told(String(answer.Message ?? "")));
    }

    ask(code, data, patience) {
      if (this.socket.readyState !== WebSocket.OPEN) return Promise.reject(new Trouble("no-answer"));
      const id = `${Date.now()}-${(this.count += 1)}`;
      const answer = new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
      this.socket.send(JSON.stringify({ Code: code, Data: JSON.stringify(data), MessageId: id }));
      return within(answer, patience, "no-answer");
    }

    async certificates() {
      await this.ask(5, {}, ANSWER);
      const providers = await this.ask(11, {}, ANSWER);
      if (!Array.isArray(providers) || providers.length === 0) throw new Trouble("no-provider");
      const found = new Map();
      const all = await this.ask(6, {}, LIST);
      for (const entry of Array.isArray(all) ? all : []) {
        const [id, begins, ends, subject] =
          ["subjectKeyId", "notBefore", "notAfter", "subjectNameDecoded"].map((name) => field(entry, name));
        // Service certificates lack some of these.
        if (!id || !begins || !ends || !Array.isArray(subject) || !field(entry, "issuerNameDecoded")) continue;
        if (field(entry, "hasPrivateKey") === false) continue;
        // One on a token stands in the list twice; the entry with the token's serial number is the one that signs.
        const token = Boolean(field(field(entry, "storeInfo"), "serial"));
        if (found.has(id) && !token) continue;
        const named = {};
        for (const part of subject) named[NAMES[field(part, "oid")]] ??= field(part, "value");
        found.set(id, {
          id,
          ...owner(named),
          begins: moment(begins, field(entry, "notBeforeTime"), false),
          ends: moment(ends, field(entry, "notAfterTime"), true),
        });
      }
      return [...found.values()];
    }

    // The program may have been closed while the person chose.
    async alive() {
      return this.socket.readyState === WebSocket.OPEN ? this : Toolbox.connect(SOCKET);
    }

    sign(certificate, text) {
      return this.ask(7, { Base64Data: text, SubjectKeyId: certificate.id, Detached: true }, PERSON);
    }

    close() {
      this.socket.onclose?.();
      this.socket.onclose = null;
      this.socket.close();
    }
  }

  // ---- CAdES plug-in -----------------------------------------------------------------------------------------------

  const EXTENSIONS = ["iifchhfnnmpdbibifmljnfjhpififfog", "epebfcehmdedogndhlcacafjaacknbcm"];
  const SCRIPT = "/nmcades_plugin_api.js";

  // Runs a generator whose steps are promises: the extension's script is written for it.
  const spawn = async (steps, ...given) => {
    const running = steps(given);
    let step = running.next();
    while (!step.done) {
      let value;
      try {
        value = await step.value;
      } catch (error) {
        step = running.throw(error);
        continue;
      }
      step = running.next(value);
    }
    return step.value;
  };
  const load = (address) => new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement("script"), { src: address, onload: resolve, onerror: reject, nonce });
    document.head.append(script);
  });
  // The extension says that it is there; where its script has no fixed address, it says that, too.
  const echo = () => new Promise((resolve) => {
    addEventListener("message", ({ source, data }) => {
      if (source !== window || typeof data !== "string" || !data.startsWith("cadesplugin_loaded")) return;
      resolve(/url:((?:moz|chrome|safari-web)-extension:\S+)/.exec(data)?.[1] ?? "");
    });
    postMessage("cadesplugin_echo_request", location.origin);
  });
  const extension = async () => {
    // Another extension, or the plug-in's own page script, may have made it already. It is a promise, too, so it must not
    // be given back as it is.
    if (window.cadesplugin) {
      await window.cadesplugin;
      return (name) => window.cadesplugin.CreateObjectAsync(name);
    }
    await Promise.any(EXTENSIONS.map((id) => load(`chrome-extension://${id}${SCRIPT}`))).catch(() => {});
    const address = await within(echo(), ECHO, "absent");
    if (address && !window.cpcsp_chrome_nmcades) await load(address);
    let made = null;
    window.cadesplugin = {
      LOG_LEVEL_DEBUG: 4, LOG_LEVEL_INFO: 2, LOG_LEVEL_ERROR: 1, current_log_level: 1,
      async_spawn: spawn,
      set: (object) => { made = object; },
      CreateObjectAsync: (name) => made.CreateObjectAsync(name),
    };
    await new Promise((resolve, reject) => window.cpcsp_chrome_nmcades.check_chrome_plugin(resolve, reject));
    return (name) => made.CreateObjectAsync(name);
  };

  // A name as Windows prints it: `CN="ООО ""Ромашка""", SN=Иванова`. For the eye only.
  const LABELS = { CN: "name", SN: "surname", G: "given", GN: "given", O: "organisation", T: "title", "ИНН": "inn", INN: "inn", "ИНН ЮЛ": "organisationInn", INNLE: "organisationInn", "ОГРНИП": "trader", OGRNIP: "trader" };
  const printed = (text) => {
    const named = {};
    for (const [, label, quoted, plain] of text.matchAll(/([^=,]+)=(?:"((?:[^"]|"")*)"|([^,]*))(?:,|$)/g)) {
      const name = LABELS[label.trim()] ?? NAMES[label.trim().replace(/^OID\./, "")];
      if (name) named[name] ??= quoted === undefined ? plain.trim() : quoted.replaceAll('""', '"');
    }
    return named;
  };
  const PROVIDERS = [75, 80, 81, 2, 77, 78];

  class Plugin {
    constructor(make) {
      this.make = async (name) => {
        try {
          return await make(name);
        } catch (error) {
          throw told(String(error?.message ?? error));
        }
      };
    }

    // Nothing where there is none.
    static find() {
      const none = () => { Plugin.found = null; };
      return (Plugin.found ??= within(extension(), EXTENSION, "absent").then((make) => new Plugin(make), none));
    }

    certificates() {
      return this.read().catch((error) => { throw error instanceof Trouble ? error : told(String(error?.message ?? error)); });
    }

    async read() {
      const about = await this.make("CAdESCOM.About");
      const versions = await Promise.allSettled(PROVIDERS.map((type) => about.CSPVersion("", type)));
      if (versions.every(({ status }) => status === "rejected")) throw new Trouble("no-provider");
      const store = await this.make("CAdESCOM.Store");
      // CURRENT_USER, My, as much access as there is.
      await store.Open(2, "My", 2);
      const all = await store.Certificates;
      const found = [];
      for (let n = 1, count = await all.Count; n <= count; n++) {
        const entry = await all.Item(n);
        if (!(await entry.HasPrivateKey())) continue;
        const [subject, begins, ends, id] = await Promise.all([entry.SubjectName, entry.ValidFromDate, entry.ValidToDate, entry.Thumbprint]);
        found.push({ id, entry, ...owner(printed(subject)), begins: new Date(begins), ends: new Date(ends) });
      }
      await store.Close();
      return found;
    }

    async sign(certificate, text) {
      const made = async () => {
        const signer = await this.make("CAdESCOM.CPSigner");
        await signer.propset_Certificate(certificate.entry);
        // The chain without its root.
        await signer.propset_Options(0);
        const data = await this.make("CAdESCOM.CadesSignedData");
        // Base64, which has to be said before the content.
        await data.propset_ContentEncoding(1);
        await data.propset_Content(text);
        // CAdES-BES, detached.
        return await data.SignCades(signer, 1, true);
      };
      const failed = (error) => { throw error instanceof Trouble ? error : told(String(error?.message ?? error)); };
      return within(made().catch(failed), PERSON, "no-answer");
    }

    async alive() {
      return this;
    }

    close() {}
  }

  // ---- The page ----------------------------------------------------------------------------------------------------

  const steps = [...root.querySelectorAll(".step")];
  // The words of each state, as they were.
  const texts = new Map(steps.map((step) => [step, step.querySelector("p")?.textContent]));
  const show = (name, detail = "") => {
    const held = root.contains(document.activeElement);
    for (const step of steps) step.hidden = step.id !== "state-" + name;
    const step = document.getElementById("state-" + name);
    const note = step.querySelector("[data-detail]");
    if (note && name !== "refused") {
      note.hidden = !detail || name !== "failed";
      note.querySelector("code").textContent = detail;
    }
    if (name === "refused") step.querySelector(".notice ~ p").textContent = detail || texts.get(step);
    const heading = step.querySelector("h2, legend");
    // Whoever was in a section that is gone goes on in the next; who reads elsewhere is told.
    if (held) heading.focus();
    else status.textContent = heading.textContent;
  };
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

  let agent = null, chosen = null, known = [], turn = 0;
  const permission = async () => {
    for (const name of ["loopback-network", "local-network-access"]) {
      try {
        return (await navigator.permissions.query({ name })).state;
      } catch {
        // The browser does not know this one.
      }
    }
    return "unknown";
  };

  const lang = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;
  const date = (at) => at.toLocaleDateString(lang, { day: "2-digit", month: "2-digit", year: "numeric" });
  const DAY = 86400000, SOON = 30;
  const validity = ({ begins, ends }) => {
    const now = Date.now(), left = Math.ceil((ends - now) / DAY);
    if (ends < now) return fill(words.ended, { date: date(ends) });
    if (begins > now) return fill(words.begins, { date: date(begins) });
    if (left > SOON) return fill(words.until, { date: date(ends) });
    const days = new Intl.NumberFormat(lang, { style: "unit", unit: "day", unitDisplay: "long" }).format(left);
    return fill(words.left, { date: date(ends), days });
  };
  const card = (certificate, n) => {
    const label = document.getElementById("certificate-card").content.cloneNode(true).firstElementChild;
    const radio = label.querySelector("input");
    Object.assign(radio, { id: `certificate-${n}`, name: "certificate", value: String(n), required: true });
    label.htmlFor = radio.id;
    const { owner, about, inn } = certificate;
    const until = [inn && fill(words.inn, { inn }), validity(certificate)];
    label.querySelector("b").textContent = owner;
    label.querySelector("[data-line=about]").textContent = about;
    label.querySelector("[data-line=until]").textContent = until.filter(Boolean).join(" · ");
    label.classList.toggle("ended", certificate.ends < Date.now());
    return label;
  };
  const wish = document.getElementById("show-expired");
  const draw = () => {
    const now = Date.now();
    const shown = known.filter(({ ends }) => wish.checked || ends >= now);
    for (const label of list.querySelectorAll("label")) label.remove();
    list.append(...shown.map((certificate) => card(certificate, known.indexOf(certificate))));
    const first = shown.find(({ id }) => id === chosen) ?? shown[0];
    const radio = first && document.getElementById(`certificate-${known.indexOf(first)}`);
    if (radio) radio.checked = true;
    document.getElementById("only-expired").hidden = shown.length > 0;
    form.elements.submit.disabled = shown.length === 0;
    status.textContent = fill(status.dataset.found, { count: shown.length });
  };
  const choose = (found) => {
    const now = Date.now();
    const rank = ({ begins, ends }) => (ends < now ? 2 : begins > now ? 1 : 0);
    known = found.sort((a, b) => rank(a) - rank(b) || b.ends - a.ends);
    if (known.length === 0) throw new Trouble("no-certificates");
    document.getElementById("expired-switch").hidden = !known.some(({ ends }) => ends < now);
    list.disabled = false;
    show("choose");
    draw();
  };

  // Only the latest beginning counts: what an earlier one brings comes too late.
  const attempt = async (work) => {
    const mine = (turn += 1);
    const current = () => mine === turn;
    try {
      await work(current);
    } catch (error) {
      if (!current()) return;
      restore();
      show(error instanceof Trouble ? error.state : "failed", error.message);
    }
  };
  const restore = () => {
    delete form.dataset.sent;
    form.elements.submit.removeAttribute("aria-busy");
    const busy = document.getElementById("busy");
    if (busy) busy.textContent = "";
  };
  const use = async (next, current) => {
    agent?.close();
    agent = next;
    const found = await agent.certificates();
    if (current()) choose(found);
  };
  const begin = (pressed) => attempt(async (current) => {
    show("checking");
    const [state, plugin] = await Promise.all([toolboxes.length ? permission() : "none", toolboxes.length ? null : Plugin.find()]);
    if (!current()) return;
    if (!toolboxes.length) {
      if (!plugin) throw new Trouble("absent");
      return use(plugin, current);
    }
    if (state === "prompt" && !pressed) {
      show("ask");
      const other = document.querySelector("#state-ask [data-act=plugin]");
      if (await Plugin.find()) other.hidden = false;
      return;
    }
    let next = null;
    if (state !== "denied") next = await Toolbox.connect(state === "prompt" ? QUESTION : SOCKET).catch(() => null);
    next ??= await Plugin.find();
    if (!current()) return next?.close();
    if (next) return use(next, current);
    // What the person answered to the browser's question.
    throw new Trouble((await permission()) === "denied" ? "blocked" : "absent");
  });

  const challenge = async () => {
    const body = new URLSearchParams();
    for (const name of ["form-token", "flow", "purpose"]) if (form.elements[name]) body.append(name, form.elements[name].value);
    let answer, json;
    try {
      answer = await fetch(words.challenge, { method: "POST", body, headers: { accept: "application/json" } });
      json = await answer.json();
    } catch {
      throw new Trouble("refused");
    }
    if (!answer.ok) throw new Trouble("refused", String(json?.message ?? ""));
    return json;
  };
  let signed = false;
  form.addEventListener("submit", (event) => {
    // Pressed twice: the first press counts.
    if (signed || event.defaultPrevented) return;
    event.preventDefault();
    const certificate = known[list.querySelector("input:checked")?.value];
    if (!certificate || !agent) return restore();
    chosen = certificate.id;
    attempt(async (current) => {
      const signer = agent = await agent.alive();
      const asked = await challenge();
      if (!current()) return;
      document.getElementById("screen-code").textContent = asked.code;
      show("signing");
      const signature = await signer.sign(certificate, asked.text);
      if (!current()) return;
      if (typeof signature !== "string" || !signature) throw new Trouble("failed");
      form.elements.challenge.value = asked.challenge;
      form.elements.signature.value = signature;
      show("sending");
      list.disabled = signed = true;
      restore();
      form.requestSubmit(form.elements.submit);
    });
  });

  const acts = {
    connect: () => begin(true),
    refresh: () => begin(true),
    again: () => begin(true),
    plugin: () => attempt(async (current) => {
      show("checking");
      const plugin = await Plugin.find();
      if (!current()) return;
      if (!plugin) throw new Trouble("absent");
      await use(plugin, current);
    }),
    cancel: () => {
      turn += 1;
      agent?.close();
      restore();
      show("cancelled");
    },
  };
  root.addEventListener("click", ({ target }) => acts[target.closest("button[data-act]")?.dataset.act]?.());
  list.addEventListener("change", () => { chosen = known[list.querySelector("input:checked")?.value]?.id ?? chosen; });
  wish.addEventListener("change", draw);
  addEventListener("pageshow", ({ persisted }) => {
    if (!persisted) return;
    signed = false;
    begin(false);
  });
  begin(false);
})();
