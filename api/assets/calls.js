// Calls of the API: one intention has one key, so that it can be sent again whenever its answer was lost.

const intentions = new Map();
const LONGEST_PAUSE = 15000;

function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function once(path, text, key) {
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json", "Accept-Language": language, "Idempotency-Key": key },
      body: text,
      cache: "no-store",
    });
    setClock(answer.headers.get("Date") ?? "");
    const body = await answer.json().catch(() => ({}));
    return { status: answer.status, body, after: Number(answer.headers.get("Retry-After")) };
  } catch {
    return { status: 0, body: { code: "offline" }, after: 0 };
  }
}

// Sends it until it is answered: a network that is away, or a server that restarts, is waited for.
async function call(path, body) {
  const text = JSON.stringify(body);
  const intention = `${path} ${text}`;
  const key = intentions.get(intention) ?? newKey();
  intentions.set(intention, key);
  for (let tries = 1; ; tries++) {
    const answer = await once(path, text, key);
    const isPassing = [0, 502, 503, 504].includes(answer.status) || answer.body.code === "idempotency-in-flight";
    if (!isPassing) {
      connection(null);
      // 429 and in-progress are not kept under the key: the same may be asked again with it. All else is the answer.
      intentions.delete(intention);
      return answer;
    }
    if (answer.body.code !== "idempotency-in-flight") connection(answer.status === 0 ? "offline" : "unavailable");
    await Promise.race([pause(jittered(Math.min(LONGEST_PAUSE, 1000 * 2 ** (tries - 1)))), online()]);
  }
}

const online = () => new Promise((go) => window.addEventListener("online", () => setTimeout(go, 300), { once: true }));
const isEnd = (answer) => answer.status === 401 || answer.body.code === "unknown-activation";
