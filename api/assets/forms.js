// Forms become calls of the API; what they are answered stands where it belongs.

async function whileBusy(button, work) {
  if (button.classList.contains("busy") || button.getAttribute("aria-disabled") === "true") return;
  button.classList.add("busy");
  button.setAttribute("aria-disabled", "true");
  try {
    await work();
  } finally {
    button.classList.remove("busy");
    button.setAttribute("aria-disabled", "false");
    tick();
  }
}

// The part of a form that is shown, or the whole of it.
const partOf = (form) => form.querySelector("fieldset[data-part]:not([hidden])") ?? form;

function goTo(field) {
  const part = field.closest("fieldset[data-part]");
  if (part?.hidden) {
    location.hash = part.dataset.part === "1" ? `#${field.form.id}` : `#${field.form.id}-${part.dataset.part}`;
    showView();
  }
  field.focus();
}

function bodyOf(form, without) {
  const whole = {};
  for (const field of all("input[name], select[name]", form)) {
    if ((isChoice(field) && !field.checked) || (without && field.name.endsWith(without))) continue;
    const value = field.dataset.phone !== undefined ? telephone(field) : isSecret(field) ? field.value : field.value.trim();
    if (value === "") continue;
    const members = field.name.split(".");
    const last = members.pop();
    const holder = members.reduce((at, member) => (at[member] ??= {}), whole);
    holder[last] = field.type === "checkbox" ? true : value;
  }
  return whole;
}

const again = (seconds) => `${word("from")}${gap}${inZone(new Date(serverNow() + seconds * 1000))}`;

// Puts a problem where it belongs: at its fields, at the code, or at the form.
function explain(form, answer, proof) {
  const { code, errors = [], attempts_left: left } = answer.body;
  if (isEnd(answer)) return showEnd();
  if (["out-of-turn", "in-progress"].includes(code)) render();
  const marked = errors.map((error) => markField(form, error)).filter(Boolean);
  if (marked.length) return goTo(marked[0]);
  const words = sentence(code);
  if (answer.after && answer.status === 429) words.push(gap + again(answer.after));
  const near = proof ?? form.querySelector(".proof");
  if (code?.startsWith("code-") && near && codeField(near)) {
    if (left !== undefined) words.push(gap + word("left") + gap + left);
    complain(codeField(near), ...words);
    codeField(near).select();
    return goTo(codeField(near));
  }
  if (proof) return sayAt(proof, ...words);
  const place = partOf(form).querySelector("[data-form-error]");
  place.replaceChildren(...words);
  place.focus();
}

function markField(form, { field: path, code }) {
  const name = path === "code" || path.endsWith(".code") ? form.querySelector(".proof")?.dataset.codeField : undefined;
  const field = all("[name]", form).find((field) => field.name === path && field.type !== "hidden") ?? byId(name ?? "");
  if (field && isCode(field) && code === "required") complain(field, word("required"));
  else if (field) complain(field, word(code === "required" ? "required" : "rule"));
  if (field) return field;
  // A code is owed that nobody has asked for yet, or an address that a code's call speaks of.
  const proof = form.querySelector(".proof");
  if (!proof || !/(^|\.)(code|email|username)$/.test(path)) return undefined;
  complain(targetOf(proof), word(path.endsWith("code") ? "prove" : code === "required" ? "required" : "rule"));
  return targetOf(proof);
}

async function submit(form, button) {
  const part = partOf(form);
  const without = button.dataset.without;
  const proof = part.querySelector(".proof");
  for (const place of all("[data-form-error]", form)) place.replaceChildren();
  if (form.id === "bind" && !isForTyped(proof)) return sendCode(proof.querySelector("[data-when=unsent] [data-send]"));
  const scopes = button.dataset.without || part === form || part.dataset.part === "3" ? form : part;
  const wrong = faulty(scopes).filter((field) => !(without && (field.name + (field.dataset.again ?? "")).endsWith(without)));
  if (wrong.length) return goTo(wrong[0]);
  if (proof && part !== form && !without && !(await checkCode(proof, button))) return;
  if (proof && part === form && !isForTyped(proof)) {
    complain(targetOf(proof), word("prove"));
    return targetOf(proof).focus();
  }
  if (scopes === part && part !== form) {
    location.hash = `#${form.id}-${Number(part.dataset.part) + 1}`;
    return;
  }
  await whileBusy(button, () => carryOut(form, without));
}

async function carryOut(form, without) {
  const path = form.dataset.call.startsWith("/") ? form.dataset.call : `${api}/${form.dataset.call}`;
  const answer = await call(path, bodyOf(form, without));
  if (answer.status >= 300 || answer.status === 0) return explain(form, answer);
  if (form.dataset.then === "activate") return location.assign(`/activate/${answer.body.id}`);
  if (form.dataset.then === "login") {
    forget(true);
    return location.assign(answer.body.login_url);
  }
  leaveView();
  await render();
}

// A refusal that came later names its field: it is marked as if it had been answered at once.
function markRefused() {
  for (const form of all("form[data-refused]")) {
    const [version, ...names] = form.dataset.refused.split(" ");
    if (!names.length || form.dataset.marked === version) continue;
    const fields = names.map((name) => form.elements.namedItem(name)).filter((field) => field?.id);
    for (const field of fields) field.setAttribute("aria-invalid", "true");
    form.dataset.marked = version;
    if (fields[0] && !form.closest(".view").hidden) goTo(fields[0]);
  }
}

async function copy(button) {
  await navigator.clipboard?.writeText(byId(button.dataset.copy).textContent);
  button.dataset.count = " ✓";
}

document.addEventListener("submit", (event) => {
  event.preventDefault();
  const button = event.submitter ?? partOf(event.target).querySelector(".buttons button");
  submit(event.target, button);
});
// Enter that ends a composition (Chinese, Japanese, Korean) is no Enter.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.isComposing || event.keyCode === 229)) event.preventDefault();
});
document.addEventListener("input", (event) => {
  note(event.target);
  forgive(event.target);
  showProofs();
});
document.addEventListener("change", (event) => note(event.target));
document.addEventListener("click", (event) => {
  const button = event.target.closest("button, a");
  if (!button) return;
  if (button.classList.contains("skip")) {
    event.preventDefault();
    main().querySelector(".view:not([hidden]) h1")?.focus();
  } else if (button.hreflang && button.search) {
    button.hash = location.hash;
  } else if (button.dataset.send !== undefined) sendCode(button);
  else if (button.dataset.check !== undefined) checkCode(button.closest(".proof"), button);
  else if (button.dataset.change !== undefined) changeTarget(button);
  else if (button.dataset.show !== undefined) togglePassword(button);
  else if (button.dataset.copy !== undefined) copy(button);
});
