// Turns what stands there into what came, touching only what differs: focus, typing, composing and scrolling stay.

// Attributes that belong to the buyer or to this script, not to the server.
const OWN_ATTRIBUTES = { DETAILS: ["open"], INPUT: ["aria-invalid", "type"], SELECT: ["aria-invalid"], SECTION: ["hidden"], FIELDSET: ["hidden"] };

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.id || node.dataset.key || "" : "");
const isSame = (one, other) => one.nodeName === other.nodeName && keyOf(one) === keyOf(other);

function morph(here, came) {
  if (here.nodeType !== Node.ELEMENT_NODE) {
    if (here.data !== came.data) here.data = came.data;
    return;
  }
  if (here.hasAttribute("data-own") && came.hasAttribute("data-own")) return;
  if (here.nodeName === "TIME" && here.dateTime === came.dateTime) return;
  morphAttributes(here, came);
  morphChildren(here, came);
}

function morphAttributes(here, came) {
  const own = OWN_ATTRIBUTES[here.nodeName] ?? [];
  for (const { name, value } of [...came.attributes]) {
    if (!own.includes(name) && here.getAttribute(name) !== value) here.setAttribute(name, value);
  }
  for (const { name } of [...here.attributes]) {
    if (!own.includes(name) && !came.hasAttribute(name)) here.removeAttribute(name);
  }
}

function morphChildren(here, came) {
  let next = here.firstChild;
  for (const child of [...came.childNodes]) {
    const key = keyOf(child);
    const match = key ? [...here.children].find((there) => keyOf(there) === key && isSame(there, child)) : next;
    if (match && isSame(match, child)) {
      if (match !== next) here.insertBefore(match, next);
      else next = next.nextSibling;
      morph(match, child);
    } else {
      here.insertBefore(child, next);
    }
  }
  while (next) {
    const after = next.nextSibling;
    next.remove();
    next = after;
  }
}
