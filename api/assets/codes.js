// Verification codes: sent, sent again, typed, checked; for whatever address or username is typed now.

const mask = (email) => `${[...email][0] ?? ""}***${email.slice(email.indexOf("@"))}`;
const codeField = (proof) => byId(proof.dataset.codeField);
const targetOf = (proof) => byId(proof.dataset.target);

// Whether the latest code is for what is typed. This browser knows what it asked for; another one knows only the mask.
function isForTyped(proof) {
  const { status, proof: purpose, sentTo } = proof.dataset;
  if (!status) return false;
  const now = plain(targetOf(proof).value);
  const asked = typed.asked?.[purpose];
  if (asked === null) return false;
  if (asked !== undefined && (!sentTo || mask(asked) === sentTo)) return now === asked;
  // On another device nothing is typed yet: a code that is on its way may be, but what is proven must be named.
  return now === "" ? status !== "proven" : !sentTo || mask(now) === sentTo;
}

const isProven = (proof) => proof.dataset.status === "proven" && isForTyped(proof);

function showProofs() {
  for (const proof of all(".proof")) {
    const sent = isForTyped(proof);
    for (const part of all("[data-when]", proof)) part.hidden = (part.dataset.when === "sent") !== sent;
    const after = proof.closest("form").querySelector("[data-after-proof]");
    if (after) after.hidden = !sent || !(codeField(proof) || isProven(proof));
  }
}

function sayAt(proof, ...words) {
  const place = proof.querySelector("[data-said]");
  place.replaceChildren(...words);
}

function whose(proof) {
  const purpose = proof.dataset.proof;
  const target = plain(targetOf(proof).value);
  return purpose === "billing_account" ? { purpose, username: target } : { purpose, email: target };
}

async function sendCode(button) {
  const proof = button.closest(".proof");
  const target = targetOf(proof);
  const why = fault(target);
  if (why) {
    complain(target, why);
    return target.focus();
  }
  await whileBusy(button, async () => {
    sayAt(proof);
    const before = codeField(proof)?.value;
    const body = whose(proof);
    const answer = await call(`${api}/verification-codes`, body);
    if (answer.status !== 202) return explain(proof.closest("form"), answer, proof);
    remember({ asked: { ...read().asked, [body.purpose]: body.username ?? body.email } });
    forgive(target);
    await render();
    const field = codeField(proof);
    if (!field) return;
    // What was typed before, and what was wrong with it, was another code.
    if (field.value === before) field.value = "";
    forgive(field);
    field.focus();
  });
}

// Proves the address there and then; whether it is proven now.
async function checkCode(proof, button) {
  if (isProven(proof)) return true;
  const field = codeField(proof);
  if (!isForTyped(proof) || !field) {
    complain(targetOf(proof), word("prove"));
    targetOf(proof).focus();
    return false;
  }
  if (plain(field.value) === "") {
    complain(field, word("required"));
    field.focus();
    return false;
  }
  let proven = false;
  await whileBusy(button, async () => {
    const answer = await call(`${api}/verification-codes/check`, { ...whose(proof), code: field.value });
    if (answer.status !== 200) return explain(proof.closest("form"), answer, proof);
    proven = true;
    await render();
  });
  return proven;
}

function changeTarget(button) {
  const proof = button.closest(".proof");
  remember({ asked: { ...read().asked, [proof.dataset.proof]: null } });
  sayAt(proof);
  showProofs();
  targetOf(proof).focus();
  targetOf(proof).select();
}
