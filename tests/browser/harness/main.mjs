// Runs a mini-program in an ordinary browser: reads it from /program/, keeps a stack of pages, draws the one on top.
//
// ?platform=wechat runs a converted one; ?errors=fail reports HTTP errors in `fail`; ?permission=refused; ?text=24.

import { checkTemplate } from "./check.mjs";
import { componentsFor } from "./components.mjs";
import { ALIPAY, WECHAT } from "./dialects.mjs";
import { parseMarkup } from "./markup.mjs";
import { createMy } from "./my.mjs";
import { readProgram } from "./program.mjs";
import { expand, patch } from "./render.mjs";
import { toCss } from "./style.mjs";
import { createWx } from "./wx.mjs";

const query = new URLSearchParams(location.search);
const dialect = query.get("platform") === "wechat" ? WECHAT : ALIPAY;
const native = componentsFor(dialect);

const stack = []; // of {instance, root, style, title}
const device = {
  calls: [],
  fontSize: Number(query.get("text") || 16),
  refusesPermission: query.get("permission") === "refused",
  reportsErrorsInFail: query.get("errors") === "fail",
  toast: showToast,
  navigate: (url) => openPage(url.split("?")[0].replace(/^\//, "")),
  back: goBack,
};
const globals = dialect === WECHAT ? { wx: createWx(device) } : { my: createMy(device) };
window.harness = { calls: device.calls, stack };

let program;

function addStyle(text) {
  const style = document.createElement("style");
  style.textContent = toCss(text);
  document.head.append(style);
  return style;
}

function openPage(path) {
  const { page, markup, style, title } = program.pages.get(path);
  const problems = checkTemplate(markup, page, dialect);
  if (problems.length) throw new Error(`${path}: ${problems.join("; ")}`);
  const root = document.createElement("div");
  root.className = "harness-page";
  document.getElementById("screen").append(root);
  const tree = parseMarkup(markup);
  const instance = Object.assign(Object.create(page), { data: structuredClone(page.data) });
  const draw = () => patch(root, expand(tree.children, instance.data, dialect), (handler, event) => instance[handler](event), native);
  instance.setData = (changes) => {
    for (const [at, value] of Object.entries(changes)) setAt(instance.data, at, structuredClone(value));
    draw();
  };
  stack.push({ instance, root, style: addStyle(style), title });
  showTop();
  draw();
  if (instance.onLoad) instance.onLoad({});
  if (instance.onShow) instance.onShow();
}

// "steps[0].fields[1].value" as setData takes it.
function setAt(data, at, value) {
  const names = at.replace(/\[(\d+)\]/g, ".$1").split(".");
  const last = names.pop();
  names.reduce((object, name) => object[name], data)[last] = value;
}

function goBack() {
  const { root, style } = stack.pop();
  root.remove();
  style.remove();
  showTop();
  const { instance } = stack[stack.length - 1];
  if (instance.onShow) instance.onShow();
}

function showTop() {
  stack.forEach((page, index) => {
    page.root.hidden = index < stack.length - 1;
    page.style.disabled = page.root.hidden;
  });
  document.getElementById("title").textContent = stack[stack.length - 1].title;
  document.getElementById("back").hidden = stack.length < 2;
}

function showToast(text) {
  const toast = document.getElementById("toast");
  toast.textContent = text;
  setTimeout(() => (toast.textContent = ""), 2000);
}

async function read(path) {
  const response = await fetch(`/program/${path}`);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.text();
}

try {
  document.documentElement.lang = navigator.language;
  document.getElementById("back").addEventListener("click", goBack);
  program = await readProgram(read, dialect, globals);
  addStyle(program.style);
  openPage(program.manifest.pages[0]);
  document.body.dataset.ready = "yes";
} catch (error) {
  document.body.dataset.error = error.message;
  throw error;
}
