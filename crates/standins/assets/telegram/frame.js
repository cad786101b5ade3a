// The button in the frame: opens the window, and tells the page around the frame who came back.
const button = document.getElementById("open");
const { bot, origin } = button.dataset;
const tell = (message) => window.parent.postMessage(JSON.stringify(message), origin);
let opened = null;
button.addEventListener("click", () => {
  const query = new URLSearchParams({ bot_id: bot, origin, embed: 1 });
  opened = window.open(`/auth?${query}`, "telegram_oauth", "width=550,height=650");
});
window.addEventListener("message", (event) => {
  if (event.source !== opened || event.origin !== location.origin) return;
  const { event: name, result } = JSON.parse(event.data);
  if (name !== "auth_result") return;
  tell(result ? { event: "auth_user", auth_data: result } : { event: "unauthorized" });
});
tell({ event: "ready" });
