"""The words of records of processing, Italian and English side by side; `{…}` takes a value."""

from __future__ import annotations

from typing import Literal

Language = Literal["it", "en"]

WORDS: dict[str, tuple[str, str]] = {
    "head-what": ("Voce", "Item"),
    "head-says": ("Contenuto", "Content"),
    "head-from": ("Fonte", "Source"),
    "open": ("☐ da completare dal titolare", "☐ to be completed by the controller"),
    "none": ("nessuno", "none"),
    "intro": (
        "Stato al {at}. Ogni numero viene dalla fonte indicata; le righe senza fonte sono da completare. Documenti: {papers}.",
        "As of {at}. Every number comes from its source; lines without one are to be completed. Documents: {papers}.",
    ),
    # The record of processing
    "register": (
        "Registro delle attività di trattamento (art. 30 GDPR)",
        "Record of processing activities (GDPR art. 30)",
    ),
    "controller": ("a) Titolare e contatti", "a) Controller and contacts"),
    "union": ("Unione", "Union"),
    "contact": ("Contatto", "Contact"),
    "dpo": ("Responsabile della protezione dei dati", "Data protection officer"),
    "joint": ("Comuni contitolari", "Municipalities, joint controllers"),
    "joint-contacts": (
        "Contatti dei contitolari e accordo interno (art. 26)",
        "Contacts of the joint controllers, and their arrangement (art. 26)",
    ),
    "purposes": ("b) Finalità e basi giuridiche", "b) Purposes and legal bases"),
    "own-basis": ("Base giuridica dell'Unione", "Legal basis of the union"),
    "purpose-of": ("{purpose}; base giuridica: {basis}", "{purpose}; legal basis: {basis}"),
    "subjects": ("c) Interessati e categorie di dati", "c) Data subjects and categories of data"),
    "passers": ("Interessati", "Data subjects"),
    "passers-are": (
        "Persone che attraversano i luoghi osservati; nessuna è identificata né riconosciuta",
        "People who pass the observed places; nobody is identified or recognised",
    ),
    "data": ("Categorie di dati", "Categories of data"),
    "data-are": (
        "Tipo, zona, ora, durata, conteggi, classe dell'oggetto, motivo in numeri; nessun campo per nomi, volti, targhe, testo",
        "Type, zone, time, duration, counts, class of object, reason in numbers; no field for names, faces, plates, text",
    ),
    "reporters": (
        "Interessati: chi segnala, dove il modulo è aperto",
        "Data subjects: who reports, where the form is open",
    ),
    "reporters-are": (
        "Le scelte di un modulo e un'area; né nome, né testo, né indirizzo di rete, né ora esatta",
        "The choices of a form and an area; no name, text, network address or exact time",
    ),
    "staff": ("Interessati: chi consulta e chi giudica", "Data subjects: who looks and who judges"),
    "staff-are": (
        "Nome della parte, domanda e ora di ogni consultazione, giudizi sugli eventi, firmati; conservati {days} giorni",
        "Name of the party, question and time of every look, verdicts on events, signed; kept {days} days",
    ),
    "recipients-title": ("d) Destinatari", "d) Recipients"),
    "recipients": ("Destinatari", "Recipients"),
    "processors": (
        "Responsabili del trattamento (art. 28): chi tiene o cura broker, archivio e nodi",
        "Processors (art. 28): who keeps or looks after broker, store and nodes",
    ),
    "own-record": (
        "Titolare autonomo; il registro di ciò che riceve è suo (D.Lgs. 51/2018, art. 20)",
        "A controller of its own; the record of what it receives is its own (legislative decree 51/2018, art. 20)",
    ),
    "receives": (
        "{what}; comuni: {comuni}; dal {since} al {until}; contatto: {contact}",
        "{what}; comuni: {comuni}; from {since} to {until}; contact: {contact}",
    ),
    "role-police": ("eventi: {events}", "events: {events}"),
    "role-operator": ("eventi: {events}", "events: {events}"),
    "role-statistics": ("conteggi", "counts"),
    "role-auditor": ("registri di controllo", "audit records"),
    "role-witness": ("firme di chiusura delle catene", "signed heads of the chains"),
    "role-public": ("conteggi pubblicati", "published counts"),
    "transfers": ("e) Trasferimenti verso paesi terzi", "e) Transfers to third countries"),
    "broker": ("{node}: broker", "{node}: broker"),
    "where-broker": ("Dove si trovano broker e archivio", "Where the broker and the store stand"),
    "safeguards": (
        "Paese terzo o organizzazione internazionale, e garanzie (artt. 45-49), o «nessuno»",
        "Third country or international organisation, and safeguards (art. 45-49), or “none”",
    ),
    "limits": ("f) Termini di cancellazione", "f) Time limits for erasure"),
    "store-keeps": ("Archivio dell'Unione, classe {klass}", "Store of the union, class {klass}"),
    "partner-keeps": ("{partner}, eventi ricevuti", "{partner}, events received"),
    "broker-keeps": ("Broker, eventi in attesa", "Broker, waiting events"),
    "days": ("{days} giorni", "{days} days"),
    "measures": ("g) Misure di sicurezza (art. 32)", "g) Security measures (art. 32)"),
    "signed": ("Firma e catena", "Signature and chain"),
    "signed-is": (
        "Ogni messaggio è firmato (Ed25519), numerato e legato al precedente; canale TLS 1.3 con certificati dei due lati",
        "Every message is signed (Ed25519), numbered and bound to the one before; TLS 1.3 with certificates of both sides",
    ),
    "from-contract": ("contratto {version}", "contract {version}"),
    "public-counts": ("Conteggi pubblicati", "Published counts"),
    "public-are": (
        "sotto {k} passaggi all'ora nulla è detto; rumore con ε = {epsilon} per passaggio",
        "below {k} passages in an hour nothing is told; noise with ε = {epsilon} for one passage",
    ),
    # What a node's configuration says
    "cameras": ("{node}: telecamere", "{node}: cameras"),
    "masks": ("{node}: zone oscurate, camera {thing}", "{node}: masked areas, camera {thing}"),
    "places": ("{node}: zone e linee contate, camera {thing}", "{node}: zones and lines counted, camera {thing}"),
    "labels": ("{node}: che cosa è cercato nelle immagini", "{node}: what is looked for in pictures"),
    "sensors": ("{node}: sensori", "{node}: sensors"),
    "sound": ("{node}: suono", "{node}: sound"),
    "events": ("{node}: tipi di eventi", "{node}: types of events"),
    "outbox_mb": ("{node}: memoria di transito, MB", "{node}: spool, MB"),
    "budget": ("{node}: kB all'ora in uscita, classe {thing}", "{node}: kB an hour outwards, class {thing}"),
    "learned_k": ("{node}: ogni numero appreso viene da almeno", "{node}: every learned number rests on at least"),
    "true": ("sì", "yes"),
    "false": ("no", "no"),
    # The impact assessment
    "dpia": (
        "Valutazione d'impatto sulla protezione dei dati (art. 35 GDPR), modello compilato dalla configurazione",
        "Data protection impact assessment (GDPR art. 35), a template filled from the configuration",
    ),
    "description": ("a) Descrizione del trattamento", "a) Description of the processing"),
    "necessity": ("b) Necessità e proporzionalità", "b) Necessity and proportionality"),
    "why-needed": ("Perché ogni finalità richiede questi dati", "Why each purpose needs these data"),
    "less": ("Alternative meno invasive considerate", "Less intrusive alternatives that were considered"),
    "minimal": ("Minimizzazione", "Minimisation"),
    "minimal-is": (
        "Escono solo conteggi ed eventi in campi chiusi: nessun campo può portare immagini, volti, targhe, suoni o testo",
        "Only counts and events in closed fields leave: no field can carry pictures, faces, plates, sound or text",
    ),
    "rights": ("Diritti degli interessati (artt. 11-22)", "Rights of data subjects (art. 11-22)"),
    "rights-are": (
        "Presso {contact}. Chi passa non è identificabile in ciò che esce (art. 11); di chi guarda restano gli accessi firmati",
        "At {contact}. Whoever passes cannot be identified in what leaves (art. 11); of whoever looks there are signed accesses",
    ),
    "rules": (
        "Norme da verificare oltre al GDPR: Linee guida EDPB 3/2019 sui dispositivi video; Provvedimento del Garante 8 aprile 2010",
        "Rules to check besides the GDPR: EDPB Guidelines 3/2019 on video devices; the Garante's decision of 8 April 2010",
    ),
    "police-rules": ("{partner}: D.Lgs. 51/2018", "{partner}: legislative decree 51/2018"),
    "police-rules-are": (
        "Ciò che riceve lo tratta come titolare autonomo secondo il D.Lgs. 51/2018, con registro e valutazione propri; ☐ ottenuti e allegati",
        "It processes what it receives as a controller of its own under legislative decree 51/2018, with its own record and assessment; ☐ obtained and attached",
    ),
    "risks": ("c) Rischi per i diritti e le libertà", "c) Risks to rights and freedoms"),
    "countered": ("d) Misure previste, per rischio", "d) Measures, for each risk"),
    "risk-identify": ("Riconoscimento di una persona", "Somebody is recognised"),
    "risk-follow": ("Ricostruzione degli spostamenti", "Movements are pieced together"),
    "risk-small": ("Un numero piccolo svela una persona", "A small number gives somebody away"),
    "risk-access": ("Accesso oltre quanto accordato", "Access beyond what was agreed"),
    "risk-long": ("Conservazione oltre il necessario", "Kept longer than needed"),
    "risk-creep": ("Ampliamento silenzioso (function creep)", "The purpose grows unseen (function creep)"),
    "risk-wrong": ("Decisioni su un evento sbagliato", "Decisions on a wrong event"),
    "risk-weight": (
        "☐ probabilità: …  gravità: …  rischio residuo: …",
        "☐ likelihood: …  severity: …  residual risk: …",
    ),
    "by-identify": (
        "Le immagini sono esaminate e dimenticate nel nodo; {masks} zone oscurate prima di ogni esame",
        "Pictures are looked at and forgotten inside the node; {masks} masked areas before anything looks",
    ),
    "by-follow": (
        "Nessun identificativo di persona sopravvive al suo evento, nessuno passa da un nodo all'altro",
        "No identifier of a person outlives its event, none passes from node to node",
    ),
    "by-access": (
        "{count} accordi in vigore diventano i permessi del broker, provati ruolo per ruolo, e finiscono da soli",
        "{count} agreements in force become the broker's permissions, tried role by role, and end by themselves",
    ),
    "by-long": (
        "`piazza erase` cancella ogni giorno; il termine più lungo per gli eventi è di {days} giorni",
        "`piazza erase` erases every day; the longest limit for events is {days} days",
    ),
    "by-creep": (
        "Ciò che allenta una protezione vuole la seconda firma del comune; configurazioni in uso: {digests}",
        "What loosens a protection needs the comune's second signature; configurations in use: {digests}",
    ),
    "by-wrong": (
        "Ogni evento dice perché; nessun allarme CAP senza la conferma di una persona; il giudizio torna al nodo",
        "Every event says why; no CAP alert without a person's word; the verdict returns to the node",
    ),
    "views": ("Parere degli interessati (art. 35.9)", "Views of data subjects (art. 35.9)"),
    "opinion": ("Parere del RPD (art. 35.2)", "Advice of the DPO (art. 35.2)"),
    "outcome": ("Esito", "Outcome"),
    "decision": ("Decisione e consultazione preventiva (art. 36)", "Decision, and prior consultation (art. 36)"),
    "review": ("Riesame", "Review"),
    "review-is": (
        "A ogni cambio di uno dei documenti elencati, e al più tardi il {day}, quando finisce un accordo",
        "When any of the listed documents changes, and on {day} at the latest, when an agreement ends",
    ),
    "review-open": ("A ogni cambio di uno dei documenti elencati", "When any of the listed documents changes"),
}
"""Word -> Italian, English."""


def said(word: str, language: Language, **values: object) -> str:
    """A word or sentence in a language, with its values."""
    return WORDS[word][("it", "en").index(language)].format(**values)
