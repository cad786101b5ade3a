// Session Management 1.0 §4.2: tells the page that frames this one whether the sign-in in this browser has changed.
(() => {
  "use strict";
  const name = document.currentScript.dataset.cookie + "=";
  const state = () => (document.cookie.split("; ").find((pair) => pair.startsWith(name)) ?? name).slice(name.length);
  const hash = async (text) => {
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
    return btoa(String.fromCharCode(...new Uint8Array(digest))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  };
  const judge = async (data, origin) => {
    const parts = typeof data === "string" ? data.split(" ") : [];
    const salt = parts.length === 2 && parts[1].split(".")[1];
    if (!salt) return "error";
    // The origin is the browser's word: what one product was told is of no use to another.
    const known = await hash([parts[0], origin, state(), salt].join(" "));
    return known + "." + salt === parts[1] ? "unchanged" : "changed";
  };
  addEventListener("message", async ({ data, origin, source }) => {
    if (!source || source === window || origin === "null") return;
    source.postMessage(await judge(data, origin), origin);
  });
})();
