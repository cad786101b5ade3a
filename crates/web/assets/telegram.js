// What Telegram brings back stands after the "#", where no server sees it: fields of the widget, or what a Mini App was opened with.
(() => {
  "use strict";
  const brought = document.getElementById("telegram-return");
  const fragment = new URLSearchParams(location.hash.slice(1));
  const result = fragment.get("tgAuthResult");
  const data = fragment.get("tgWebAppData");
  const url = new URL(brought.dataset.callback, location.href);
  url.searchParams.set("state", brought.dataset.state);
  try {
    if (data) {
      url.searchParams.set("init_data", data);
    } else {
      const bytes = atob(result.replace(/[- ]/g, "+").replace(/_/g, "/"));
      const told = JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0))));
      if (told === false) url.searchParams.set("error", "access_denied");
      for (const [name, value] of Object.entries(told)) url.searchParams.append(name, String(value));
    }
    const ask = document.getElementById("telegram-ask");
    if (ask) {
      // Anybody can make a link to this page with a proof of their own: it says whose, and waits.
      const { first_name, last_name, username } = JSON.parse(new URLSearchParams(data).get("user"));
      const name = [first_name, last_name, username && `@${username}`].filter(Boolean).join(" ");
      document.getElementById("telegram-who").textContent = name;
      document.getElementById("telegram-go").addEventListener("click", () => location.replace(url));
      ask.hidden = false;
    } else {
      location.replace(url);
    }
  } catch {
    document.getElementById("telegram-nothing").hidden = false;
  }
})();
