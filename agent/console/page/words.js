// Every word of the page, in Italian and English.
const WORDS = {
  it: {
    skip: "Vai al contenuto", now: "Adesso", map: "Nodi", history: "Storico", week: "Settimana", chain: "Catene",
    open: "Eventi aperti", calm: "Nessun evento aperto.", lately: "Ultimi messaggi",
    keys: "Tasti: ↑ ↓ scegliere, 1 ricevuto, 2 utile, 3 falso, 4 non chiaro.",
    since: "Dal", until: "Al", comune: "Comune", type: "Tipo", severity: "Gravità", search: "Cerca", node: "Nodo",
    quantity: "Grandezza", all: "tutti", acts: "Atti registrati",
    heat: "Media per quarto d'ora in ogni ora della settimana, ultime otto settimane; vuoto: non osservato.",
    connected: "Collegato al broker", lost: "BROKER NON RAGGIUNGIBILE", found: n => `${n} eventi`,
    received: "ricevuto", useful: "utile", false: "falso", unclear: "non chiaro", said: "Il verdetto è partito",
    refused: "Rifiutato", observed: "Osservato", expected: "Atteso", evidence: "Base", source: "Fonte", zone: "Zona",
    when: "Quando", mark: "Verifica", seq: "Numero", verdicts: "Verdetti", coverage: "Visto", clock: "Orologio",
    verified: "autentico", gap: "mancano numeri prima", late: "arrivato tardi", duplicate: "doppio",
    alarm: "CONTRO LA CATENA", unverified: "NON CREDUTO",
    up: "attivo", silent: "muto: la calma non è nota", alone: "MUTO mentre i vicini parlano", never: "non ancora sentito",
    down: "spento", nodes: (n, m, k) => `${n} nodi, ${m} muti, ${k} eventi aperti`, missing: "mancanti",
    held: "Conservati", last: "Ultimo", given_up: "Rinunciati", equivocations: "Doppi contenuti", whole: "intera",
    loitering: "sosta prolungata", occupancy: "affollamento", crossing: "attraversamento", tamper: "manomissione",
    sensor: "sensore", "help-button": "pulsante di aiuto", anomaly: "anomalia", accesses: "Chi ha guardato che cosa", by_person: "NON VERIFICATO: lo dice una persona", happened: "Attendibilità",
    report: "segnalazione", shown: "mostrato", store: "archivio", auditor: "revisore", publisher: "pubblicazione",
    events: "storico", chains: "catene", me: "chi sono", live: "in diretta", verdict: "verdetto",
    "did-boot": "avviato", "did-dropped": "ha rinunciato a messaggi", "did-refused": "ha rifiutato", "did-config-applied": "configurazione applicata",
    "did-mask-changed": "zone oscurate cambiate", "did-mode-changed": "modo cambiato", "did-model-applied": "modello applicato",
    "did-letter-refused": "lettera rifiutata", "did-command": "comando", "did-clock-stepped": "orologio spostato",
    "did-threshold-moved": "soglia spostata", "did-config-rolled-back": "configurazione ritirata", "did-config-refused": "configurazione rifiutata",
    "did-commissioning": "messa in servizio", "did-accepted": "collaudo accettato",
    dismiss: "Ho letto", operator: "sala operativa", police: "polizia", event: "Evento",
    info: "informazione", notice: "avviso", warning: "attenzione", alarm_severity: "allarme",
    days: ["lun", "mar", "mer", "gio", "ven", "sab", "dom"], opened: "aperto", updated: "aggiornato", closed: "chiuso",
  },
  en: {
    skip: "Skip to content", now: "Now", map: "Nodes", history: "History", week: "Week", chain: "Chains",
    open: "Open events", calm: "No event is open.", lately: "Latest messages",
    keys: "Keys: ↑ ↓ choose, 1 received, 2 useful, 3 false, 4 unclear.",
    since: "From", until: "To", comune: "Comune", type: "Type", severity: "Severity", search: "Search", node: "Node",
    quantity: "Quantity", all: "all", acts: "Recorded acts",
    heat: "Mean per quarter of an hour in each hour of the week, last eight weeks; empty: not observed.",
    connected: "Connected to the broker", lost: "NO BROKER", found: n => `${n} events`,
    received: "received", useful: "useful", false: "false", unclear: "unclear", said: "The verdict is on its way",
    refused: "Refused", observed: "Observed", expected: "Expected", evidence: "Rests on", source: "Source", zone: "Zone",
    when: "When", mark: "Check", seq: "Number", verdicts: "Verdicts", coverage: "Seen", clock: "Clock",
    verified: "genuine", gap: "numbers missing before it", late: "came late", duplicate: "duplicate",
    alarm: "AGAINST THE CHAIN", unverified: "NOT BELIEVED",
    up: "up", silent: "silent: calm is not known", alone: "SILENT while its neighbours speak", never: "not heard yet",
    down: "stopped", nodes: (n, m, k) => `${n} nodes, ${m} silent, ${k} open events`, missing: "Missing",
    held: "Held", last: "Last", given_up: "Given up", equivocations: "Second contents", whole: "whole",
    loitering: "loitering", occupancy: "occupancy", crossing: "crossing", tamper: "tampering",
    sensor: "sensor", "help-button": "help button", anomaly: "anomaly", accesses: "Who looked at what", by_person: "NOT VERIFIED: a person says so", happened: "Reliability",
    report: "report", shown: "shown", store: "store", auditor: "auditor", publisher: "publisher",
    events: "history", chains: "chains", me: "who I am", live: "live", verdict: "verdict",
    "did-boot": "started", "did-dropped": "gave up messages", "did-refused": "refused", "did-config-applied": "configuration applied",
    "did-mask-changed": "masks changed", "did-mode-changed": "mode changed", "did-model-applied": "model applied",
    "did-letter-refused": "letter refused", "did-command": "command", "did-clock-stepped": "clock moved",
    "did-threshold-moved": "threshold moved", "did-config-rolled-back": "configuration taken back", "did-config-refused": "configuration refused",
    "did-commissioning": "commissioning", "did-accepted": "accepted",
    dismiss: "Read", operator: "control room", police: "police", event: "Event",
    info: "info", notice: "notice", warning: "warning", alarm_severity: "alarm",
    days: ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], opened: "opened", updated: "updated", closed: "closed",
  },
};

let chosen = localStorage.getItem("language") || (navigator.language.startsWith("it") ? "it" : "en");

export const language = () => chosen;
export const word = (name, ...values) => {
  const found = WORDS[chosen][name];
  return typeof found === "function" ? found(...values) : found ?? name;
};
export function otherLanguage() {
  chosen = chosen === "it" ? "en" : "it";
  localStorage.setItem("language", chosen);
}
