// A verdict on its way: it waits a little, so that a wrong key can be taken back. A node learns from the first word only.
import { $, ask, place, sentence } from "/parts.js";
import { word } from "/words.js";

export const VERDICTS = ["received", "useful", "false", "unclear"];
const WAIT_MS = 5000;
let waiting = null; // {item, verdict, timer}
let told = () => {}, refused = () => {};

export function onVerdict(tell, refuse) { told = tell; refused = refuse; }

// One for the same event takes the place of the one before; one for another event lets that go.
export function say(item, verdict) {
  if (waiting?.item.id === item.id) clearTimeout(waiting.timer);
  else send();
  waiting = { item, verdict, timer: setTimeout(send, WAIT_MS) };
  drawWaiting();
}

export function takeBack() {
  clearTimeout(waiting?.timer);
  waiting = null;
  drawWaiting();
}

async function send() {
  if (!waiting) return;
  const { item, verdict, timer } = waiting;
  clearTimeout(timer);
  waiting = null;
  drawWaiting();
  try {
    await ask("/api/verdict", { method: "POST", keepalive: true, body: JSON.stringify({ node: item.node, event: item.id, verdict }) });
    told(item, verdict);
  } catch (error) { refused(error); }
}

export function drawWaiting() {
  $("waiting").hidden = !waiting;
  $("waiting-text").textContent = waiting ? word("leaves", word(waiting.verdict), `${place(waiting.item)} · ${sentence(waiting.item)}`, WAIT_MS / 1000) : "";
}

$("take-back").addEventListener("click", takeBack);
window.addEventListener("pagehide", send); // whoever closes the page has said it
