"use strict";

const terms = require("./terms");

// Every word that a person reads, in English and Chinese. `{name}` is filled in by `fill`.

const EN = {
  isChinese: false,
  tagline: "Change a picture by its URL",
  choose: "Choose a picture",
  sample: "Use a sample picture",
  chooseAnother: "Choose another",
  chooseHint: "Or drop one here, or paste it. JPEG, PNG, WebP, AVIF, HEIC, GIF and more.",
  chooseHintPhone: "From the album or the camera. You will see it changed at once.",
  uploading: "Uploading {percent}%",
  cancel: "Cancel",
  cancelled: "Upload cancelled",
  retry: "Try again",
  rename: "Upload under a new name",
  common: "Common changes",
  steps: "Steps",
  stepsHint: "Steps run from top to bottom. Add one, or tap a common change.",
  addStep: "Add a step",
  addButton: "Add",
  moveUp: "Move {name} up",
  moveDown: "Move {name} down",
  removeStep: "Remove {name}",
  more: "More settings",
  less: "Fewer settings",
  reset: "Reset",
  notSet: "not set",
  before: "Before",
  after: "After",
  both: "Both",
  original: "The uploaded picture",
  result: "The result",
  working: "Working…",
  cannotShow: "This browser cannot show {format}. The file itself is right: save it, or open it elsewhere.",
  size: "Size",
  dimensions: "Pixels",
  format: "Format",
  time: "Time",
  milliseconds: "{ms} ms",
  kept: "kept from before",
  made: "just made",
  url: "Address of the result",
  copy: "Copy URL",
  copied: "URL copied",
  open: "Open",
  save: "Save",
  saved: "Saved to the album",
  qr: "QR code",
  qrHint: "Scan it to open the result on a phone.",
  gallery: "Your pictures",
  galleryEmpty: "Pictures that you upload are listed here. The list stays on this device.",
  use: "Use {name}",
  forget: "Take {name} off the list",
  colourOf: "{name}, colour",
  requestId: "Request",
  token: "Upload token",
  qrLocal: "This server listens on this machine only; a phone cannot reach it.",
  notPicture: "{name} is not a picture.",
  remembered: "Uploaded: {name}",
  categories: { geometry: "Shape", colour: "Colour", compose: "Marks and text", output: "Output", report: "Measure" },
  presets: { rotate: "Rotate", thumbnail: "Thumbnail", circle: "Circle", webp: "WebP", watermark: "Watermark" },
  faults: {
    Offline: "The server cannot be reached. Check the connection, then try again.",
    PermissionRefused: "The permission was refused. You can allow it in the settings of this app.",
    InvalidArgument: "One of the settings is not possible.",
    MissingArgument: "A setting is missing.",
    BadRequest: "The server could not understand this request.",
    AccessDenied: "The server wants a token for this, and did not get the right one.",
    SignatureDoesNotMatch: "The server allows signed links only.",
    Expired: "This link has expired.",
    NoSuchKey: "This picture is no longer on the server. Upload it again.",
    NoSuchStyle: "The server has no style of this name.",
    NotFound: "The server has nothing at this address.",
    MethodNotAllowed: "The server does not allow this.",
    ObjectAlreadyExists: "Another picture on the server already has this name.",
    PreconditionFailed: "The picture on the server has changed meanwhile.",
    EntityTooLarge: "This file is larger than the server takes.",
    UnsupportedMediaType: "This file is not a picture that the server can read.",
    BadImage: "This picture is damaged, the server cannot read it.",
    ImageTooLarge: "This picture, or what is to be made of it, has too many pixels.",
    StoreUnavailable: "The server cannot reach its storage. Try again in a moment.",
    StoreTimeout: "The server's storage is too slow now. Try again in a moment.",
    SlowDown: "The server is busy. Try again in a few seconds.",
    RenderTimeout: "This took the server too long. Try a smaller picture or fewer steps.",
    StoreFull: "The server's storage is full.",
    InternalError: "Something went wrong on the server.",
    Unknown: "Something went wrong (status {status}).",
  },
};

const ZH = {
  isChinese: true,
  tagline: "改一下网址,图片就变了",
  choose: "选择图片",
  sample: "用示例图片试试",
  chooseAnother: "换一张",
  chooseHint: "也可以把图片拖到这里,或直接粘贴。支持 JPEG、PNG、WebP、AVIF、HEIC、GIF 等格式。",
  chooseHintPhone: "从相册选择或拍照,马上看到处理后的效果。",
  uploading: "正在上传 {percent}%",
  cancel: "取消",
  cancelled: "已取消上传",
  retry: "重试",
  rename: "换个名字上传",
  common: "常用处理",
  steps: "处理步骤",
  stepsHint: "步骤从上到下依次执行。点常用处理,或自己添加一步。",
  addStep: "添加一步",
  addButton: "添加",
  moveUp: "上移 {name}",
  moveDown: "下移 {name}",
  removeStep: "删除 {name}",
  more: "更多设置",
  less: "收起设置",
  reset: "还原",
  notSet: "未设置",
  before: "处理前",
  after: "处理后",
  both: "对比",
  original: "上传的原图",
  result: "处理结果",
  working: "处理中…",
  cannotShow: "浏览器无法显示 {format} 格式。文件本身没有问题,可以保存后查看。",
  size: "大小",
  dimensions: "像素",
  format: "格式",
  time: "用时",
  milliseconds: "{ms} 毫秒",
  kept: "取自已存结果",
  made: "刚刚生成",
  url: "结果的网址",
  copy: "复制网址",
  copied: "网址已复制",
  open: "打开",
  save: "保存",
  saved: "已保存到相册",
  qr: "二维码",
  qrHint: "用手机扫码即可打开结果。",
  gallery: "我的图片",
  galleryEmpty: "上传过的图片会列在这里,列表只保存在本机。",
  use: "使用 {name}",
  forget: "从列表中移除 {name}",
  colourOf: "{name},颜色",
  requestId: "请求编号",
  token: "上传令牌",
  qrLocal: "服务器只在本机上监听,手机还访问不到它。",
  notPicture: "{name} 不是图片。",
  remembered: "已上传:{name}",
  categories: { geometry: "形状", colour: "色彩", compose: "水印与文字", output: "输出", report: "测量" },
  presets: { rotate: "旋转", thumbnail: "缩略图", circle: "圆形", webp: "WebP", watermark: "水印" },
  faults: {
    Offline: "连接不上服务器。请检查网络,然后重试。",
    PermissionRefused: "没有获得权限。可以在本应用的设置里打开。",
    InvalidArgument: "有一项设置的值不可用。",
    MissingArgument: "还缺少一项设置。",
    BadRequest: "服务器看不懂这个请求。",
    AccessDenied: "服务器需要令牌,但没有收到正确的令牌。",
    SignatureDoesNotMatch: "服务器只接受签名的链接。",
    Expired: "这个链接已过期。",
    NoSuchKey: "服务器上已没有这张图片,请重新上传。",
    NoSuchStyle: "服务器上没有这个样式。",
    NotFound: "这个地址上什么也没有。",
    MethodNotAllowed: "服务器不允许这样操作。",
    ObjectAlreadyExists: "服务器上已有另一张同名的图片。",
    PreconditionFailed: "服务器上的图片已经变了。",
    EntityTooLarge: "文件太大,超过了服务器的上限。",
    UnsupportedMediaType: "这个文件不是服务器能读取的图片。",
    BadImage: "图片已损坏,服务器无法读取。",
    ImageTooLarge: "原图或结果的像素太多。",
    StoreUnavailable: "服务器连接不上存储,请稍后重试。",
    StoreTimeout: "服务器的存储响应太慢,请稍后重试。",
    SlowDown: "服务器正忙,请过几秒重试。",
    RenderTimeout: "处理超时。请换一张小一点的图片,或减少步骤。",
    StoreFull: "服务器的存储空间已满。",
    InternalError: "服务器出错了。",
    Unknown: "出错了(状态码 {status})。",
  },
};

// The words for a system's language: "zh-CN", "zh_HK", "zh-Hans" and "en-US" are all seen in the wild.
function wordsFor(language) {
  return /^zh/i.test(language || "") ? ZH : EN;
}

// A parameter's or a unit's name in the language of `words`.
function nameTerm(words, name) {
  return (words.isChinese && terms.ZH[name]) || name;
}

function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

function formatBytes(bytes) {
  if (bytes === null || bytes === undefined) return "";
  if (bytes < 1000) return bytes + " B";
  if (bytes < 1000000) return (bytes / 1000).toFixed(bytes < 100000 ? 1 : 0) + " KB";
  return (bytes / 1000000).toFixed(1) + " MB";
}

// A report in words: JSON with its indents, anything else as it is.
function formatReport(text) {
  return /^\s*[[{]/.test(text) ? JSON.stringify(JSON.parse(text), null, 2) : text;
}

module.exports = { EN, ZH, wordsFor, fill, formatBytes, formatReport, nameTerm };
