// Times in the buyer's zone, and what counts down. The server's clock decides: a buyer's may be wrong.

let skew = 0;

function setClock(serverTime) {
  const at = Date.parse(serverTime);
  if (!Number.isNaN(at)) skew = at - Date.now();
}

const serverNow = () => Date.now() + skew;

function inZone(date) {
  const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  const isToday = new Date(serverNow()).toDateString() === date.toDateString();
  const day = isToday ? {} : { year: "numeric", month: "short", day: "numeric" };
  return new Intl.DateTimeFormat(language, { ...day, ...clock, timeZoneName: "short" }).format(date);
}

function localise() {
  for (const time of all("time[datetime]")) {
    const text = inZone(new Date(time.dateTime));
    if (time.textContent !== text) time.textContent = text;
  }
}

// 75 → "1:15", half a minute → "0:30".
function span(ms) {
  const seconds = Math.ceil(ms / 1000);
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

function tick() {
  for (const until of all("[data-until]")) {
    const left = Date.parse(until.dataset.until) - serverNow();
    until.setAttribute("aria-hidden", "true");
    until.textContent = left > 0 ? word("in").replace("{}", span(left)) : word("now");
  }
  for (const button of all("button[data-after]")) {
    const left = Date.parse(button.dataset.after) - serverNow();
    if (left > 0) button.dataset.count = ` (${span(left)})`;
    else delete button.dataset.count;
    if (!button.classList.contains("busy")) button.setAttribute("aria-disabled", String(left > 0));
  }
}

setInterval(tick, 1000);
