// Alipay's `my`, as far as the mini-program uses it; anything else throws, and so does a call without what it requires.

import { chooseFiles, get, readStorage, uploadFile, writeStorage } from "./network.mjs";

// `device` has navigate, back, toast, calls, refusesPermission and reportsErrorsInFail: the two ways in which versions differ.
export function createMy(device) {
  const my = {
    chooseImage({ success, fail }) {
      if (device.refusesPermission) return fail({ error: 2001, errorMessage: "用户不允许授权" });
      return chooseFiles().then((chosen) => {
        const paths = chosen.map((file) => file.path);
        if (paths.length) success({ tempFilePaths: paths, apFilePaths: paths, tempFiles: chosen });
        else fail({ error: 11, errorMessage: "用户取消操作" });
      });
    },

    uploadFile(options) {
      demand("uploadFile", options, ["url", "filePath", "name", "fileType"]);
      const task = uploadFile({ url: options.url, headers: options.header, path: options.filePath, name: options.name });
      task.answered.then((answer) => {
        if (!answer) options.fail({ error: 12, errorMessage: "上传失败" });
        else answerHttp(options, answer, { statusCode: answer.status, data: answer.body, header: answer.headers });
      });
      return { onProgressUpdate: task.onProgress, abort: task.abort };
    },

    downloadFile(options) {
      demand("downloadFile", options, ["url"]);
      get(options.url, "file").then((answer) => {
        if (!answer) return options.fail({ error: 12, errorMessage: "下载失败" });
        if (device.reportsErrorsInFail && answer.status >= 400) return options.fail({ error: 12, errorMessage: "下载失败" });
        return options.success({ tempFilePath: answer.path, apFilePath: answer.path, statusCode: answer.status, header: answer.headers });
      });
    },

    request(options) {
      demand("request", options, ["url"]);
      get(options.url, "text").then((answer) => {
        if (!answer) options.fail({ error: 12, errorMessage: "网络出错" });
        else answerHttp(options, answer, { status: answer.status, data: answer.text, headers: answer.headers });
      });
    },

    showToast(options) {
      demand("showToast", options, ["content"]);
      device.toast(options.content);
    },

    setClipboard(options) {
      demand("setClipboard", options, ["text"]);
      options.success({ success: true });
    },

    previewImage(options) {
      demand("previewImage", options, ["urls"]);
      if (typeof options.current !== "number") throw new TypeError("previewImage: current is an index");
    },

    saveImageToPhotosAlbum(options) {
      demand("saveImageToPhotosAlbum", options, ["filePath"]);
      if (device.refusesPermission) options.fail({ error: 2001, errorMessage: "用户不允许授权" });
      else options.success({});
    },

    getStorageSync: ({ key }) => ({ success: true, data: readStorage(key) }),
    setStorageSync: ({ key, data }) => writeStorage(key, data),
    getSystemInfoSync: () => ({ language: navigator.language, fontSizeSetting: device.fontSize, platform: "harness" }),
    navigateTo: ({ url }) => device.navigate(url),
    navigateBack: () => device.back(),
  };

  function answerHttp(options, answer, result) {
    if (device.reportsErrorsInFail && answer.status >= 400) options.fail({ error: 19, errorMessage: "HTTP错误", ...result });
    else options.success(result);
  }

  return recorded("my", my, device.calls);
}

export function demand(name, options, required) {
  for (const key of required) if (options[key] === undefined || options[key] === "") throw new TypeError(`${name} requires ${key}`);
}

export function recorded(global, api, calls) {
  return new Proxy(api, {
    get(target, name) {
      if (!(name in target)) throw new TypeError(`the harness has no ${global}.${String(name)}`);
      return (...given) => {
        calls.push({ name, given });
        return target[name](...given);
      };
    },
  });
}
