// Which part of a page is shown: named in the address, so that the back button, reloading and a second tab work.

let shownView = "";
let hasEnded = false;

function place() {
  const [name, ...rest] = decodeURIComponent(location.hash.slice(1)).split("=");
  const [, view, part] = /^(.*?)(?:-([123]))?$/.exec(name);
  return { view, part: part ?? "1", rest: rest.join("=") };
}

function viewNamed(name, rest) {
  const view = all(".view", main()).find((view) => view.dataset.view === name);
  if (name === "bind-workspace" && view && !fillBinding(view, rest)) return undefined;
  return view;
}

// The workspace that is about to be bound, as its row in the list says.
function fillBinding(view, workspace) {
  const row = all("[data-workspace]").find((row) => row.dataset.workspace === workspace);
  if (!row?.querySelector("a")) return false;
  view.querySelector("[data-fill=name]").textContent = row.querySelector("[data-name]").textContent;
  view.querySelector("[data-fill=site-label]").textContent = row.querySelector("[data-site-label]").textContent;
  view.querySelector("input[type=hidden]").value = workspace;
  return true;
}

function showView() {
  const { view: name, part, rest } = place();
  const view =
    (hasEnded && viewNamed("ended")) || viewNamed(name, rest) || viewNamed(main().dataset.view) || main().querySelector(".view");
  if (!view) return;
  for (const other of all(".view", main())) other.hidden = other !== view;
  const parted = view.querySelector("fieldset[data-part]");
  for (const fieldset of all("fieldset[data-part]", view)) fieldset.hidden = fieldset.dataset.part !== part;
  for (const mark of all("[data-mark]", view)) {
    if (mark.dataset.mark === part) mark.setAttribute("aria-current", "step");
    else mark.removeAttribute("aria-current");
  }
  const now = `${main().dataset.stage ?? ""} ${view.dataset.view} ${parted ? part : ""}`;
  const heading = view.querySelector("h1");
  document.title = `${heading.textContent} · ${document.title.split(" · ").pop()}`;
  if (now === shownView) return;
  // The first view is where reading begins anyway.
  if (shownView) arrive(parted && part !== "1" ? view.querySelector(`fieldset[data-part="${part}"] legend`) : heading);
  shownView = now;
}

function arrive(heading) {
  window.scrollTo(0, 0);
  heading.focus({ preventScroll: true });
}

// What was asked for is under way: the page goes where the activation is.
function leaveView() {
  if (location.hash) history.replaceState(null, "", location.pathname);
}

function showEnd() {
  hasEnded = true;
  showView();
}

window.addEventListener("hashchange", showView);
