"use strict";

const config = require("../../config");
const { PALETTE } = require("../../lib/forms");
const gallery = require("../../lib/gallery");
const plan = require("../../lib/plan");
const { fill, formatReport } = require("../../lib/words");
const { readPictures, readPreferences, writePictures } = require("../../phone/device");
const { download, fetchOperations, fetchText, upload } = require("../../phone/send");
const faults = require("../../lib/faults");
const editing = require("./editing");
const { describeChips, describeFacts, describeFault, describeSteps } = require("./view");

const USER_CANCELLED = 11;
const PERMISSION_REFUSED = 2001;
const NO_FAULT = { isShown: false };

Page(Object.assign({
  data: {
    words: {},
    fontSize: 16,
    phase: "empty", // empty -> uploading -> ready; failed where the upload came to nothing
    isBefore: true,
    isWorking: false,
    originalPath: "",
    resultPath: "",
    report: "",
    progress: 0,
    progressText: "",
    fault: NO_FAULT,
    facts: [],
    notes: [],
    url: "",
    chips: [],
    steps: [],
    operationNames: [],
    palette: PALETTE,
  },

  onLoad() {
    this.operations = [];
    this.steps = [];
    this.open = [];
    this.key = "";
    this.path = ""; // the chosen file; kept for another try
    this.setData(readPreferences());
    this.loadOperations();
  },

  onShow() {
    const taken = getApp().globalData.key;
    if (!taken || !this.operations.length) return;
    getApp().globalData.key = "";
    this.setData({ originalPath: plan.address(config.base, this.operations, [], taken) });
    this.workOn(taken);
  },

  loadOperations() {
    fetchOperations(config.base).then(({ operations, fault }) => {
      if (fault) return this.showFault(fault, () => this.loadOperations());
      this.operations = operations;
      this.setData({ operationNames: operations.map((operation) => operation.name) });
      this.onShow();
    });
  },

  // --- choosing and uploading

  choose() {
    my.chooseImage({
      count: 1,
      sourceType: ["album", "camera"],
      success: (chosen) => this.send((chosen.tempFilePaths || chosen.apFilePaths)[0]),
      fail: (result) => {
        if (result.error === USER_CANCELLED) return;
        if (result.error === PERMISSION_REFUSED) this.showFault(faults.REFUSED, () => this.choose());
        else my.showToast({ type: "fail", content: result.errorMessage });
      },
    });
  },

  send(path) {
    if (this.sending) this.sending.cancel();
    this.path = path;
    this.setData({ phase: "uploading", originalPath: path, isBefore: true, fault: NO_FAULT, facts: [], notes: [], report: "", resultPath: "" });
    this.showProgress(0);
    const sending = upload(config, path, (percent) => this.showProgress(percent));
    this.sending = sending;
    sending.answered.then(({ file, fault, cancelled }) => {
      if (this.sending !== sending) return; // another picture was chosen meanwhile
      this.sending = null;
      if (file) return this.take(file);
      this.setData({ phase: "failed" });
      const again = () => this.send(path);
      if (cancelled) this.offerRetry(this.data.words.cancelled, again);
      else this.showFault(fault, again);
    });
  },

  showProgress(percent) {
    this.setData({ progress: percent, progressText: fill(this.data.words.uploading, { percent }) });
  },

  cancel() {
    this.sending.cancel();
  },

  take(file) {
    writePictures(gallery.add(readPictures(), file));
    this.workOn(file.key);
  },

  workOn(key) {
    this.key = key;
    this.setData({ phase: "ready", isBefore: false });
    this.redraw();
    this.refresh();
  },

  // --- the plan (what a person does to it stands in editing.js)

  setSteps(steps) {
    this.steps = steps;
    this.redraw();
    this.refresh();
  },

  redraw() {
    const words = this.data.words;
    const keys = readPictures().map((picture) => picture.key);
    this.setData({
      chips: describeChips(this.operations, this.steps, words),
      steps: describeSteps(this.operations, this.steps, keys, this.open, words),
      url: plan.address(config.base, this.operations, this.steps, this.key),
    });
  },

  // --- the result

  refresh() {
    const url = this.data.url;
    const fetching = plan.reports(this.operations, this.steps) ? fetchText(url) : download(url);
    this.setData({ isWorking: true });
    fetching.then(({ path, text, facts, fault }) => {
      if (this.data.url !== url) return; // a newer plan took over
      this.setData({ isWorking: false });
      if (fault) return this.showFault(fault, () => this.refresh());
      this.setData({
        fault: NO_FAULT,
        resultPath: path || "",
        report: text ? formatReport(text) : "",
        facts: describeFacts(facts, this.data.words),
        notes: facts.notes,
      });
    });
  },

  showFault(fault, again) {
    this.again = again;
    this.setData({ fault: describeFault(fault, this.data.words) });
  },

  offerRetry(title, again) {
    this.again = again;
    this.setData({ fault: { isShown: true, isCalm: true, title, canRetry: true } });
  },

  retry() {
    this.setData({ fault: NO_FAULT });
    this.again();
  },

  showBefore() {
    this.setData({ isBefore: true });
  },

  showAfter() {
    this.setData({ isBefore: false });
  },

  preview() {
    my.previewImage({ current: 0, urls: [this.data.url] });
  },

  copyUrl() {
    my.setClipboard({ text: this.data.url, success: () => this.say(this.data.words.copied) });
  },

  save() {
    my.saveImageToPhotosAlbum({
      filePath: this.data.resultPath,
      success: () => this.say(this.data.words.saved),
      fail: (result) => {
        if (result.error !== USER_CANCELLED) this.showFault(faults.REFUSED, () => this.save());
      },
    });
  },

  say(content) {
    my.showToast({ type: "success", content });
  },

  openGallery() {
    my.navigateTo({ url: "/pages/gallery/gallery" });
  },
}, editing));
