// The page /flows: lists runs, shows one, and sends what a person decides. The admin token stays in this tab.
const find = (id) => document.getElementById(id);
const limit = 50;
let offset = 0;

function make(tag, text, attributes = {}) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function note(words, fault) {
  find("note").textContent = words;
  find("note").hidden = !words;
  find("note").classList.toggle("fault", Boolean(fault));
}

async function ask(path, body) {
  const headers = { Authorization: `Bearer ${sessionStorage.getItem("imgfn-admin") || ""}`, Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const method = body === undefined ? "GET" : "POST";
  const response = await fetch(`/flows/${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const told = await response.json();
  if (!response.ok) throw new Error(told.expected ? `${told.detail} (expected: ${told.expected})` : told.detail);
  return told;
}

function time(seconds) {
  return seconds ? new Date(seconds * 1000).toLocaleString() : "";
}

async function list() {
  const query = new URLSearchParams({ state: find("state").value, kind: find("kind").value, limit, offset });
  const { runs } = await ask(`runs?${query}`);
  if (offset === 0) find("list").replaceChildren();
  for (const run of runs) {
    const button = make("button", undefined, { type: "button" });
    const waits = run.at && run.at.waiting;
    button.append(
      make("span", waits ? "asks" : run.state, { class: run.state }),
      make("span", run.key || run.id, { class: "key" }),
      make("span", `${run.given.flow || run.kind} ${time(run.created)}`, { class: "soft" }),
    );
    if (run.reason) button.append(make("span", run.reason, { class: "reason" }));
    button.addEventListener("click", () => attempt(() => show(run.id)));
    const item = make("li");
    item.append(button);
    find("list").append(item);
  }
  if (offset === 0 && runs.length === 0) find("list").append(make("li", "No runs."));
  find("more").hidden = runs.length < limit;
  const health = await ask("health");
  if (health.faults.length) note(`The file of rules was not read: ${health.faults.join("; ")}`, true);
}

function stepRow(step) {
  const row = make("tr");
  const took = step.started && step.ended ? `${(step.ended - step.started).toFixed(2)} s` : "";
  const told = step.error || (step.output === null || step.output === undefined ? "" : JSON.stringify(step.output));
  row.append(make("td", step.name), make("td", time(step.started)), make("td", took), make("td", told.slice(0, 500)));
  return row;
}

async function show(id) {
  const run = await ask(`runs/${encodeURIComponent(id)}`);
  const place = find("run");
  place.replaceChildren(make("h2", run.key || run.id));
  place.append(make("p", `${run.given.flow || run.kind}: ${run.state}${run.at.step ? `, at step ${run.at.step}` : ""}`));
  if (run.reason) place.append(make("p", `${run.code}: ${run.reason}`, { class: "reason" }));
  if (run.picture) {
    const picture = make("img", undefined, { src: run.picture, alt: run.key, class: "large" });
    picture.addEventListener("error", () => picture.remove());
    place.append(picture);
  }
  const buttons = make("p", undefined, { class: "buttons" });
  const act = (words, path, body, kind) => {
    const button = make("button", words, { type: "button", class: kind || "" });
    button.addEventListener("click", () => attempt(async () => {
      const told = await ask(`runs/${encodeURIComponent(id)}/${path}`, body());
      note(told.outcome ? `The answer: ${told.outcome}.` : `The run is ${told.state}.`);
      await show(id);
    }));
    buttons.append(button);
  };
  if (run.state === "running" && run.at.waiting) {
    const reason = make("textarea", undefined, { rows: 2, "aria-label": "Reason", placeholder: "Reason (optional)" });
    place.append(reason);
    act("Approve", "answer", () => ({ decision: "approve", reason: reason.value }), "yes");
    act("Reject", "answer", () => ({ decision: "reject", reason: reason.value }), "no");
  }
  if (run.state === "failed" || run.state === "cancelled") act("Do again", "redo", () => ({}));
  if (run.state === "running" || run.state === "waiting") act("Cancel", "cancel", () => ({}));
  place.append(buttons);
  const table = make("table");
  const head = make("tr");
  for (const words of ["step", "started", "took", "result"]) head.append(make("th", words, { scope: "col" }));
  table.append(head, ...run.steps.map(stepRow));
  place.append(table, make("h3", "Input"), make("pre", JSON.stringify(run.given, null, 2)));
  place.append(make("p", `run ${run.id}, worker ${run.executor}, attempts ${run.attempts}`, { class: "soft" }));
  place.hidden = false;
  place.focus();
}

async function attempt(work) {
  note("");
  try {
    await work();
  } catch (error) {
    note(error.message, true);
  }
}

async function open() {
  await attempt(async () => {
    offset = 0;
    await list();
    find("login").hidden = true;
    find("runs").hidden = false;
  });
}

find("login").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("imgfn-admin", find("token").value);
  open();
});
find("filter").addEventListener("submit", (event) => {
  event.preventDefault();
  open();
});
find("more").addEventListener("click", () => attempt(async () => {
  offset += limit;
  await list();
}));
if (sessionStorage.getItem("imgfn-admin")) open();
