// The playground: one state, and what each thing that a person does makes of it.
import { watchDropAndPaste } from "./dropping.js";
import { drawGallery, readPictures, writePictures } from "./gallery.js";
import { require } from "./lib.js";
import { copyUrl, offerToSave, showAddress, toggleQrCode } from "./link.js";
import { byId, element, fill, hide, say, show, translatePage, words } from "./page.js";
import { clearFault, offer, showFacts, showFault, showPicture, showReport } from "./result.js";
import { fetchOperations, fetchResult, upload } from "./send.js";
import { drawChips, drawMenu, drawSteps, focusStep } from "./steps.js";
import { drawViews, setView, showBefore } from "./views.js";

const { explain } = require("./faults");
const gallery = require("./gallery");
const plan = require("./plan");
const presets = require("./presets");

const config = { base: location.origin, token: sessionStorage.getItem("imgfn.token") || "" };

const state = {
  operations: [],
  pictures: readPictures(),
  chosen: null, // the file that was chosen last; kept for another try
  sending: null,
  key: "", // of the picture that is worked on
  localUrl: "", // the chosen file, as this browser shows it
  steps: [],
  fetching: new AbortController(),
};

// --- choosing and uploading

function choose(file, byContent = false) {
  if (!file) return; // the dialog was closed: nothing changes
  if (!file.type.startsWith("image/") && !/\.(heic|heif|avif|jxl)$/i.test(file.name)) {
    say(fill(words.notPicture, { name: file.name }));
  }
  if (state.sending) state.sending.cancel();
  state.chosen = { file, byContent };
  if (state.localUrl) URL.revokeObjectURL(state.localUrl);
  state.localUrl = URL.createObjectURL(file);
  state.key = "";
  enterWork();
  showBefore(state.localUrl);
  byId("after").removeAttribute("src");
  hide(byId("facts"), byId("link"), byId("panel"));
  setView("before");
  send();
}

async function send() {
  clearFault();
  const sending = upload(config, state.chosen.file, { byContent: state.chosen.byContent, onProgress: showProgress });
  state.sending = sending;
  showProgress(0);
  show(byId("upload"));
  const { file, fault, cancelled } = await sending.answered;
  if (state.sending !== sending) return; // another file was chosen meanwhile
  state.sending = null;
  hide(byId("upload"));
  if (file) take(file);
  else if (cancelled) offer(words.cancelled, [{ label: words.retry, act: send }]);
  else showUploadFault(fault);
}

function showProgress(percent) {
  byId("progress").value = percent;
  byId("progress-text").textContent = fill(words.uploading, { percent });
}

function showUploadFault(fault) {
  const { canRetry, canRename } = explain(fault, words);
  const another = { label: words.chooseAnother, act: () => byId("file").click() };
  const rename = { label: words.rename, act: () => { state.chosen.byContent = true; send(); } };
  const retry = { label: words.retry, act: send };
  const asksForToken = fault.code === "AccessDenied";
  const first = canRename ? [rename] : canRetry || asksForToken ? [retry] : [];
  showFault(fault, [...first, another], asksForToken ? drawTokenField() : null);
}

function drawTokenField() {
  const box = element("input", {
    type: "password",
    id: "token",
    autocomplete: "off",
    onchange: () => {
      config.token = box.value.trim();
      sessionStorage.setItem("imgfn.token", config.token);
    },
  });
  return element("div", { class: "field" }, element("div", { class: "name" }, element("label", { for: "token" }, words.token)), box);
}

// The picture is on the server: from here on every change is one GET.
function take(file) {
  state.pictures = gallery.add(state.pictures, file);
  writePictures(state.pictures);
  say(fill(words.remembered, { name: file.key }));
  workOn(file.key);
}

function use(key) {
  if (state.sending) state.sending.cancel();
  state.sending = null;
  state.localUrl = "";
  hide(byId("upload"));
  enterWork();
  showBefore(plan.address(config.base, state.operations, [], key));
  workOn(key);
}

function workOn(key) {
  state.key = key;
  showAsJpeg();
  show(byId("panel"));
  setView(byId("frames").dataset.view === "both" ? "both" : "after"); // who compares goes on comparing
  redrawGallery();
  redrawSteps();
  refresh();
}

// What the browser cannot show the server shows as JPEG: once it has the picture and we know that it is needed.
function showAsJpeg() {
  if (!state.key || byId("before").hasAttribute("src")) return;
  showBefore(plan.address(config.base, state.operations, plan.parse(state.operations, "format/jpg"), state.key));
}

// --- the plan

function setSteps(steps) {
  state.steps = steps;
  redrawSteps();
  refresh();
}

function redrawSteps() {
  const focusedChip = document.activeElement.dataset.preset;
  drawChips(state.operations, state.steps, (id) => setSteps(presets.toggle(state.operations, state.steps, id)));
  if (focusedChip) document.querySelector(`[data-preset="${focusedChip}"]`).focus();
  drawSteps(state.operations, state.steps, state.pictures.map((picture) => picture.key), {
    change: (id, key, value) => {
      state.steps = plan.change(state.steps, id, key, value);
      refresh(); // without a redraw: the person is in the middle of this form
    },
    move: (id, places) => {
      setSteps(plan.move(state.steps, id, places));
      focusStep(id, places < 0 ? 0 : 1);
    },
    remove: (id) => {
      setSteps(plan.remove(state.steps, id));
      byId("operations").focus();
    },
  });
}

function addStep() {
  const operation = plan.findOperation(state.operations, byId("operations").value);
  const step = plan.begin(operation, state.key);
  setSteps(plan.append(state.operations, state.steps, step));
  byId(step.id).querySelector("input, select, button:not(:disabled)").focus();
}

// --- the result

async function refresh() {
  const url = plan.address(config.base, state.operations, state.steps, state.key);
  state.fetching.abort();
  state.fetching = new AbortController();
  showAddress(url, config.base, state.key);
  byId("frames").setAttribute("aria-busy", "true");
  show(byId("working"));
  const result = await fetchResult(url, state.fetching.signal);
  if (!result) return; // a newer plan took over
  byId("frames").removeAttribute("aria-busy");
  hide(byId("working"));
  if (result.fault) return showResultFault(result.fault);
  clearFault();
  offerToSave(result.blob, state.key, result.facts.format);
  const isPicture = result.blob.type.startsWith("image/");
  showFacts(result.facts, await (isPicture ? showPicture(result.blob, result.facts.format) : showReport(result.blob)));
}

function showResultFault(fault) {
  const again = fault.code === "NoSuchKey" ? null : { label: words.retry, act: refresh };
  const resend = state.chosen && state.localUrl ? { label: words.retry, act: send } : null;
  const action = explain(fault, words).canRetry ? again || resend : null;
  showFault(fault, action ? [action] : []);
}

// --- the page

function enterWork() {
  hide(byId("welcome"));
  show(byId("pictures"));
  clearFault();
}

function redrawGallery() {
  drawGallery(config.base, state.pictures, state.key, {
    use,
    forget: (key) => {
      state.pictures = gallery.remove(state.pictures, key);
      writePictures(state.pictures);
      redrawGallery();
    },
  });
}

async function useSample() {
  const response = await fetch("/playground/sample.png");
  choose(new File([await response.blob()], "sample.png", { type: "image/png" }), true);
}

async function start() {
  translatePage();
  drawViews(showAsJpeg);
  const chooseFile = () => byId("file").click();
  byId("choose").addEventListener("click", chooseFile);
  byId("choose-another").addEventListener("click", chooseFile);
  byId("sample").addEventListener("click", useSample);
  byId("file").addEventListener("change", (event) => {
    choose(event.target.files[0]);
    event.target.value = ""; // so that the same file can be chosen again
  });
  byId("cancel").addEventListener("click", () => state.sending.cancel());
  byId("add").addEventListener("click", addStep);
  byId("copy").addEventListener("click", copyUrl);
  byId("qr-toggle").addEventListener("click", toggleQrCode);
  watchDropAndPaste(choose);
  await loadOperations();
}

async function loadOperations() {
  try {
    state.operations = await fetchOperations(config.base);
  } catch {
    return showFault({ code: "Offline" }, [{ label: words.retry, act: () => { clearFault(); loadOperations(); } }]);
  }
  drawMenu(state.operations);
  redrawGallery();
  document.body.dataset.ready = "yes";
}

start();
