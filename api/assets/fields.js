// Fields: their rules before anything is sent, their errors, passwords shown, countries and telephone numbers.

const CALLING =
  "AD376 AE971 AF93 AG1268 AI1264 AL355 AM374 AO244 AQ672 AR54 AS1684 AT43 AU61 AW297 AX358 AZ994 BA387 BB1246 BD880 BE32 " +
  "BF226 BG359 BH973 BI257 BJ229 BL590 BM1441 BN673 BO591 BQ599 BR55 BS1242 BT975 BV47 BW267 BY375 BZ501 CA1 CC61 CD243 " +
  "CF236 CG242 CH41 CI225 CK682 CL56 CM237 CN86 CO57 CR506 CU53 CV238 CW599 CX61 CY357 CZ420 DE49 DJ253 DK45 DM1767 " +
  "DO1809 DZ213 EC593 EE372 EG20 EH212 ER291 ES34 ET251 FI358 FJ679 FK500 FM691 FO298 FR33 GA241 GB44 GD1473 GE995 GF594 " +
  "GG44 GH233 GI350 GL299 GM220 GN224 GP590 GQ240 GR30 GS500 GT502 GU1671 GW245 GY592 HK852 HM672 HN504 HR385 HT509 HU36 " +
  "ID62 IE353 IL972 IM44 IN91 IO246 IQ964 IR98 IS354 IT39 JE44 JM1876 JO962 JP81 KE254 KG996 KH855 KI686 KM269 KN1869 " +
  "KP850 KR82 KW965 KY1345 KZ7 LA856 LB961 LC1758 LI423 LK94 LR231 LS266 LT370 LU352 LV371 LY218 MA212 MC377 MD373 ME382 " +
  "MF590 MG261 MH692 MK389 ML223 MM95 MN976 MO853 MP1670 MQ596 MR222 MS1664 MT356 MU230 MV960 MW265 MX52 MY60 MZ258 NA264 " +
  "NC687 NE227 NF672 NG234 NI505 NL31 NO47 NP977 NR674 NU683 NZ64 OM968 PA507 PE51 PF689 PG675 PH63 PK92 PL48 PM508 PN64 " +
  "PR1787 PS970 PT351 PW680 PY595 QA974 RE262 RO40 RS381 RU7 RW250 SA966 SB677 SC248 SD249 SE46 SG65 SH290 SI386 SJ47 " +
  "SK421 SL232 SM378 SN221 SO252 SR597 SS211 ST239 SV503 SX1721 SY963 SZ268 TC1649 TD235 TF262 TG228 TH66 TJ992 TK690 " +
  "TL670 TM993 TN216 TO676 TR90 TT1868 TV688 TW886 TZ255 UA380 UG256 UM1 US1 UY598 UZ998 VA39 VC1784 VE58 VG1284 VI1340 " +
  "VN84 VU678 WF681 WS685 YE967 YT262 ZA27 ZM260 ZW263";

const characters = (text) => [...text].length;
const atMost = (limit) => (text) => characters(text) <= limit;
const isName = (text) => /^[A-Za-z][A-Za-z0-9._-]{2,31}$/.test(text);
const isIds = (text) => /^\d{1,32}$/.test(text);
const isAddress = (text) => /^[^\s@]+@[^\s@]+$/.test(text) && text.length <= 254;
// The rules of contract §3, as far as a page can tell before it asks; the server decides.
const RULES = {
  account_id: isIds,
  instance_id: isIds,
  email: isAddress,
  "create.owner.email": isAddress,
  "create.owner.username": isName,
  password: (text) => characters(text) >= 8 && characters(text) <= 128,
  "create.owner.password": (text) => characters(text) >= 8 && characters(text) <= 128,
  "company.name": atMost(128),
  "company.industry": atMost(64),
  "workspace.name": atMost(64),
  "create.name": atMost(64),
};

// Full-width forms count as their ASCII form.
const plain = (text) => text.normalize("NFKC").trim();

function fault(field) {
  const text = isSecret(field) ? field.value : plain(field.value);
  if (field.type === "checkbox") return field.required && !field.checked ? word("terms") : "";
  if (text === "") return field.required ? word("required") : "";
  if (field.dataset.again !== undefined) return byId(field.dataset.again).value === field.value ? "" : word("mismatch");
  const rule = field.form?.id === "bind" ? atMost(254) : field.name === "username" ? isName : RULES[field.name];
  return rule && !rule(text) ? word("rule") : "";
}

function complain(field, ...words) {
  const place = byId(`${field.id}-error`);
  if (!place) return;
  place.replaceChildren(...words);
  field.setAttribute("aria-invalid", "true");
}

function forgive(field) {
  if (field.getAttribute("aria-invalid") !== "true") return;
  byId(`${field.id}-error`)?.replaceChildren();
  field.setAttribute("aria-invalid", "false");
}

// Every field of a form, or of one part of it, that does not keep its rule.
function faulty(scope) {
  return all("input, select", scope).filter((field) => {
    const why = field.disabled || field.type === "hidden" ? "" : fault(field);
    if (why) complain(field, why);
    else forgive(field);
    return why;
  });
}

const isSeen = (field) => field.getClientRects().length > 0;

// Where a form goes on when a code's field or button went away under the focus: at what the code still wants, else at the next
// field that is to be filled in, else at the button below. Nothing where the form itself went away.
function nextOf(form, proof) {
  if (!proof?.isConnected || !isSeen(form)) return undefined;
  const fields = all("input, select", form).filter((field) => isSeen(field) && fault(field));
  const isAfter = (field) => proof.compareDocumentPosition(field) & Node.DOCUMENT_POSITION_FOLLOWING;
  const wanted = isProven(proof) ? undefined : all("[data-send], [data-change]", proof).find(isSeen);
  return wanted ?? fields.find(isAfter) ?? fields[0] ?? all(".buttons button", form).find(isSeen);
}

function togglePassword(button) {
  const field = byId(button.dataset.show);
  const shown = field.type === "password";
  passwords.set(field.id, field.value);
  field.type = shown ? "text" : "password";
  button.setAttribute("aria-pressed", String(shown));
  button.textContent = word(shown ? "hide" : "show");
}

// The countries by name in the page's language; for telephone numbers with their code.
function fillCountries() {
  const selects = all("select[data-countries], select[data-calling]").filter((select) => !select.options.length);
  if (!selects.length) return;
  const names = new Intl.DisplayNames(language, { type: "region" });
  const countries = CALLING.split(" ").map((entry) => ({ id: entry.slice(0, 2), name: names.of(entry.slice(0, 2)), code: entry.slice(2) }));
  countries.sort((one, other) => one.name.localeCompare(other.name, language));
  const here = /-([A-Z]{2})$/.exec(navigator.language)?.[1] ?? (language === "en" ? "" : "CN");
  for (const select of selects) {
    const calls = select.dataset.calling !== undefined;
    select.add(new Option(word("none"), ""));
    for (const { id, name, code } of countries) select.add(new Option(calls ? `${name} +${code}` : name, id));
    select.value = calls ? here : select.dataset.value || "";
    if (select.selectedIndex < 0) select.selectedIndex = 0;
  }
}

// E.164, as the server takes it: with its country's code, without a trunk zero (which Italy keeps).
function telephone(field) {
  const number = plain(field.value).replace(/[\s().\/-]/g, "");
  if (number === "" || number.startsWith("+")) return number;
  if (number.startsWith("00")) return `+${number.slice(2)}`;
  const country = byId(`${field.id}-country`).value;
  const code = CALLING.split(" ").find((entry) => entry.startsWith(country))?.slice(2) ?? "";
  if (!country) return number;
  return `+${code}${["IT", "SM", "VA"].includes(country) ? number : number.replace(/^0/, "")}`;
}
