// What was typed survives: reloading, closing, the back button, another tab, an ended session. Never a password, a code or
// a token: passwords live in this page's memory alone, so that a refusal does not ask for them again.

const SHELF = "landfall:";
const KEPT_FOR = 7 * 24 * 3600 * 1000;
const shelf = SHELF + (activation ?? "entry");
const passwords = new Map();
let typed = read();

function read() {
  try {
    return JSON.parse(localStorage.getItem(shelf)) ?? {};
  } catch {
    return {};
  }
}

// Another tab may have noted something meanwhile: only what changed here is changed there.
function remember(changes) {
  typed = { ...read(), ...changes };
  try {
    localStorage.setItem(shelf, JSON.stringify({ ...typed, at: Date.now() }));
  } catch {
    // A browser that keeps nothing still activates.
  }
}

// The end: nothing of it is kept. What is older than a week goes with it.
function forget(mine) {
  try {
    for (const key of Object.keys(localStorage).filter((key) => key.startsWith(SHELF))) {
      const at = JSON.parse(localStorage.getItem(key))?.at ?? 0;
      if ((mine && key === shelf) || Date.now() - at > KEPT_FOR) localStorage.removeItem(key);
    }
  } catch {
    // Nothing is kept there.
  }
  if (mine) {
    typed = {};
    passwords.clear();
  }
}

const isSecret = (field) => field.type === "password" || field.dataset.again !== undefined || passwords.has(field.id);
const isCode = (field) => field.autocomplete === "one-time-code";
const isChoice = (field) => field.type === "radio" || field.type === "checkbox";

// Under which name a field is kept; none if it is not.
function nameOf(field) {
  if (field.type === "hidden" || isCode(field) || isSecret(field)) return "";
  if (field.dataset.site !== undefined) return "site";
  return field.type === "radio" ? `${field.form?.id}-${field.name}` : field.id;
}

function note(field) {
  if (isSecret(field)) passwords.set(field.id, field.value);
  const name = nameOf(field);
  if (!name) return;
  remember({ [name]: field.type === "checkbox" ? field.checked : field.value });
  if (name === "site") restore();
}

function restore() {
  for (const field of all("input, select")) {
    if (passwords.has(field.id)) field.value = passwords.get(field.id);
    const value = typed[nameOf(field) || "?"];
    if (value === undefined) continue;
    if (field.type === "checkbox") field.checked = value;
    else if (field.type === "radio") field.checked = field.value === value;
    else if (field.nodeName !== "SELECT" || [...field.options].some((option) => option.value === value)) field.value = value;
  }
}
