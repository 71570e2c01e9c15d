"use strict";
// Plays CloudWatch around the widget: calls its function, strips what may not be in its HTML, and makes cwdb-action work.

const FORBIDDEN = "script,iframe,frame,object,embed,use,link,meta,base,noscript,template";
const PLACE = ["step", "status"];
const NARROWED = ["prefix", "error_text", "error_class", "kind"];
const element = (id) => document.getElementById(id);
const frame = element("frame");
const asked = new URLSearchParams(location.search);
const system = matchMedia("(prefers-color-scheme: dark)");

function theme() {
  const chosen = element("theme").value;
  return chosen === "system" ? (system.matches ? "dark" : "light") : chosen;
}

function timezone() {
  const minutes = -new Date().getTimezoneOffset();
  const two = (number) => String(Math.floor(Math.abs(number))).padStart(2, "0");
  const offset = `${minutes < 0 ? "-" : "+"}${two(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}`;
  return { label: "Local", offsetISO: offset, offsetInMinutes: minutes };
}

function forms() {
  const fields = [...frame.querySelectorAll("input[name],select[name],textarea[name]")];
  return Object.fromEntries(fields.map((field) => [field.name, field.value]));
}

function sanitized(html) {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  parsed.querySelectorAll(FORBIDDEN).forEach((found) => found.remove());
  for (const found of parsed.querySelectorAll("*")) {
    for (const { name, value } of [...found.attributes]) {
      if (name.startsWith("on") || /^\s*(javascript|data|vbscript):/i.test(value)) found.removeAttribute(name);
    }
  }
  return document.importNode(parsed.body, true).childNodes;
}

function confirmed(text) {
  const dialog = element("dialog");
  element("dialog-text").textContent = text;
  return new Promise((resolve) => {
    const close = (answer) => () => dialog.close(answer);
    element("cancel").onclick = close("");
    element("confirm").onclick = close("yes");
    dialog.returnValue = "";
    dialog.onclose = () => resolve(dialog.returnValue === "yes");
    dialog.showModal();
  });
}

function wire(action) {
  const trigger = action.previousElementSibling;
  const parameters = action.textContent;
  action.hidden = true;
  if (!trigger || action.getAttribute("action") !== "call") return;
  trigger.addEventListener("click", async () => {
    const question = action.getAttribute("confirmation");
    if (question !== null && !(await confirmed(question))) return;
    await call(action.getAttribute("endpoint"), JSON.parse(parameters), true);
  });
}

// What the address asks for is the first view, such as ?task=ID or ?view=list&step=Extract&status=ignored.
function linked() {
  const asked = new URLSearchParams(location.search);
  if (asked.has("task")) return { view: "task", task_id: asked.get("task") };
  const found = ["view", ...PLACE, ...NARROWED].filter((name) => asked.has(name));
  return found.length ? Object.fromEntries(found.map((name) => [name, asked.get(name)])) : null;
}

// The address of a task or a list can be sent to others; of all else it is that of the overview.
function remember(params, typed) {
  const address = new URL(location);
  for (const name of ["task", "view", ...PLACE, ...NARROWED]) address.searchParams.delete(name);
  const given = params?.search ? { ...params, ...typed } : params;
  const task = params?.view === "task" ? (params.task_id ?? typed.task_id) : null;
  const names = params?.view === "list" ? ["view", ...PLACE, ...NARROWED] : [];
  if (task) address.searchParams.set("task", task);
  for (const name of names) if (given[name]) address.searchParams.set(name, given[name]);
  history.replaceState(null, "", address);
}

function show({ title, failed, answer }) {
  element("title").textContent = title;
  if (failed || typeof answer !== "string") {
    const told = document.createElement("pre");
    told.textContent = JSON.stringify(answer, null, 2);
    frame.replaceChildren(told);
    return;
  }
  frame.replaceChildren(...sanitized(answer));
  frame.querySelectorAll("cwdb-action").forEach(wire);
}

async function call(endpoint, params, byHand) {
  const width = element("width").value;
  document.documentElement.dataset.theme = theme();
  frame.style.maxWidth = width ? `${width}px` : "";
  frame.setAttribute("aria-busy", "true");
  const seen = { theme: theme(), width: frame.clientWidth, height: 600, timezone: timezone(), forms: forms() };
  try {
    const answer = await fetch(location.pathname + location.search, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ endpoint, params, ...seen }),
    });
    show(answer.ok ? await answer.json() : { title: "Tasks", failed: true, answer: await answer.text() });
  } catch (error) {
    show({ title: "Tasks", failed: true, answer: `The local cloud does not answer: ${error.message}` });
  }
  remember(params, seen.forms);
  frame.setAttribute("aria-busy", "false");
  frame.dataset.shown = Number(frame.dataset.shown ?? 0) + 1;
  element("told").textContent = frame.querySelector("[role=status],[role=alert],h2")?.textContent ?? "";
  if (byHand) {
    frame.focus({ preventScroll: true });
    frame.scrollIntoView({ block: "start" });
  }
}

const anew = () => call(null, linked(), false);
element("theme").value = asked.get("theme") ?? "system";
element("width").value = asked.get("width") ?? "";
for (const id of ["theme", "width"]) element(id).addEventListener("change", anew);
system.addEventListener("change", anew);
element("refresh").addEventListener("click", anew);
anew();
