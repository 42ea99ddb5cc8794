// The page's script: one scope, in this order: shared, morph, times, typed, fields, calls, views, codes, forms, follow.
"use strict";

const main = () => document.getElementById("main");
const byId = (id) => document.getElementById(id);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const language = document.documentElement.lang;
const activation = main()?.dataset.id;
const api = `/v1/activations/${activation}`;

const told = (code) => byId("words").content.querySelector(`[data-code="${code}"]`);
const word = (code) => told(code)?.textContent.trim() ?? "";
// Between two sentences: Chinese has none.
const gap = language === "en" ? " " : "";
// A sentence of the table: what is the matter, and what to do.
const sentence = (code) => [...(told(code) ?? told("other")).cloneNode(true).childNodes];
const pause = (ms) => new Promise((go) => setTimeout(go, ms));
// Between half of it and all of it, so that pages do not come back together.
const jittered = (ms) => ms * (0.5 + Math.random() / 2);

// Says at the top that something outside this page is away; nothing when it is back.
function connection(code) {
  const bar = byId("connection");
  if ((bar.dataset.code ?? "") === (code ?? "")) return;
  bar.dataset.code = code ?? "";
  bar.replaceChildren(...(code ? sentence(code) : []));
}
