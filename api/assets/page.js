// One page: forms become calls of the API, and the page follows the activation's versions.
"use strict";

const zh = document.documentElement.lang === "zh-CN";
const typed = new Map();

function body(form) {
  const whole = {};
  for (const [path, value] of new FormData(form)) {
    const members = path.split(".");
    const last = members.pop();
    const place = members.reduce((at, member) => (at[member] ??= {}), whole);
    place[last] = path.endsWith("terms_accepted") ? value === "true" : value;
  }
  return whole;
}

function say(form, problem) {
  const place = form.querySelector(".error");
  const fields = (problem.errors ?? []).map((error) => `${error.field}: ${error.detail}`);
  const left = problem.attempts_left === undefined ? [] : [(zh ? "剩余次数：" : "Tries left: ") + problem.attempts_left];
  place.textContent = [problem.detail, ...fields, ...left].join(" ");
  place.hidden = false;
}

async function send(form) {
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const answer = await fetch(form.dataset.post, {
      method: "POST",
      headers: { "Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID() },
      body: JSON.stringify(body(form)),
    });
    const told = await answer.json();
    if (!answer.ok) return say(form, told);
    if (form.dataset.go === "activate") location.assign(`/activate/${told.id}`);
    else if (form.dataset.go === "login") location.assign(told.login_url);
    else await show();
  } catch {
    say(form, { detail: zh ? "网络中断，请重试。" : "The network is away. Please try again." });
  } finally {
    button.disabled = false;
  }
}

// What was typed survives a new version of the page; passwords and codes do not.
function keep() {
  for (const input of document.querySelectorAll("main input:not([type=hidden]):not([type=password]), main select")) {
    if (input.autocomplete !== "one-time-code") typed.set(input.name.split(".").pop(), input.type === "checkbox" ? input.checked : input.value);
  }
}

function restore() {
  for (const input of document.querySelectorAll("main input:not([type=hidden]), main select")) {
    const value = typed.get(input.name.split(".").pop());
    if (value === undefined) continue;
    if (input.type === "checkbox") input.checked = value;
    else input.value = value;
  }
  for (const time of document.querySelectorAll("time")) time.textContent = new Date(time.dateTime).toLocaleTimeString();
}

async function show() {
  const page = await fetch(location.href, { headers: { Accept: "text/html" } });
  const next = new DOMParser().parseFromString(await page.text(), "text/html").querySelector("main");
  keep();
  document.querySelector("main").replaceWith(next);
  restore();
}

async function follow() {
  for (;;) {
    const main = document.querySelector("main[data-id]");
    if (!main || ["succeeded", "cancelled"].includes(main.dataset.status)) return;
    try {
      const answer = await fetch(`/v1/activations/${main.dataset.id}`, {
        headers: { Prefer: "wait=20", "If-None-Match": `"${main.dataset.version}"` },
      });
      if (answer.status === 200 && String((await answer.json()).version) !== main.dataset.version) await show();
      if (answer.status >= 400) await new Promise((go) => setTimeout(go, 3000));
    } catch {
      await new Promise((go) => setTimeout(go, 3000));
    }
  }
}

document.addEventListener("submit", (event) => {
  if (!event.target.dataset.post) return;
  event.preventDefault();
  send(event.target);
});
document.addEventListener("click", (event) => {
  const language = event.target.dataset?.language;
  if (!language) return;
  document.cookie = `landfall_language=${language}; path=/; max-age=31536000; samesite=lax`;
  location.reload();
});
restore();
follow();
