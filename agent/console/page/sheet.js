// One event on a sheet: all that its node said of it, what people said, and what proves it. It has an address and prints on paper.
import { $, ask, clockText, dateText, element, figure, now, sentence, severity, terms, told } from "/parts.js";
import { word } from "/words.js";

const ADDRESS = /^#event\/([^/]+\/[^/]+\/[^/]+)\/([0-9a-f]{16})\/([0-9.]+)$/;
let before = "#now", address = "", looker = "", fail = () => {};

// Who looks stands on the sheet: it leaves the page.
export function prepare(who, failed) { looker = who; fail = failed; }

export const addressOf = item => `#event/${item.node}/${item.id}/${item.at}`;
export const link = item => element("a", { href: addressOf(item), textContent: word("sheet") });

// Open the sheet that the address names; whether it names one.
export function follow(from = "") {
  const found = ADDRESS.exec(decodeURIComponent(location.hash));
  if (!found) { $("sheet").close(); return false; }
  address = location.hash;
  before = from || before;
  open(...found.slice(1)).catch(error => { leave(); fail(error); });
  return true;
}

async function open(node, id, at) {
  draw(await ask(`/api/event?${new URLSearchParams({ node, event: id, at })}`));
  history.replaceState(null, "", address);
  if (!$("sheet").open) $("sheet").showModal();
}

function draw({ event, messages }) {
  $("sheet-title").textContent = sentence(event);
  $("sheet-body").replaceChildren(
    element("p", {}, element("b", { textContent: severity(event.severity) }), ` ${event.node}`, told(event)),
    terms([[word("source"), event.source], [word("zone"), event.zone || "–"], ...event.reasons.flatMap(reason),
      [word("coverage"), `${Math.round((event.quality.observed ?? 1) * 100)} %`],
      [word("verdicts"), event.verdicts.map(one => `${dateText(one.at)} ${one.by} (${word(one.role)}): ${word(one.verdict)}`).join("; ") || "–"]]),
    element("h3", { textContent: word("proof") }),
    table(messages),
    element("p", { className: "dim", textContent: word("printed_by", looker, dateText(now())) }));
}

const reason = one => [[word("quantity"), one.quantity], [word("observed"), figure(one.observed)],
  [word("expected"), figure(one.expected) + (one.spread ? ` ± ${figure(one.spread)}` : "")]];

function table(messages) {
  const names = ["what", "when", "signed_at", "seq", "digest", "signing_key", "mark"];
  const scroll = element("div", { className: "scroll", tabIndex: 0, ariaLabel: word("proof") }, element("table", {},
    element("thead", {}, element("tr", {}, ...names.map(name => element("th", { scope: "col", textContent: word(name) })))),
    element("tbody", {}, ...messages.map(row))));
  scroll.setAttribute("role", "region");
  return scroll;
}

const row = one => element("tr", {}, ...[word(one.phase), dateText(one.at), clockText(one.recorded_at), String(one.seq), one.digest, one.kid, word(one.mark)]
  .map(text => element("td", { textContent: text, className: [one.digest, one.kid].includes(text) ? "long" : "" })));

function leave() {
  if (location.hash === address) history.replaceState(null, "", before);
}

async function copy() {
  try {
    await navigator.clipboard.writeText(location.href);
    $("copied").textContent = word("copied");
  } catch { $("copied").textContent = location.href; } // to be marked and copied by hand
}

$("sheet").addEventListener("close", () => { $("copied").textContent = ""; leave(); });
$("sheet-close").addEventListener("click", () => $("sheet").close());
$("sheet-print").addEventListener("click", () => print());
$("sheet-copy").addEventListener("click", copy);
window.addEventListener("hashchange", event => follow(new URL(event.oldURL).hash));
