// The page follows the activation's versions: it waits for the next one, and shows it without disturbing who is typing.

const WAIT = 25;
const SILENCE = (WAIT + 15) * 1000;
const FINAL = ["succeeded", "cancelled"];
let rendering = Promise.resolve();
let isComposing = false;

const version = () => Number(main().dataset.version);

// Fetches the page as it is now, and turns this one into it.
function render() {
  rendering = rendering.then(renderNow, renderNow);
  return rendering;
}

async function renderNow() {
  if (!activation || hasEnded) return;
  const answer = await fetch(location.pathname, { headers: { Accept: "text/html", "Accept-Language": language }, cache: "no-store" });
  if (answer.status === 403) return showEnd();
  if (!answer.ok) throw new Error(`the page answered ${answer.status}`);
  const came = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (came.body.dataset.assets !== document.body.dataset.assets && !passwords.size) return location.reload();
  if (Number(came.getElementById("main").dataset.version) < version()) return;
  while (isComposing) await new Promise((go) => document.addEventListener("compositionend", go, { once: true }));
  withoutScriptless(came);
  const focused = document.activeElement;
  const [form, proof] = [focused.form, focused.closest(".proof")];
  morph(document.body, came.body);
  settle();
  if (focused === document.body || focused.isConnected) return;
  (nextOf(form, proof) ?? main().querySelector(".view:not([hidden]) h1"))?.focus();
}

// What is for browsers without scripts: one that runs this needs none of it, and where a page is parsed by a script it becomes
// elements like all others, which are shown.
function withoutScriptless(page) {
  for (const part of all("noscript", page)) part.remove();
}

// What the script adds to a page that came from the server.
function settle() {
  setClock(main().dataset.now ?? "");
  fillCountries();
  restore();
  showProofs();
  showView();
  localise();
  tick();
  markRefused();
  if (FINAL.includes(main().dataset.status)) forget(true);
}

function visible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((go) => document.addEventListener("visibilitychange", go, { once: true }));
}

// One wait for a later version: true if it was answered.
async function waitOnce() {
  const stop = new AbortController();
  const silence = setTimeout(() => stop.abort(), SILENCE);
  const hide = () => document.hidden && stop.abort();
  document.addEventListener("visibilitychange", hide);
  try {
    const headers = { Accept: "application/json", Prefer: `wait=${WAIT}`, "If-None-Match": `"${version()}"` };
    const answer = await fetch(api, { headers, signal: stop.signal, cache: "no-store" });
    setClock(answer.headers.get("Date") ?? "");
    if (answer.status === 401 || answer.status === 404) return showEnd() ?? true;
    if (answer.status !== 200 && answer.status !== 304) return false;
    connection(null);
    if (answer.status === 200 && (await answer.json()).version > version()) await render();
    return true;
  } catch {
    if (!document.hidden) connection("offline");
    return document.hidden;
  } finally {
    clearTimeout(silence);
    document.removeEventListener("visibilitychange", hide);
  }
}

async function follow() {
  let failures = 0;
  while (!hasEnded && !FINAL.includes(main().dataset.status)) {
    while (document.hidden) await visible();
    const began = performance.now();
    failures = (await waitOnce()) ? 0 : failures + 1;
    // Answered at once, time and again, is no wait: then the page keeps a distance of its own.
    const least = performance.now() - began < 1000 ? 1000 : 100;
    await Promise.race([pause(jittered(failures ? Math.min(30000, 1000 * 2 ** failures) : least)), ...(failures ? [online()] : [])]);
  }
}

document.addEventListener("compositionstart", () => (isComposing = true));
document.addEventListener("compositionend", () => (isComposing = false));
// A page from the browser's own memory, or one that was final when it was left, may be out of date.
window.addEventListener("pageshow", (event) => event.persisted && render().catch(() => {}));

forget(false);
if (location.search.includes("lang=")) history.replaceState(null, "", location.pathname + location.hash);
withoutScriptless(document);
settle();
if (activation) follow();
