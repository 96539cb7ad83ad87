// What calls an operator who looks elsewhere: a sound, the title, a notification. The invariant: it rings for what cannot
// wait, until somebody touches the page, and says in words when it cannot be heard.
import { $, place, sentence, severity } from "/parts.js";
import { word } from "/words.js";

const AGAIN_MS = 20000; // a call that nobody answers is repeated
const TONES = [880, 660, 880], TONE_S = 0.18, GAP_S = 0.24, LOUD = 0.2;
const state = { wanted: localStorage.getItem("sound") === "on", calls: 0, raised: false, voice: null };

// A help button, smoke, a camera that is turned away; not what merely is more than usual.
export const isUrgent = item => item.phase === "opened" && (item.severity === "alarm" || (item.type === "report" && item.severity === "warning"));

export function call(text) {
  state.calls += 1;
  sound();
  drawTitle();
  if (document.hidden && window.Notification?.permission === "granted") new Notification("Piazza", { body: text, lang: document.documentElement.lang });
}

export const callFor = item => call(`${severity(item.severity)} · ${place(item)} · ${sentence(item)}`);

// A node that is silent while its neighbours speak stands in the title for as long as it is.
export function setRaised(raised) {
  if (raised && !state.raised) call(word("raised"));
  state.raised = raised;
  drawTitle();
}

function drawTitle() {
  document.title = [state.raised ? "⚠" : "", state.calls ? `(${state.calls})` : "", "Piazza"].filter(Boolean).join(" ");
}

function sound() {
  if (!state.wanted || state.voice?.state !== "running") return;
  TONES.forEach((pitch, number) => tone(pitch, state.voice.currentTime + number * GAP_S));
}

function tone(pitch, at) {
  const source = new OscillatorNode(state.voice, { frequency: pitch }), loudness = new GainNode(state.voice, { gain: LOUD });
  source.connect(loudness).connect(state.voice.destination);
  source.start(at);
  source.stop(at + TONE_S);
}

// A browser lets a page sound only after somebody has touched it.
async function wake() {
  if (!state.wanted) return;
  state.voice ??= new AudioContext();
  if (state.voice.state === "suspended") await state.voice.resume();
  drawRing();
}

export function drawRing() {
  const mute = state.wanted && state.voice?.state !== "running";
  $("sound").textContent = word(mute ? "sound_waits" : state.wanted ? "sound_on" : "sound_off");
}

async function turn() {
  state.wanted = !state.wanted;
  localStorage.setItem("sound", state.wanted ? "on" : "off");
  await wake();
  sound(); // so that whoever turns it on hears what it is like
  drawRing();
  if (state.wanted && window.Notification?.permission === "default") await Notification.requestPermission();
}

function answered() {
  if (state.calls) { state.calls = 0; drawTitle(); }
  if (state.voice?.state !== "running") wake();
}

for (const touch of ["keydown", "pointerdown"]) document.addEventListener(touch, answered, { capture: true });
$("sound").addEventListener("click", turn);
setInterval(() => { if (state.calls) sound(); }, AGAIN_MS);
