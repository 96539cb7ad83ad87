// What is whole and what is missing of each node's chain; who did what, and who looked.
import { $, ask, dateText, element, figure, place, table } from "/parts.js";
import { word } from "/words.js";

export async function drawChains(options) {
  const { chains, audits, accesses } = await ask("/api/chains", options);
  table($("chains"), [word("node"), word("held"), word("last"), word("missing"), word("given_up"), word("equivocations"), word("mark")],
    chains.map(chain => [chain.node, figure(chain.held), figure(chain.last), figure(chain.missing), figure(chain.given_up), figure(chain.equivocations),
      element("span", { className: chain.missing || chain.equivocations ? "bad" : "ok", textContent: chain.equivocations ? word("alarm") : chain.missing ? word("gap") : word("whole") })]));
  $("audits").replaceChildren(...audits.map(item => act(item, `${place(item)} · ${word(`did-${item.action}`)}`)));
  $("accesses").replaceChildren(...accesses.map(item => act(item, `${item.node.split("/").pop()} (${word(item.role)})`)));
}

function act(item, who) {
  const what = [item.subject, item.outcome].filter(Boolean).map(word).join(": ");
  return element("li", {}, element("time", { textContent: dateText(item.at) }), [who, what].filter(Boolean).join(" · "));
}
