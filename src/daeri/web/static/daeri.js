// What happens live on a page: sending a question once, following a run's events, stopping it.
// Pages work without this file; the server's markup is the truth, and this only fetches it again at the right moment.

const talk = () => document.getElementById("talk");
const words = () => document.getElementById("words").dataset;
const announce = (text) => { document.getElementById("live").textContent = text; };
let source = null;
let poll = 0;
let sending = false;

/** Leave what a person opened or closed as they left it. */
function keep(details, open) {
  details.open = open;
  details.dataset.kept = "";
}

/** Take the conversation over from a freshly fetched page. The field stays where it is: a syllable may be half composed. */
function show(html, address) {
  const page = new DOMParser().parseFromString(html, "text/html");
  const fresh = page.querySelector(".turns, .hello");
  if (!fresh) return page.querySelector("#problem, h1")?.textContent ?? words().failed;
  for (const turn of fresh.querySelectorAll(".turn")) {
    const was = document.getElementById(turn.id)?.querySelector(".margin details[data-kept]");
    if (was) keep(turn.querySelector(".margin details"), was.open);
  }
  talk().querySelector(".turns, .hello").replaceWith(fresh);
  for (const hidden of page.querySelectorAll("#ask input")) document.getElementById("ask").elements[hidden.name].value = hidden.value;
  const stop = page.getElementById("stop");
  document.getElementById("stop")?.remove();
  document.getElementById("send").hidden = stop !== null;
  if (stop) document.getElementById("ask").append(stop);
  document.title = page.title;
  for (const part of [".menu", ".api"]) document.querySelector(part).replaceWith(page.querySelector(part));
  if (address && address !== location.pathname) history.pushState(null, "", address);
  return "";
}

/** Show the page as it is now; say whether that worked. */
async function reload() {
  const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } }).catch(() => null);
  if (answer?.redirected && new URL(answer.url).pathname === "/login") location.assign(answer.url);
  else if (answer?.ok) return show(await answer.text()) === "";
  return false;
}

/** Try again in a while what the server did not answer now. */
function later() {
  clearTimeout(poll);
  poll = setTimeout(() => reload().then(follow), 3000);
}

/** Send a form that asks; on trouble the words stay where they were typed. */
async function send(form, submitter) {
  const field = form.querySelector("textarea");
  if (sending || (field && !field.value.trim())) return;
  sending = true;
  const body = new FormData(form, submitter);
  const text = field?.value;
  if (field) field.value = "";
  talk().setAttribute("aria-busy", "true");
  let trouble = words().failed;
  try {
    const answer = await fetch(form.getAttribute("action"), { method: "POST", body: new URLSearchParams(body), headers: { "X-Daeri-Live": "1" } });
    const address = new URL(answer.url).pathname;
    if (answer.redirected && address === "/login") return location.assign(answer.url);
    trouble = show(await answer.text(), answer.ok ? address : "");
  } catch (error) {
    console.warn(error);
  } finally {
    sending = false;
    talk().removeAttribute("aria-busy");
  }
  document.getElementById("trouble").textContent = trouble;
  if (trouble && text && !field.value) field.value = text;
  if (document.activeElement === document.body) document.getElementById("question").focus({ preventScroll: true });
  toEnd(calm());
  follow();
}

const isAtEnd = () => innerHeight + scrollY > document.documentElement.scrollHeight - 120;
const toEnd = (behavior) => scrollTo({ top: document.documentElement.scrollHeight, behavior });
const calm = () => (matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth");
const span = (name, text) => Object.assign(document.createElement("span"), { className: name, textContent: text });
const took = (ms) => (ms < 1 ? words().less : ms < 1000 ? words().ms.replace("#", Math.round(ms)) : words().s.replace("#", (ms / 1000).toFixed(1)));

/** One line of "what happened", made when its step starts and filled when it ends. */
function step(list, event) {
  const kind = event.kind ?? "execute";
  const key = String(event.step ?? kind);
  let line = [...list.children].find((each) => each.dataset.key === key);
  if (!line) {
    line = document.createElement("li");
    line.dataset.key = key;
    const name = document.createElement("b");
    name.textContent = words()[kind] ?? kind;
    line.append(name, span("ms", words().running), span("sum", (kind === "answer" ? "" : event.summary) ?? event.operation ?? ""));
    list.append(line);
  }
  const over = event.type.endsWith("finished");
  line.dataset.status = over ? (event.refused ? "refused" : "done") : "running";
  if (!over) return;
  line.querySelector(".ms").textContent = event.refused ? words().refused : took(event.ms ?? 0);
  if (event.summary && kind !== "answer") line.querySelector(".sum").textContent = event.summary;
  announce(`${line.firstChild.textContent} ${event.summary ?? event.operation ?? ""}`);
}

/** Follow the newest run that has not ended: one stream a tab, none while the tab is hidden. */
function follow() {
  source?.close();
  source = null;
  clearTimeout(poll);
  const open = [...document.querySelectorAll("[data-live]")];
  if (!open.length || document.hidden) return;
  const running = open.filter((turn) => ["queued", "running", "waiting_run"].includes(turn.dataset.status));
  const turn = (running.length ? running : open).at(-1);
  if (open.length > 1) poll = setTimeout(() => reload().then(follow), 8000);
  const id = turn.dataset.live;
  const shown = turn.dataset.status;
  const place = () => document.getElementById(id);
  let steps = null;
  let status = shown;
  let calmed = 0;
  const stream = new EventSource(`/v1/runs/${id}/events`);
  source = stream;
  const on = (types, act) => types.forEach((type) => stream.addEventListener(type, (message) => act(JSON.parse(message.data))));
  // A stream begins with what already was; only where it comes to rest differs from the page is there news.
  const becomes = (next) => {
    status = next;
    clearTimeout(calmed);
    calmed = setTimeout(async () => {
      if (stream !== source || status === shown) return;
      stream.close();
      const atEnd = isAtEnd();
      if (!await reload()) return later();
      if (atEnd) toEnd(calm());
      const text = place()?.querySelector(".answer")?.textContent.trim();
      announce(status === "waiting_approval" ? words().waiting : status === "running" ? "" : text || words().done);
      follow();
    }, 40);
  };
  stream.addEventListener("error", () => { if (stream === source && stream.readyState === EventSource.CLOSED) later(); });
  on(["run.waiting"], (event) => becomes(event.status));
  on(["run.resumed"], (event) => becomes(event.status === "waiting_run" ? event.status : "running"));
  on(["agent.asked"], () => becomes("waiting_run"));
  on(["agent.answered"], () => becomes("running"));
  on(["run.succeeded", "run.failed", "run.cancelled", "stream.end"], (event) => becomes(event.status));
  if (shown === "waiting_approval") return;
  on(["step.started", "step.finished", "tool.started", "tool.finished"], (event) => {
    if (!steps) { steps = place().querySelector(".steps"); steps.replaceChildren(); }
    step(steps, event);
  });
  on(["message.restarted"], (event) => { place().querySelector(".answer").textContent = event.text; });
  let begun = false;
  on(["message.delta"], (event) => {
    const answer = place().querySelector(".answer");
    if (!begun) answer.replaceChildren();
    begun = true;
    answer.append(event.delta ?? event.text ?? "");
    place().querySelector(".working")?.remove();
  });
}

function stop() {
  document.getElementById("stop")?.click();
}

/** Enter sends once, also when a Hangul syllable is still being composed: then it waits for that syllable. */
function typing(field) {
  let composing = false;
  let wanted = false;
  let entered = false;
  const submit = () => field.form.requestSubmit(document.getElementById("send"));
  field.addEventListener("compositionstart", () => { composing = true; });
  field.addEventListener("compositionend", () => {
    composing = false;
    if (!wanted) return;
    wanted = false;
    setTimeout(submit);
  });
  field.addEventListener("keydown", (event) => {
    entered = event.key === "Enter" && !event.shiftKey;
    if (event.key === "Escape") stop();
    if (!entered) return;
    if (composing || event.isComposing) { wanted = true; return; }
    event.preventDefault();
    submit();
  });
  field.addEventListener("beforeinput", (event) => {
    if (entered && (event.inputType === "insertLineBreak" || event.inputType === "insertParagraph")) event.preventDefault();
  });
  field.addEventListener("keyup", () => { entered = false; });
}

if (talk()) {
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-send]") || event.submitter?.hasAttribute("formaction")) return;
    event.preventDefault();
    send(event.target, event.submitter);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target.id !== "question") stop();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || !document.querySelector("[data-live]")) follow();
    else reload().then(follow);
  });
  addEventListener("popstate", () => location.reload());
  const question = document.getElementById("question");
  typing(question);
  if (matchMedia("(min-width: 900px)").matches) question.focus({ preventScroll: true });
  if (matchMedia("(max-width: 1119px)").matches) {
    for (const turn of document.querySelectorAll(".turn:not([data-live]) .margin details")) turn.open = false;
  }
  if (document.querySelector(".turn") && !location.hash) toEnd("instant");
  follow();
}

document.addEventListener("click", (event) => {
  const steps = event.target.closest?.(".margin summary")?.parentElement;
  if (steps) steps.dataset.kept = "";
  const sheet = document.querySelector(".account[open]");
  if (sheet && !sheet.contains(event.target)) sheet.open = false;
});
document.addEventListener("keydown", (event) => {
  const sheet = document.querySelector(".account[open]");
  if (event.key !== "Escape" || !sheet) return;
  sheet.open = false;
  sheet.querySelector("summary").focus();
});
